package rollout

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAWorkloadCountsOnlyPodsThatCanBeItsOwn: anybody can give a pod its labels.
func TestAWorkloadCountsOnlyPodsThatCanBeItsOwn(t *testing.T) {
	yes := true
	for name, test := range map[string]struct {
		kind string
		by   *metav1.OwnerReference
		want bool
	}{
		"its own":                  {"StatefulSet", &metav1.OwnerReference{Kind: "StatefulSet", UID: "1", Controller: &yes}, true},
		"another's":                {"StatefulSet", &metav1.OwnerReference{Kind: "StatefulSet", UID: "2", Controller: &yes}, false},
		"nobody's":                 {"StatefulSet", nil, true},
		"of a ReplicaSet":          {"Deployment", &metav1.OwnerReference{Kind: "ReplicaSet", UID: "3", Controller: &yes}, true},
		"of the Deployment":        {"Deployment", &metav1.OwnerReference{Kind: "Deployment", UID: "1", Controller: &yes}, false},
		"of some other workload":   {"Deployment", &metav1.OwnerReference{Kind: "Job", UID: "4", Controller: &yes}, false},
		"owned and not controlled": {"Deployment", &metav1.OwnerReference{Kind: "Job", UID: "4"}, true},
	} {
		o, pod := &owner{meta: metav1.ObjectMeta{UID: "1"}, kind: schemaKind{kind: test.kind}}, &corev1.Pod{}
		if test.by != nil {
			pod.OwnerReferences = []metav1.OwnerReference{*test.by}
		}
		if got := o.made(pod); got != test.want {
			t.Errorf("a pod that is %s: %v, want %v", name, got, test.want)
		}
	}
}
