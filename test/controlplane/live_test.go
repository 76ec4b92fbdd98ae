//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// says runs sidecar-injector and matches regular expressions against its output.
func (p *patient) says(t *testing.T, kubeconfig string, code int, args []string, wanted ...string) string {
	t.Helper()
	text, got, err := ours(t.Context(), kubeconfig, args...)
	must(t, err)
	if got != code {
		t.Errorf("%s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, text)
	}
	for _, pattern := range wanted {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
			t.Errorf("%s: no line matches %s:\n%s", strings.Join(args, " "), pattern, text)
		}
	}
	return text
}

// TestExplainDiffAndStatusSpeakOfTheCluster runs the commands on workloads that the chart's injector has
// admitted, and on some that it has not.
func TestExplainDiffAndStatusSpeakOfTheCluster(t *testing.T) {
	p := newPatient(t)
	n := p.namespace
	createTemplate(t, "sidecartemplates", n, `{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"SidecarTemplate","metadata":{"name":"mine"},"spec":{"pod":{"spec":{"initContainers":[
		{"name":"mine","restartPolicy":"Always","image":"mine:1","resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}]}}}}`)
	deploy(t, n, "web", "log-collector")
	pod := podNamed(t, n, "web")

	admin := suite.kubeconfig
	t.Run("a workload that is as it should be", func(t *testing.T) {
		text := p.says(t, admin, 0, []string{"explain", "deploy/web", "-n", n},
			`^Deployment "web" in namespace "`+n+`" \(in the cluster\)$`, `^READY 2/2: 1 container of the app and 1 sidecar`,
			`^It has 2 pods now:$`, `^     2  current  log-collector@`)
		if strings.Contains(text, "note:") {
			t.Errorf("an administrator can read everything:\n%s", text)
		}
		p.says(t, admin, 0, []string{"explain", "pod/" + pod, "-n", n}, `AlreadyInjected`, `2 containers|1 container of the app and 1 sidecar that sidecar-injector added`)
		p.says(t, admin, 0, []string{"explain", "pods", "-l", "app=web", "-n", n}, `Pod "web-`)
		p.says(t, admin, 0, []string{"diff", "pod/" + pod, "-n", n})
		p.says(t, admin, 1, []string{"diff", "deploy/web", "-n", n}, `^--- a/deployment/web$`, `^\+ +initContainers:$`)
		p.says(t, admin, 0, []string{"status", "-n", n}, `^NAMESPACE +WORKLOAD +SIDECAR +STATE +PODS +WHY$`, n+` +deployment/web +log-collector +current +2 +<none>$`)
		p.says(t, admin, 0, []string{"status", "-n", n, "-o", "json"}, `"state": "current"`)
		p.says(t, admin, 0, []string{"status", "-A", "-o", "name"}, `^deployment/web$`)
	})
	t.Run("a template of the namespace", func(t *testing.T) {
		deploy(t, n, "own", "mine")
		p.says(t, admin, 0, []string{"explain", "deploy/own", "-n", n}, `by template mine@[0-9a-f]+ \(cluster\)`)
	})
	t.Run("a sidecar whose service account lacks rights", func(t *testing.T) {
		poor := newNamespace(t, map[string]string{injectionLabel: "enabled"}, map[string]string{
			"config-sync.sidecar-injector.dev/label": "dashboard", "config-sync.sidecar-injector.dev/folder": "/tmp/dashboards",
		})
		deploy(t, poor, "poor", "config-sync")
		p.says(t, admin, 0, []string{"explain", "deploy/poor", "-n", poor}, `^warning: service account "default" of namespace "`+poor+`" may not .*configmaps`)
	})
	t.Run("a namespace enabled too late", func(t *testing.T) {
		late := newNamespace(t, nil, nil)
		deploy(t, late, "late", "log-collector")
		missed := podNamed(t, late, "late")
		p.says(t, admin, 0, []string{"explain", "pod/" + missed, "-n", late}, `NotEnabled`, "kubectl label namespace "+late)
		kubectl(t, "label", "namespace", late, injectionLabel+"=enabled")
		p.says(t, admin, 0, []string{"explain", "pod/" + missed, "-n", late},
			`The pod exists without log-collector, which it asks for\.`, `^      kubectl rollout restart deployment late -n `+late+`$`)
		p.says(t, admin, 0, []string{"explain", "deploy/late", "-n", late}, `^     2  missed  log-collector$`, `^      kubectl rollout restart deployment late -n `+late+`$`)
		p.says(t, admin, 0, []string{"status", "-n", late, "-o", "wide"}, late+` +deployment/late +log-collector +missed +2 +<none> +[0-9a-f]+ +asked for, and not there$`)
	})
	t.Run("the annotation on the Deployment", func(t *testing.T) {
		deploy(t, n, "wrong", "")
		kubectl(t, "patch", "deployment", "wrong", "-n", n, "--type", "json", "-p", `[{"op":"remove","path":"/spec/template/metadata/annotations"},
			{"op":"add","path":"/metadata/annotations","value":{"sidecar-injector.dev/inject":"log-collector"}}]`)
		must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
			_, err := annotationless(ctx, n)
			return err
		}))
		bare, err := annotationless(t.Context(), n)
		must(t, err)
		patch := `kubectl patch deployment wrong -n ` + n + ` --type merge -p '(.*)'$`
		text := p.says(t, admin, 0, []string{"explain", "pod/" + bare, "-n", n}, `stands in metadata.annotations of the Deployment itself`, patch)
		kubectl(t, "patch", "deployment", "wrong", "-n", n, "--type", "merge", "-p", regexp.MustCompile(`(?m)` + patch).FindStringSubmatch(text)[1])
		p.says(t, admin, 0, []string{"explain", "deploy/wrong", "-n", n}, `^log-collector: `)
	})
	t.Run("somebody who may only look at the namespace", func(t *testing.T) {
		viewer := viewerOf(t, n)
		p.says(t, viewer, 0, []string{"explain", "deploy/web", "-n", n}, `^READY 2/2: 1 container of the app and 1 sidecar`, `^     2  current  log-collector@`,
			`^note: webhook configurations cannot be read with your rights`, `^note: ClusterSidecarTemplates cannot be read with your rights`)
		p.says(t, viewer, 0, []string{"explain", "pod/" + pod, "-n", n}, `AlreadyInjected`)
		p.says(t, viewer, 0, []string{"status", "-n", n}, `deployment/web +log-collector +current`)
		deploy(t, n, "asks", "of-the-cluster")
		p.says(t, viewer, 2, []string{"explain", "deploy/asks", "-n", n}, `^UNKNOWN: `, `^error: Deployment "asks": .*unknown: the injector's webhook configuration, `)
		p.says(t, viewer, 2, []string{"diff", "deploy/asks", "-n", n}, `^error: Deployment "asks": .*unknown: `)
		p.says(t, admin, 1, []string{"explain", "deploy/asks", "-n", n}, `^REFUSED \(UnknownTemplate\)`)
		p.says(t, viewer, 2, []string{"status", "-A"}, `^error: you may not list namespaces: .*forbidden`, `"kind":"ClusterRole",.*"verbs":\["get","list"\],"apiGroups":\[""\],"resources":\["namespaces"\]`)
		p.says(t, viewer, 2, []string{"explain", "deploy/web", "-n", "default"}, `^error: cluster: .*forbidden`)
		p.says(t, viewer, 1, []string{"check", "--pre"}, `^× you may not create mutatingwebhookconfigurations`)
		p.says(t, viewer, 0, []string{"check"}, `^‼ the injector: not seen$`)
	})
	t.Run("what is not there", func(t *testing.T) {
		p.says(t, admin, 2, []string{"explain", "pod/nobody", "-n", n}, `^error: cluster: pods "nobody" not found$`)
		p.says(t, admin, 2, []string{"explain", "service/kubernetes", "-n", "default"}, `makes no pods$`, `^hint: name a pod`)
		p.says(t, admin, 1, []string{"check", "--pre"}, `^× there is an injector already: `+releaseName)
	})
}

// podNamed returns the name of a pod of a Deployment.
func podNamed(t *testing.T, namespace, app string) string {
	t.Helper()
	var name string
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err == nil && len(pods.Items) < 2 {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		if err == nil {
			name = pods.Items[0].Name
		}
		return err
	})
	must(t, err)
	return name
}

// annotationless returns the name of a pod of the Deployment wrong that has no annotations.
func annotationless(ctx context.Context, namespace string) (string, error) {
	pods, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=wrong"})
	if err != nil {
		return "", err
	}
	for _, pod := range pods.Items {
		if len(pod.Annotations) == 0 && pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodPending {
			return pod.Name, nil
		}
	}
	return "", errors.New("no such pod")
}

// viewerOf returns the kubeconfig of a user with only the right to view a namespace.
func viewerOf(t *testing.T, namespace string) string {
	t.Helper()
	name := "viewer-of-" + namespace
	user, err := suite.environment.AddUser(envtest.User{Name: name}, nil)
	must(t, err)
	_, err = suite.client.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = suite.client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
	}, metav1.CreateOptions{})
	must(t, err)
	text, err := user.KubeConfig()
	must(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, text, 0o600))
	return file
}
