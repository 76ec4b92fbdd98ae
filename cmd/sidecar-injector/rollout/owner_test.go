package rollout

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
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

// TestHowAStatefulSetMakesItsPodsAnew, by its strategy.
func TestHowAStatefulSetMakesItsPodsAnew(t *testing.T) {
	for name, test := range map[string]struct {
		strategy appsv1.StatefulSetUpdateStrategy
		renews   bool
		takes    int
	}{
		"not given":        {appsv1.StatefulSetUpdateStrategy{}, true, 1},
		"rolling update":   {appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32)}}, true, 1},
		"a partition":      {appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(2))}}, false, 1},
		"OnDelete":         {appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}, false, 1},
		"all pods at once": {appsv1.StatefulSetUpdateStrategy{Type: appsv1.RecreateStatefulSetStrategyType}, true, 3},
	} {
		o := ofStatefulSet(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: new(int32(3)), Selector: &metav1.LabelSelector{}, UpdateStrategy: test.strategy}})
		if !o.Replaces || o.Renews != test.renews || o.Takes != test.takes {
			t.Errorf("%s: renews %v and takes %d, want %v and %d", name, o.Renews, o.Takes, test.renews, test.takes)
		}
	}
}

// TestAPodOfAStatefulSetIsNotEvictedBeforeAnotherCouldCome: its controller creates pods in the order of their numbers,
// each when those before it are available.
func TestAPodOfAStatefulSetIsNotEvictedBeforeAnotherCouldCome(t *testing.T) {
	unready := func(name string) func(*plane) { return func(p *plane) { p.unready(name, "app") } }
	for name, test := range map[string]struct {
		given   func(*plane)
		policy  appsv1.PodManagementPolicyType
		evicted bool
	}{
		"all are ready":              {func(*plane) {}, "", true},
		"one before it is not ready": {unready("web-9"), "", false},
		"one before it is not available yet": {func(p *plane) {
			p.pods["web-9"].Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Now().Add(time.Hour))
		}, "", false},
		"one before it is being deleted": {func(p *plane) { p.pods["web-9"].DeletionTimestamp = new(metav1.Now()) }, "", false},
		"one before it is not there":     {func(p *plane) { delete(p.pods, "web-9") }, "", false},
		"one after it is not ready":      {unready("web-11"), appsv1.OrderedReadyPodManagement, true},
		"itself is not ready":            {unready("web-10"), "", true},
		"in any order":                   {unready("web-9"), appsv1.ParallelPodManagement, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r, s := newPlane(t, 3, 3, 0, "web-9", "web-10", "web-11")
			s.Kind, s.Targets = "StatefulSet", s.Targets[1:2]
			p.pods["web-10"].Labels["state"] = "restart"
			s.Targets[0].Wants = map[string]string{"side": ""}
			p.other = func(q *http.Request) (any, error) {
				if q.URL.Path == "/apis/apps/v1/namespaces/shop/statefulsets/web" {
					return &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: appsv1.StatefulSetSpec{Replicas: new(int32(3)), PodManagementPolicy: test.policy,
						MinReadySeconds: 1, Ordinals: &appsv1.StatefulSetOrdinals{Start: 9}, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}, nil
				}
				return nil, nil
			}
			test.given(p)
			now, err := r.owner(t.Context(), s.Workload)
			must(t, err)
			kept := (*keptError)(nil)
			err = r.evictEach(t.Context(), s, now, s.Targets, &Outcome{})
			if want := "pod web-9 is not available, and the StatefulSet would not create another web-10 before it is"; !test.evicted && (!errors.As(err, &kept) || err.Error() != want) {
				t.Errorf("%v, want %s", err, want)
			}
			if (len(p.evicted) > 0) != test.evicted {
				t.Errorf("%v is evicted", p.evicted)
			}
			// The time in which another one has to be ready includes that until it is available.
			if patience := map[bool]string{true: "1ms", false: "1.001s"}[test.policy == appsv1.ParallelPodManagement]; test.evicted && !strings.HasSuffix(err.Error(), " after "+patience) {
				t.Errorf("%v, want it after %s", err, patience)
			}
		})
	}
}

// TestARolloutIsGivenTheTimeThatItsPodsTakeToBeAvailable: it makes no progress meanwhile.
func TestARolloutIsGivenTheTimeThatItsPodsTakeToBeAvailable(t *testing.T) {
	for kind, o := range map[string]*owner{
		"Deployment":  ofDeployment(&appsv1.Deployment{Spec: appsv1.DeploymentSpec{MinReadySeconds: 600, Selector: &metav1.LabelSelector{}}}),
		"StatefulSet": ofStatefulSet(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{MinReadySeconds: 600, Selector: &metav1.LabelSelector{}}}),
		"DaemonSet":   ofDaemonSet(&appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{MinReadySeconds: 600, Selector: &metav1.LabelSelector{}}}),
	} {
		if o.minReady != 10*time.Minute {
			t.Errorf("%s: %s", kind, o.minReady)
		}
	}
}
