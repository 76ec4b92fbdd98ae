//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// TestAdviceIsToldAtKubectlApply applies a workload with each mistake, and reads kubectl's stderr.
func TestAdviceIsToldAtKubectlApply(t *testing.T) {
	t.Parallel()
	installAdvice(t)
	const request = "sidecar-injector.dev/inject: "
	template := func(annotations ...string) string { return deploymentText("", "", annotations...) }
	job := `
apiVersion: batch/v1
kind: Job
metadata: {name: web}
spec:
  suspend: true
  template:
    metadata:
      annotations: {sidecar-injector.dev/inject: health-check, health-check.sidecar-injector.dev/port: "80", health-check.sidecar-injector.dev/native: "false"}
    spec: {restartPolicy: Never, containers: [{name: app, image: app}]}
`
	cronJob := `
apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec:
  schedule: "0 0 29 2 *"
  jobTemplate:
    metadata: {annotations: {sidecar-injector.dev/inject: health-check}}
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: app, image: app}]}
`
	statefulSet := `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {sidecar-injector.dev/inject: data-sync, data-sync.sidecar-injector.dev/folder: /data, data-sync.sidecar-injector.dev/volume: data,
        data-sync.sidecar-injector.dev/remote: "s3:bucket", data-sync.sidecar-injector.dev/secret: s3}
    spec: {securityContext: {runAsUser: 1000}, containers: [{name: app, image: app, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
`
	daemonSet := `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, sidecar-injector.dev/injection: "true"}}
    spec: {nodeSelector: {nowhere: "yes"}, containers: [{name: app, image: app}]}
`
	cases := map[string]struct {
		manifest string
		want     []string
	}{
		"nothing is said to whoever wants nothing":    {template(), nil},
		"nothing is said where all is well":           {template(request+"health-check", `health-check.sidecar-injector.dev/port: "80"`), nil},
		"a volume of a StatefulSet's claims is there": {statefulSet, nil},
		"nobody says as whom the app runs": {template(request + "log-collector"), []string{
			`log-collector: container app-sc-log-collector runs as user 65532 and spec.containers[app] as whom its image says: if that is another, what the app keeps to itself (umask 077) cannot be read. State runAsUser for the app`}},
		"the annotation stands on the Deployment": {deploymentText("annotations: {"+request+"health-check}", ""), []string{
			`"sidecar-injector.dev/inject" stands in metadata.annotations of the Deployment itself, where nobody reads it; it belongs in spec.template.metadata.annotations`}},
		"the annotation stands on the job template": {cronJob, []string{
			`"sidecar-injector.dev/inject" stands in spec.jobTemplate.metadata.annotations of the job template, where nobody reads it; it belongs in spec.jobTemplate.spec.template.metadata.annotations`}},
		"the label stands on the Deployment": {deploymentText("labels: {sidecar-injector.dev/injection: disabled}", ""), []string{
			`"sidecar-injector.dev/injection" stands in metadata.labels of the Deployment itself, where nobody reads it; it belongs in spec.template.metadata.labels`}},
		"the label says nothing that counts": {daemonSet, []string{
			`the pod has the label sidecar-injector.dev/injection: "true", which is neither enabled nor disabled: nothing is injected; write sidecar-injector.dev/injection: enabled`}},
		"no template has that name": {template(request + "log-colector"), []string{
			`spec.template.metadata.annotations["sidecar-injector.dev/inject"]: template "log-colector" does not exist (did you mean log-collector?); its pods will be refused`}},
		"a parameter is of the wrong type": {template(request+"health-check", "health-check.sidecar-injector.dev/port: http"), []string{
			`spec.template.metadata.annotations["health-check.sidecar-injector.dev/port"]: parameter "port": want a port from 1 to 65535, got "http"; its pods will be refused`}},
		"a name is taken": {deploymentText("", "app-sc-health-check", request+"health-check", `health-check.sidecar-injector.dev/port: "80"`), []string{
			`spec.template.spec.containers[app-sc-health-check]: the pod already has a container "app-sc-health-check" (already injected by hand? keep the status annotation; else rename the container or choose another instance name); its pods will be refused`}},
		"a Job would never end": {job, []string{
			`health-check is not injected: the pod's restartPolicy is Never, and a regular container that never ends would keep it from completing; a native sidecar ends with the app: remove metadata.annotations["health-check.sidecar-injector.dev/native"]`}},
		"the service account lacks a right": {template(request+"config-sync", "config-sync.sidecar-injector.dev/label: a", "config-sync.sidecar-injector.dev/folder: /a"), []string{
			`service account "default" of namespace "NAMESPACE" may not get, list, watch configmaps, secrets, which sidecar "config-sync" needs: bind a Role with these rights to it`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			namespace := enabledNamespace(t)
			var want []string
			for _, w := range c.want {
				want = append(want, strings.ReplaceAll(w, "NAMESPACE", namespace))
			}
			if diff := cmp.Diff(want, applied(t, namespace, c.manifest)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAdviceFollowsTheRightsAndTheChanges changes things that advice depends on, and things that it does not
// depend on.
func TestAdviceFollowsTheRightsAndTheChanges(t *testing.T) {
	t.Parallel()
	injector := installAdvice(t)
	namespace := enabledNamespace(t)
	createAccount(t, namespace, "sync")
	grantSync(t, namespace, "sync")
	asks := deploymentText("", "", "sidecar-injector.dev/inject: config-sync", "config-sync.sidecar-injector.dev/label: a", "config-sync.sidecar-injector.dev/folder: /a")
	wrong := strings.Replace(asks, "inject: config-sync", "inject: config-snyc", 1)
	if got := applied(t, namespace, strings.Replace(asks, "spec: {containers", "spec: {serviceAccountName: sync, containers", 1)); got != nil {
		t.Errorf("a service account that has the rights: %q", got)
	}
	if got := applied(t, namespace, wrong); len(got) == 0 {
		t.Error("a template that does not exist: no warning")
	}
	counted := injector.advice(t)
	for what, args := range map[string][]string{
		"scaled":                        {"scale", "deployment/web", "--replicas=0"},
		"with a label of somebody else": {"label", "deployment/web", "team=shop"},
	} {
		if got := warningsOf(t, append(args, "-n", namespace)...); got != nil {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := warningsOf(t, "set", "image", "deployment/web", "app=app:2", "-n", namespace); len(got) == 0 {
		t.Error("another image, and still a template that does not exist: no warning")
	}
	if now := injector.advice(t); now["notAsked"] == counted["notAsked"] || now["failed"] != "" {
		t.Errorf("advice counted %v before and %v after", counted, now)
	}
	owner := "ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: report, uid: 3f0c4d3e-0a35-4d5e-9d2c-6f6a7f0e2c11, controller: true}]"
	if got := applied(t, namespace, strings.Replace(wrong, "name: web", "name: owned, "+owner, 1)); got != nil {
		t.Errorf("made by a controller: %q", got)
	}
}

// TestAWorkloadThatAsksWhereNobodyIsOptedInIsTold needs the chart's second webhook entry.
func TestAWorkloadThatAsksWhereNobodyIsOptedInIsTold(t *testing.T) {
	t.Parallel()
	injector := installAdvice(t)
	namespace := newNamespace(t, nil, nil)
	before := injector.advice(t)
	if got := applied(t, namespace, deploymentText("", "")); got != nil {
		t.Errorf("%q", got)
	}
	if diff := cmp.Diff(before, injector.advice(t)); diff != "" {
		t.Errorf("a workload that does not mention us was sent: %s", diff)
	}
	want := []string{fmt.Sprintf("sidecar-injector.dev/inject is ignored: neither namespace %q nor the pod has the label sidecar-injector.dev/injection: enabled", namespace)}
	for _, kind := range []string{
		deploymentText("", "", "sidecar-injector.dev/inject: health-check"),
		"{apiVersion: batch/v1, kind: CronJob, metadata: {name: web}, spec: {schedule: '0 0 29 2 *', jobTemplate: {spec: {template: {metadata: {annotations: {sidecar-injector.dev/inject: health-check}}, spec: {restartPolicy: Never, containers: [{name: app, image: app}]}}}}}}",
	} {
		if diff := cmp.Diff(want, applied(t, namespace, kind)); diff != "" {
			t.Error(diff)
		}
	}
	if got := applied(t, uncalledNamespace(t), deploymentText("annotations: {sidecar-injector.dev/inject: x}", "")); got != nil {
		t.Errorf("in a namespace that declines: %q", got)
	}
}

// TestAdviceIsNeverInTheWay applies a workload while the advice webhook does not answer.
func TestAdviceIsNeverInTheWay(t *testing.T) {
	t.Parallel()
	injector := installAdvice(t)
	must(t, injector.stop())
	if got := applied(t, enabledNamespace(t), deploymentText("annotations: {sidecar-injector.dev/inject: x}", "")); got != nil {
		t.Errorf("%q", got)
	}
}

// TestHostileWorkloadsAreToldInPrintableLines sends workloads with unprintable text that an API server
// accepts.
func TestHostileWorkloadsAreToldInPrintableLines(t *testing.T) {
	t.Parallel()
	installAdvice(t)
	hostile := "x\x1b[31m\r\nWarning: 299 - \"\u202e" + strings.Repeat("ü", 40000)
	annotations := map[string]string{requestAnnotation: hostile}
	for i := range 40 {
		annotations[fmt.Sprintf("%d.sidecar-injector.dev/p", i)] = strings.Repeat("y\n", 500)
	}
	pod := object{
		"metadata": object{"labels": object{"app": "web"}, "annotations": annotations},
		"spec":     object{"containers": []object{{"name": "app", "image": "app"}}},
	}
	got, err := create(t.Context(), enabledNamespace(t), "Deployment", object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "web", "annotations": annotations},
		"spec": object{"replicas": 0, "selector": object{"matchLabels": object{"app": "web"}}, "template": pod},
	})
	must(t, err)
	if len(got.warnings) == 0 {
		t.Errorf("%d warnings: %q", len(got.warnings), got.warnings)
	}
	for _, w := range got.warnings {
		if len(w) > 256 || strings.ContainsAny(w, "\x1b\r\n\u202e") {
			t.Errorf("%d bytes: %q", len(w), w)
		}
	}
}

// deploymentText returns a Deployment with 0 replicas, additional metadata, an additional container ("" for
// none), and these pod annotations, as YAML lines.
func deploymentText(metadata, container string, annotations ...string) string {
	containers := "{name: app, image: app}"
	if container != "" {
		containers += fmt.Sprintf(", {name: %s, image: app}", container)
	}
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, %s}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {%s}}
    spec: {containers: [%s]}
`, metadata, strings.Join(annotations, ", "), containers)
}

// applied returns the warnings of kubectl apply.
func applied(t *testing.T, namespace, manifest string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "workload.yaml")
	must(t, os.WriteFile(file, []byte(manifest), 0o600))
	return warningsOf(t, "apply", "-n", namespace, "-f", file)
}

func warningsOf(t *testing.T, args ...string) []string {
	t.Helper()
	program, err := kubectlProgram()
	must(t, err)
	_, complaints, err := commandWithComplaints(t, program, args...)
	must(t, err)
	var warnings []string
	for line := range strings.Lines(complaints) {
		warning, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "Warning: ")
		if !ok {
			t.Errorf("kubectl says %q", line)
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// installAdvice runs an injector with the chart's webhook entries for workloads until the test ends.
func installAdvice(t *testing.T) *injector {
	t.Helper()
	i := startInjector(t)
	text := rendered(t, "sidecar-injector", "--namespace", "sidecar-injector",
		"--show-only", "templates/webhook-validating.yaml", "--set", "webhook.url="+i.url)
	configuration := &admissionregistration.ValidatingWebhookConfiguration{}
	must(t, yaml.UnmarshalStrict([]byte(text), configuration))
	configuration.Name = "advice-" + scopeOf(t)
	var webhooks []admissionregistration.ValidatingWebhook
	for _, w := range configuration.Webhooks {
		if strings.HasSuffix(*w.ClientConfig.URL, "/advise") {
			w.ClientConfig.CABundle = i.ca
			w.NamespaceSelector = selecting(w.NamespaceSelector, scopeOf(t))
			webhooks = append(webhooks, w)
		}
	}
	if len(webhooks) != 2 {
		t.Fatalf("the chart has %d entries for advice", len(webhooks))
	}
	configuration.Webhooks = webhooks
	configurations := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := configurations.Create(t.Context(), configuration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := configurations.Delete(context.Background(), configuration.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	namespace := enabledNamespace(t)
	var probe object
	must(t, yaml.Unmarshal([]byte(deploymentText("annotations: {sidecar-injector.dev/inject: x}", "")), &probe))
	err := eventually(t.Context(), 30*time.Second, func(ctx context.Context) error {
		got, err := create(ctx, namespace, "Deployment", probe, "dryRun=All")
		if err == nil && len(got.warnings) == 0 {
			err = errors.New("no advice yet")
		}
		return err
	})
	must(t, err)
	return i
}

// advice returns the injector's counters of advice, by result.
func (i *injector) advice(t *testing.T) map[string]string {
	t.Helper()
	text, err := get(t.Context(), i.metrics)
	must(t, err)
	counts := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, `sidecar_injector_advice_total{result="`); ok {
			result, count, _ := strings.Cut(strings.TrimSpace(rest), `"} `)
			counts[result] = count
		}
	}
	return counts
}

// grantSync grants a service account the rights that config-sync needs.
func grantSync(t *testing.T, namespace, account string) {
	t.Helper()
	client := suite.client.RbacV1()
	meta := metav1.ObjectMeta{Name: "sync"}
	_, err := client.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"configmaps", "secrets"}, Verbs: []string{"get", "list", "watch"},
	}}}, metav1.CreateOptions{})
	must(t, err)
	_, err = client.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta,
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "sync"}}, metav1.CreateOptions{})
	must(t, err)
}
