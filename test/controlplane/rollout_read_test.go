//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestARolloutBringsOnlyWhatIsKnownToBeInForce: what decides about pods, and whose they are, is read from a
// cluster by a user who may not read all of it, while others edit it.
func TestARolloutBringsOnlyWhatIsKnownToBeInForce(t *testing.T) {
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	p := newPatient(t, "--set", "config.cluster.registry=mirror.local")
	admin := suite.kubeconfig
	// left runs rollout with all rights of the Role and some of the ClusterRole, and checks that the reason
	// is named and the pods stay as they are.
	left := func(t *testing.T, n string, everywhere []rbacv1.PolicyRule, why string) {
		t.Helper()
		before := images(t, n)
		person := onlyWith(t, documentedRole(t), everywhere, n)
		p.says(t, person, 0, []string{"status", "-n", n, "-o", "wide"}, `deployment/web +\S+ +unknown +2 .*`+why)
		p.says(t, person, 1, []string{"rollout", "-n", n, "-o", "wide"}, `deployment/web +leave +0/2 +\d+ +.*`+why)
		if after := images(t, n); fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("images were %v and are %v", before, after)
		}
		p.says(t, admin, 0, []string{"rollout", "-n", n}, `nothing is to do`)
	}
	all := documented(t, "ClusterRole")
	t.Run("settings that cannot be read", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "log-collector")
		healthy(t, n, 2)
		left(t, n, deny(all, "mutatingwebhookconfigurations", "list"), `lack list mutatingwebhookconfigurations`)
		left(t, n, deny(all, "configmaps", "get"), `lack get configmaps in namespace `+releaseName)
	})
	t.Run("a namespace that cannot be read", func(t *testing.T) {
		n := newNamespace(t, map[string]string{injectionLabel: "enabled", "stage": "early"}, nil)
		kubelet(t, n)
		createTemplate(t, "clustersidecartemplates", "", shared("shared", "", "shared:1"))
		createTemplate(t, "clustersidecartemplates", "", shared("shared-next", `{"of":"shared","namespaceSelector":{"matchLabels":{"stage":"early"}}}`, "shared:2"))
		readySays(t, "shared-next", "True")
		deploy(t, n, "web", "shared")
		healthy(t, n, 2)
		left(t, n, deny(all, "namespaces", "get"), `namespace `+n+` cannot be read with your rights, which lack get namespaces`)
		left(t, n, deny(all, "clustersidecartemplates", "list"), `lack list clustersidecartemplates\.sidecar-injector\.dev`)
	})
	t.Run("a template that is edited meanwhile", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=8")
		healthy(t, n, 8)
		retemplate(t, n, "mine:1", "mine:2")
		r := runs(t, admin, "rollout", "-n", n, "--timeout", "20s")
		begun(t, n, 2)
		retemplate(t, n, "mine:1", "mine:3")
		bad := images(t, n)["mine:2"]
		r.ends(t, 1, `deployment/web +in place +[2-7]/8`, `^error: stopped: the templates changed meanwhile`, `^hint: run it again`)
		// The rollout may have looked at the templates just before they changed, for one more pod.
		if got := images(t, n)["mine:2"]; got > bad+1 || got == 8 {
			t.Errorf("%d pods have the withdrawn image, and %d had it when the edited template was in force", got, bad)
		}
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +in place +8/8`)
		p.says(t, admin, 2, []string{"rollout", "-n", n, "--template-dir", t.TempDir()}, `^error: --template-dir: `)
		p.says(t, admin, 2, []string{"repair", "-n", n, "--template-dir", t.TempDir()}, `^error: --template-dir: `)
	})
	t.Run("pods that tell of an owner that they do not have", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		d, err := suite.client.AppsV1().Deployments(n).Get(t.Context(), "web", metav1.GetOptions{})
		must(t, err)
		for name, owner := range map[string]object{
			"forged": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": string(d.UID), "controller": true},
			"kruise": {"apiVersion": "apps.kruise.io/v1beta1", "kind": "StatefulSet", "name": "web", "uid": "4711", "controller": true},
		} {
			createPod(t, n, object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": name, "labels": object{"app": "web"}, "ownerReferences": []any{owner},
				"annotations": object{"sidecar-injector.dev/inject": "mine", "sidecar-injector.dev/status": `{"mine":{"template":"SidecarTemplate/` + n + `/mine","revision":"0000000000","parameters":"e3b0c44298","sidecars":["mine"]}}`}},
				"spec": object{"initContainers": []any{object{"name": "mine", "image": "mine:1", "restartPolicy": "Always", "args": []any{"x"}}}, "containers": []any{object{"name": "app", "image": "app"}}}})
		}
		healthy(t, n, 4)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "-o", "wide"}, `pod/forged +leave +0/1 +\d+ +nobody would make another pod`,
			`statefulset.apps.kruise.io/web +leave +0/1 +\d+ +its owner is a StatefulSet.apps.kruise.io`)
		if at := restartedAt(t, n, "web"); at != "" {
			t.Errorf("the Deployment was restarted at %s", at)
		}
	})
	t.Run("a ReplicaSet whose Deployment has left it", func(t *testing.T) {
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		kubectl(t, "delete", "deployment", "web", "-n", n, "--cascade=orphan")
		must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
			sets, err := suite.client.AppsV1().ReplicaSets(n).List(ctx, metav1.ListOptions{})
			if err == nil && len(sets.Items[0].OwnerReferences) > 0 {
				err = errors.New("it is no orphan yet")
			}
			return err
		}))
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s", "-o", "wide"}, `replicaset/web-\S+ +evict +2/2`)
	})
}

// restartedAt returns when a Deployment was last restarted.
func restartedAt(t *testing.T, namespace, name string) string {
	t.Helper()
	return kubectl(t, "get", "deployment", name, "-n", namespace, "-o", `jsonpath={.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}`)
}
