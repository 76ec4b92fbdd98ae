//go:build controlplane

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

func TestInjectedContainersGetTheDefaultsOfALimitRange(t *testing.T) {
	t.Parallel()
	installed(t)
	namespace := enabledNamespace(t)
	limits := &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "limits"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type:    corev1.LimitTypeContainer,
			Default: corev1.ResourceList{corev1.ResourceCPU: quantity("500m"), corev1.ResourceMemory: quantity("1Gi")},
		}}},
	}
	if _, err := suite.client.CoreV1().LimitRanges(namespace).Create(t.Context(), limits, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var got stored
	// The admission plugin has its own watch of LimitRanges.
	err := eventually(t.Context(), patience, func(ctx context.Context) (err error) {
		if got, err = create(ctx, namespace, "Pod", appPod("web"), "dryRun=All"); err != nil {
			return err
		}
		if len(container(t, got.object, "app")["resources"].(object)) == 0 {
			return errors.New("the app has no default limits yet")
		}
		return nil
	})
	must(t, err)
	want := object{
		"requests": object{"cpu": "10m", "memory": "16Mi"}, // from the template
		"limits":   object{"cpu": "500m", "memory": "32Mi"},
	}
	if diff := cmp.Diff(want, container(t, got.object, side)["resources"]); diff != "" {
		t.Errorf("the sidecar's resources (-want +got):\n%s", diff)
	}
}

func TestInjectedContainersCountInAResourceQuota(t *testing.T) {
	t.Parallel()
	installed(t)
	namespace := enabledNamespace(t)
	const name = "quota"
	quotas := suite.client.CoreV1().ResourceQuotas(namespace)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		// Enough for two apps, or for one with its sidecar and not another one.
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsMemory: quantity("40Mi")}},
	}
	if _, err := quotas.Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	used := func(want string) {
		t.Helper()
		err := eventually(t.Context(), patience, func(ctx context.Context) error {
			q, err := quotas.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got := q.Status.Used[corev1.ResourceRequestsMemory]; q.Status.Hard == nil || got.Cmp(quantity(want)) != 0 {
				return fmt.Errorf("used %s, want %s", got.String(), want)
			}
			return nil
		})
		must(t, err)
	}
	app := func(name string) *corev1.Pod {
		pod := appPod(name)
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: quantity("10Mi")}
		return pod
	}
	used("0")
	createPod(t, namespace, app("first"))
	used("26Mi")
	_, err := create(t.Context(), namespace, "Pod", app("second"))
	if err == nil || !strings.Contains(err.Error(), "exceeded quota: quota, requested: requests.memory=26Mi, used: requests.memory=26Mi, limited: requests.memory=40Mi") {
		t.Errorf("a pod whose sidecar is over the quota: %v", err)
	}
	bare := app("third")
	bare.Labels = map[string]string{injectionLabel: "disabled"}
	createPod(t, namespace, bare)
	used("36Mi")
}

// TestEveryBuiltInTemplateKeepsToRestrictedPodSecurity creates a pod for each example of
// each template where the API server enforces the level.
func TestEveryBuiltInTemplateKeepsToRestrictedPodSecurity(t *testing.T) {
	t.Parallel()
	installed(t)
	namespace := newNamespace(t, map[string]string{injectionLabel: "enabled", "pod-security.kubernetes.io/enforce": "restricted"}, nil)
	pod := restrictedPod("bare")
	pod.Spec.Containers[0].SecurityContext = nil
	if _, err := create(t.Context(), namespace, "Pod", pod, "dryRun=All"); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Fatalf("a pod that is not restricted: %v", err)
	}
	for _, template := range builtInTemplates(t) {
		for _, example := range template.Spec.Examples {
			for _, native := range []string{"true", "false"} {
				t.Run(template.Name+"/"+example.Name+"/native="+native, func(t *testing.T) {
					pod := restrictedPod("web")
					pod.Annotations[requestAnnotation] = template.Name
					pod.Annotations[template.Name+".sidecar-injector.dev/native"] = native
					for name, value := range example.Parameters {
						pod.Annotations[template.Name+".sidecar-injector.dev/"+name] = annotationText(t, value.Raw)
					}
					got := createPod(t, namespace, pod, "dryRun=All")
					status, _ := got.object["metadata"].(object)["annotations"].(object)[statusAnnotation].(string)
					if !strings.Contains(status, template.Name) {
						t.Errorf("not injected: status %q, warnings %q", status, got.warnings)
					}
				})
			}
		}
	}
}

// restrictedPod returns a pod of level restricted with the volumes that examples refer to.
func restrictedPod(name string) *corev1.Pod {
	pod := appPod(name)
	yes, no := true, false
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, RunAsNonRoot: &yes,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	for _, volume := range []string{"config", "conf", "models", "data", "logs"} {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	}
	return pod
}

func builtInTemplates(t *testing.T) []*v1alpha1.ClusterSidecarTemplate {
	t.Helper()
	files, err := builtin.FS.ReadDir(".")
	must(t, err)
	var all []*v1alpha1.ClusterSidecarTemplate
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".yaml") {
			continue
		}
		text, err := builtin.FS.ReadFile(f.Name())
		must(t, err)
		template := &v1alpha1.ClusterSidecarTemplate{}
		if err := yaml.Unmarshal(text, template); err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		all = append(all, template)
	}
	return all
}

// annotationText returns an example's value in the form of an annotation: a list with commas.
func annotationText(t *testing.T, value []byte) string {
	t.Helper()
	var list []string
	if json.Unmarshal(value, &list) == nil {
		return strings.Join(list, ",")
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

func TestAPodOfOneMegabyteIsInjected(t *testing.T) {
	t.Parallel()
	installed(t)
	pod := appPod("large")
	const variables = 104
	for n := range variables {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{
			Name: fmt.Sprintf("VALUE_%d", n), Value: strings.Repeat("0123456789", 1024),
		})
	}
	text, err := json.Marshal(pod)
	must(t, err)
	if len(text) < 1<<20 {
		t.Fatalf("the pod has %d bytes", len(text))
	}
	got := createPod(t, enabledNamespace(t), text)
	env := container(t, got.object, "app")["env"].([]any)
	if !injected(got.object) || len(env) != variables+1 {
		t.Errorf("injected: %t, with %d variables, want %d", injected(got.object), len(env), variables+1)
	}
}

func TestTwoHundredPodsCreatedAtOnceAreAllInjectedOnce(t *testing.T) {
	t.Parallel()
	const pods = 200
	i := installed(t)
	namespace := enabledNamespace(t)
	begun := time.Now()
	errs := make(chan error, pods)
	for n := range pods {
		go func() {
			got, err := create(t.Context(), namespace, "Pod", appPod(fmt.Sprintf("web-%d", n)))
			if err == nil {
				if names := containerNames(got.object, "initContainers"); !slices.Equal(names, []string{side}) {
					err = fmt.Errorf("pod %d: init containers %q", n, names)
				}
			}
			errs <- err
		}()
	}
	for range pods {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	suite.report("%d pods at once in %s", pods, time.Since(begun).Round(time.Millisecond))
	want := map[string]int{"injected Annotation": pods, "unchanged AlreadyInjected": pods}
	if diff := cmp.Diff(want, i.decisions(t)); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}
