//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// shared returns the text of a cluster template with a canary section ("" for none) and an image.
func shared(name, canary, image string) string {
	if canary != "" {
		canary = `"canary":` + canary + `,`
	}
	return fmt.Sprintf(`{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate","metadata":{"name":%q},"spec":{%s"pod":{"spec":{"initContainers":[
		{"name":"shared","restartPolicy":"Always","image":%q,"resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}]}}}}`, name, canary, image)
}

// readySays waits until the Ready condition of a cluster template is about its newest version and contains a
// text.
func readySays(t *testing.T, name, text string) {
	t.Helper()
	must(t, eventually(t.Context(), patience, func(context.Context) error {
		got := kubectl(t, "get", "clustersidecartemplate", name, "-o",
			`jsonpath={.metadata.generation}={.status.observedGeneration} {.status.conditions[0].status} {.status.conditions[0].reason}: {.status.conditions[0].message}`)
		versions, rest, _ := strings.Cut(got, " ")
		if g, o, _ := strings.Cut(versions, "="); g != o || !strings.Contains(rest, text) {
			return fmt.Errorf("template %s: %s, want %s", name, got, text)
		}
		return nil
	}))
}

// sidecarImages waits until count pods of a Deployment are ready and returns the image of their sidecars,
// which must be the same for all.
func sidecarImages(t *testing.T, namespace, name string, count int) string {
	t.Helper()
	image := ""
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return err
		}
		seen := map[string]int{}
		for _, p := range pods.Items {
			if p.DeletionTimestamp == nil && len(p.Status.Conditions) > 0 && p.Status.Conditions[0].Status == corev1.ConditionTrue {
				image = p.Spec.InitContainers[0].Image
				seen[image]++
			}
		}
		if len(seen) != 1 || seen[image] != count {
			return fmt.Errorf("the pods of %s have %v", name, seen)
		}
		return nil
	}))
	return image
}

// TestACanaryIsTriedPromotedAndDropped uses a canary for a percentage of the workloads, then in some
// namespaces, and promotes it. The expected workloads of the percentage are computed from the same templates
// without a cluster.
func TestACanaryIsTriedPromotedAndDropped(t *testing.T) {
	p := newPatient(t)
	admin := suite.kubeconfig
	late := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
	early := newNamespace(t, map[string]string{injectionLabel: "enabled", "stage": "early"}, nil)
	kubelet(t, late)
	kubelet(t, early)

	half := `{"of":"shared","percent":50}`
	text := shared("shared", "", "shared:1") + "\n---\n" + shared("shared-next", half, "shared:2")
	offline := templates.NewSet(load.Load(templates.SourceDirectory, "shared.yaml", []byte(text)))
	in, out := "", ""
	for n := 0; in == "" || out == ""; n++ {
		name := fmt.Sprintf("web-%d", n)
		e, _ := offline.Get(&templates.Workload{Namespace: late, Kind: "Deployment", Name: name}, "shared")
		if e.Template.Canary != nil {
			in = name
		} else {
			out = name
		}
	}

	createTemplate(t, "clustersidecartemplates", "", shared("shared", "", "shared:1"))
	readySays(t, "shared", "True Loaded")
	for _, name := range []string{in, out} {
		deploy(t, late, name, "shared")
		if got := sidecarImages(t, late, name, 2); got != "shared:1" {
			t.Errorf("before the canary %s has %s", name, got)
		}
	}

	createTemplate(t, "clustersidecartemplates", "", shared("shared-next", half, "shared:2"))
	readySays(t, "shared-next", "in force in the place of shared for 50 % of the workloads")
	p.says(t, admin, 1, []string{"status", "-n", late, "--exit-code"},
		`deployment/`+in+` +shared \(canary\) +(in-place|restart) +2 +`, `deployment/`+out+` +shared +current +2 +<none>$`)
	p.says(t, admin, 0, []string{"explain", "deploy/" + in, "-n", late}, `canary +shared-next counts: it is for 50 % of the workloads`)
	p.says(t, admin, 0, []string{"explain", "deploy/" + out, "-n", late}, `canary +shared-next does not count: it is for 50 % of the workloads`)
	p.says(t, admin, 0, []string{"rollout", "-n", late, "--timeout", "20s"}, `deployment/`+in+` +(in place|restart) +2/2`)
	for _, name := range []string{in, out} {
		kubectl(t, "scale", "deployment", name, "-n", late, "--replicas", "4")
	}
	if tried, kept := sidecarImages(t, late, in, 4), sidecarImages(t, late, out, 4); tried != "shared:2" || kept != "shared:1" {
		t.Errorf("%s has %s, %s has %s", in, tried, out, kept)
	}
	p.says(t, admin, 0, []string{"status", "-n", late, "--exit-code", "-o", "wide"},
		`deployment/`+in+` +shared \(canary\) +current +4 +[0-9a-f]+ +[0-9a-f]+ \(shared-next\) +<none>$`, `deployment/`+out+` +shared +current +4`)

	// Edited to select namespaces instead.
	kubectl(t, "patch", "clustersidecartemplate", "shared-next", "--type", "merge", "-p",
		`{"spec":{"canary":{"percent":null,"namespaceSelector":{"matchLabels":{"stage":"early"}}}}}`)
	readySays(t, "shared-next", "in the place of shared for namespaces with stage=early")
	deploy(t, early, "web", "shared")
	if got := sidecarImages(t, early, "web", 2); got != "shared:2" {
		t.Errorf("a new pod where the canary counts has %s", got)
	}
	p.says(t, admin, 1, []string{"status", "-n", late, "--exit-code"}, `deployment/`+in+` +shared +(in-place|restart) +4 +`, `deployment/`+out+` +shared +current`)

	// Promoted: pods that have the canary's sidecar are not recreated.
	pods := uids(healthy(t, early, 2))
	kubectl(t, "patch", "clustersidecartemplate", "shared", "--type", "json", "-p",
		`[{"op":"replace","path":"/spec/pod/spec/initContainers/0/image","value":"shared:2"}]`)
	readySays(t, "shared", "True Loaded")
	kubectl(t, "patch", "clustersidecartemplate", "shared-next", "--type", "merge", "-p", `{"spec":{"canary":{"of":"shard"}}}`)
	readySays(t, "shared-next", `False UnusedCanary: spec.canary.of: there is no template "shard": the canary counts for no pod (did you mean shared?)`)
	p.says(t, admin, 1, []string{"status", "-n", late, "--exit-code"}, `deployment/`+in+` +shared +current +4 +<none>$`, `deployment/`+out+` +shared +(in-place|restart) +4`)
	p.says(t, admin, 0, []string{"status", "-n", early, "--exit-code"}, `deployment/web +shared +current +2 +<none>$`)
	p.says(t, admin, 0, []string{"rollout", "-n", early}, `^nothing is to do$`)
	for _, pod := range healthy(t, early, 2) {
		if !pods[pod.UID] {
			t.Error("a pod that had the canary was made anew")
		}
	}
}
