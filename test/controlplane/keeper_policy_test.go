//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestTheKeepersAccountMayChangeNothingElse uses the service account's token like a thief would. RBAC alone
// would allow each of the changes.
func TestTheKeepersAccountMayChangeNothingElse(t *testing.T) {
	needsServed(t, policiesVersion, "validatingadmissionpolicies")
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	installChart(t, "--set", "keeper.enabled=true,keeper.repair=true,keeper.rollout=true")
	thief := asInjector(t)
	n := newNamespace(t, nil, nil)
	yes := []string{metav1.DryRunAll}
	pod := func(namespace string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace, Labels: map[string]string{"app": "alone"}, Annotations: map[string]string{
			"sidecar-injector.dev/status": `{"mine":{"template":"SidecarTemplate/mine","revision":"c21945fb08","parameters":"e3b0c44298","sidecars":["mine"]}}`}},
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "mine", Image: "mine:1", RestartPolicy: new(corev1.ContainerRestartPolicyAlways),
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2m")}}}},
				Containers: []corev1.Container{{Name: "app", Image: "app:1"}, {Name: "sidecars", Image: "app:1"}},
			}}
	}
	for _, namespace := range []string{n, "kube-system"} {
		_, err := suite.client.CoreV1().Pods(namespace).Create(t.Context(), pod(namespace), metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() {
			_ = suite.client.CoreV1().Pods(namespace).Delete(context.Background(), "web", metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		})
	}
	for kind, more := range map[string]string{"Deployment": `"replicas":0,`, "StatefulSet": `"replicas":0,"serviceName":"web",`, "DaemonSet": "", "ReplicaSet": `"replicas":0,`} {
		_, err := create(t.Context(), n, kind, []byte(`{"apiVersion":"apps/v1","kind":"`+kind+`","metadata":{"name":"web","labels":{"app":"web"}},"spec":{`+more+`"selector":{"matchLabels":{"app":"web"}},
			"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`))
		must(t, err)
	}
	_, err := create(t.Context(), n, "ReplicationController", []byte(`{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"web"},"spec":{"replicas":0,"selector":{"app":"web"},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`))
	must(t, err)

	patch := func(namespace, plural, text string, sub ...string) func(context.Context) error {
		client := thief.AppsV1().RESTClient()
		if plural == "pods" || plural == "replicationcontrollers" {
			client = thief.CoreV1().RESTClient()
		}
		return func(ctx context.Context) error {
			return client.Patch(types.StrategicMergePatchType).Namespace(namespace).Resource(plural).Name("web").SubResource(sub...).Param("dryRun", "All").Body([]byte(text)).Do(ctx).Error()
		}
	}
	post := func(namespace string, dry []string) func(context.Context) error {
		return func(ctx context.Context) error {
			p := pod(namespace)
			p.Name, p.GenerateName = "", "web-"
			_, err := thief.CoreV1().Pods(namespace).Create(ctx, p, metav1.CreateOptions{DryRun: dry})
			return err
		}
	}
	evict := func(namespace string) func(context.Context) error {
		return func(ctx context.Context) error {
			return thief.PolicyV1().Evictions(namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace}, DeleteOptions: &metav1.DeleteOptions{DryRun: yes}})
		}
	}
	restart := `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`
	image := `{"metadata":{"annotations":{"sidecar-injector.dev/status":"{}"}},"spec":{"initContainers":[{"name":"mine","image":"mine:2"}]}}`
	const only, dryOnly, listed, more, sent = "and nothing else", "by dry run only", "that the pod's annotation", "no further containers", "no pod of it is sent"
	listing := func(names string) string {
		return `{"metadata":{"annotations":{"sidecar-injector.dev/status":"{\"mine\":{\"sidecars\":[` + strings.ReplaceAll(names, `"`, `\"`) + `]}}"}}}`
	}
	type try struct {
		do      func(context.Context) error
		refused string // a part of the refusal's message; "" if it is allowed
	}
	cases := map[string]try{
		"a pod by dry run":                         {post(n, yes), ""},
		"a pod that stays":                         {post(n, nil), dryOnly},
		"a pod of a system namespace, by dry run":  {post("kube-system", yes), sent},
		"the image of a sidecar":                   {patch(n, "pods", image), ""},
		"the image of the app":                     {patch(n, "pods", `{"spec":{"containers":[{"name":"app","image":"app:2"}]}}`), listed},
		"the image of a container called sidecars": {patch(n, "pods", `{"spec":{"containers":[{"name":"sidecars","image":"app:2"}]}}`), listed},
		"the app listed as a sidecar":              {patch(n, "pods", listing(`"mine","app"`)), more},
		"the sidecar listed again":                 {patch(n, "pods", listing(`"mine"`)), ""},
		"the image of a sidecar, in kube-system":   {patch("kube-system", "pods", image), sent},
		"a pod's labels":                           {patch(n, "pods", `{"metadata":{"labels":{"app":"other"}}}`), only},
		"a pod's annotations":                      {patch(n, "pods", `{"metadata":{"annotations":{"a":"b"}}}`), only},
		"a pod's owner":                            {patch(n, "pods", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"1"}]}}`), only},
		"a pod's deadline":                         {patch(n, "pods", `{"spec":{"activeDeadlineSeconds":1}}`), only},
		"cpu of a sidecar":                         {patch(n, "pods", `{"spec":{"initContainers":[{"name":"mine","resources":{"requests":{"cpu":"1m"}}}]}}`, "resize"), ""},
		"cpu of a sidecar, in kube-system":         {patch("kube-system", "pods", `{"spec":{"initContainers":[{"name":"mine","resources":{"requests":{"cpu":"1m"}}}]}}`, "resize"), sent},
		"an eviction":                              {evict(n), ""},
		"an eviction in kube-system":               {evict("kube-system"), sent},
		"a pod template's image":                   {patch(n, "deployments", `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:2"}]}}}}`), only},
		"a pod template's container":               {patch(n, "daemonsets", `{"spec":{"template":{"spec":{"containers":[{"name":"more","image":"app:2"}]}}}}`), only},
		"a pod template's account":                 {patch(n, "statefulsets", `{"spec":{"template":{"spec":{"serviceAccountName":"admin"}}}}`), only},
		"a pod template's labels":                  {patch(n, "deployments", `{"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}`), only},
		"a pod template's annotations":             {patch(n, "deployments", `{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}`), only},
		"a workload's replicas":                    {patch(n, "replicasets", `{"spec":{"replicas":2}}`), only},
		"a workload's annotations":                 {patch(n, "deployments", `{"metadata":{"annotations":{"a":"b"}}}`), only},
		"a workload's finalizers":                  {patch(n, "deployments", `{"metadata":{"finalizers":["example.com/stays"]}}`), only},
		"a ReplicationController's template":       {patch(n, "replicationcontrollers", `{"spec":{"template":{"spec":{"hostNetwork":true}}}}`), only},
		"a ReplicationController's note of repair": {patch(n, "replicationcontrollers", `{"metadata":{"annotations":{"sidecar-injector.dev/repaired":"now"}}}`), ""},
	}
	for _, plural := range []string{"deployments", "statefulsets", "daemonsets", "replicasets"} {
		cases["a restart of "+plural] = try{patch(n, plural, restart), ""}
		cases["a note of repair on "+plural] = try{patch(n, plural, `{"metadata":{"annotations":{"sidecar-injector.dev/repaired":"now"}}}`), ""}
	}
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		if err := patch(n, "pods", `{"metadata":{"labels":{"app":"other"}}}`)(ctx); err == nil {
			return errors.New("the policy is not in force")
		}
		return nil
	}))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.do(t.Context())
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("want a refusal that says %q, got %v", c.refused, err)
			}
		})
	}
	t.Run("others may go on", func(t *testing.T) {
		_, err := suite.client.AppsV1().Deployments(n).Patch(t.Context(), "web", types.StrategicMergePatchType, []byte(`{"spec":{"replicas":0},"metadata":{"annotations":{"a":"b"}}}`), metav1.PatchOptions{DryRun: yes})
		must(t, err)
	})
}
