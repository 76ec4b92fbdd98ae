package rollout

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestEvictedPodsAreWaitedForWhateverComes: a new pod that is not what it was to become ends the step, but
// not before it is ready.
func TestEvictedPodsAreWaitedForWhateverComes(t *testing.T) {
	p, r, s := newPlane(t, 1, 1, 0, "web-1", "web-2")
	s.Targets = s.Targets[:1]
	p.pods["web-1"].Spec.TerminationGracePeriodSeconds = new(int64(40)) // it may take ten seconds more than usual to stop
	looks := 0
	p.other = func(q *http.Request) (any, error) {
		if !lists(q) {
			return nil, nil
		}
		looks++
		before, after := p.pods["web-1"], p.pods["web-2"].DeepCopy()
		switch looks {
		case 1, 2:
			return &corev1.PodList{Items: []corev1.Pod{*before}}, nil
		case 3, 4:
			after.Status.Conditions[0].Status = corev1.ConditionFalse
		}
		return &corev1.PodList{Items: []corev1.Pod{*after}}, nil
	}
	o := &Outcome{}
	err := r.evictEach(t.Context(), s, &owner{selector: selectorOf(&metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}})}, s.Targets, o)
	if left := (*LeftError)(nil); !errors.As(err, &left) || !strings.HasPrefix(left.Message, "pod web-2 was made anew: a new pod comes without side") || looks != 5 || o.Done != 0 {
		t.Errorf("%d pods are done after %d looks: %v", o.Done, looks, err)
	}
}

// TestANewPodIsWatchedUntilAllAreEvicted: one that was ready at first, and crashes later, ends the evictions. So
// does one that is not ready any more.
func TestANewPodIsWatchedUntilAllAreEvicted(t *testing.T) {
	for want, ill := range map[string]func(*corev1.Pod){
		"pod new-1: container side was restarted: nobody says why": func(pod *corev1.Pod) { pod.Status.InitContainerStatuses[0].RestartCount++ },
		"pods were evicted, and not as many as before are ready after 1s": func(pod *corev1.Pod) {
			pod.Status.Conditions[0].Status = corev1.ConditionFalse
		},
	} {
		p, r, s := newPlane(t, 3, 3, 0, "web-1", "web-2", "web-3", "new-1", "new-2", "new-3")
		r.Limits.Timeout, s.Targets = time.Second, s.Targets[:3]
		r.Judge = func(namespace string, text []byte) (*fleet.Standing, error) {
			standing, err := judge("side:1", "1m", false)(namespace, text)
			if err == nil {
				standing.Instances[0].Revision = "2"
			}
			return standing, err
		}
		for n := range s.Targets {
			p.pods[s.Targets[n].Name].Labels["state"] = "restart"
		}
		looks := 0
		p.other = func(q *http.Request) (any, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			switch {
			case lists(q):
				looks++
				all := &corev1.PodList{}
				for n := range 3 {
					pod := p.pods[fmt.Sprint("web-", n+1)].DeepCopy()
					if n < len(p.evicted) {
						pod = p.pods[fmt.Sprint("new-", n+1)].DeepCopy()
					}
					if n == 0 && looks > 3 { // its step was over
						ill(pod)
					}
					all.Items = append(all.Items, *pod)
				}
				return all, nil
			case strings.HasSuffix(q.URL.Path, "/deployments/web"):
				return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(3)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}, nil
			}
			return nil, nil
		}
		now, err := r.owner(t.Context(), s.Workload)
		must(t, err)
		err = r.evictEach(t.Context(), s, now, s.Targets, &Outcome{})
		if trouble := (*TroubleError)(nil); !errors.As(err, &trouble) || trouble.Message != want || len(p.evicted) != 2 {
			t.Errorf("%v are evicted: %v, want %s", p.evicted, err, want)
		}
	}
}

// TestPodsOfAWorkloadThatGrowsAreUnavailableAsWell: it is scaled up while its pods are evicted.
func TestPodsOfAWorkloadThatGrowsAreUnavailableAsWell(t *testing.T) {
	p, r, s := newPlane(t, 3, 3, 0, "web-1", "web-2", "web-3", "new-1", "new-2", "new-3")
	r.Limits, s.Targets = Limits{Timeout: time.Second, MaxUnavailable: 2}, s.Targets[:3]
	for n := range s.Targets {
		p.pods[s.Targets[n].Name].Labels["state"] = "restart"
		s.Targets[n].Wants = map[string]string{"side": ""}
	}
	wanted := int32(3)
	p.other = func(q *http.Request) (any, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case lists(q):
			all := &corev1.PodList{}
			for n := range 3 {
				name := fmt.Sprint("web-", n+1)
				if n < len(p.evicted) {
					name = fmt.Sprint("new-", n+1)
				}
				all.Items = append(all.Items, *p.pods[name].DeepCopy())
			}
			return all, nil
		case strings.HasSuffix(q.URL.Path, "/deployments/web"):
			return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &wanted, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}, nil
		}
		return nil, nil
	}
	now, err := r.owner(t.Context(), s.Workload)
	must(t, err)
	refusals, err := r.refusalsOf(t.Context(), s.Workload)
	must(t, err)
	e := &replacing{was: before{pods: map[types.UID]bool{"web-1": true, "web-2": true, "web-3": true}}, now: now, pods: 3, evicted: map[string]bool{}, judged: map[types.UID]bool{"new-1": true, "new-2": true, "new-3": true}, refusals: refusals}
	wanted = 6
	for _, batch := range [][]fleet.Target{s.Targets[:1], s.Targets[1:]} {
		if handled, err := r.evictSome(t.Context(), s, e, batch, &Outcome{}); handled != 1 || err != nil {
			t.Errorf("%d of %d are evicted at once: %v", handled, len(batch), err)
		}
	}
}

// TestARolloutThatWasBegunIsWatchedToItsEnd: a pod that is in the way of a StatefulSet's rollout cannot be
// evicted.
func TestARolloutThatWasBegunIsWatchedToItsEnd(t *testing.T) {
	status := `{"side":{"template":"SidecarTemplate/shop/side","revision":"1","parameters":"1","sidecars":["side"]}}`
	for name, test := range map[string]struct {
		refused int  // how often the eviction is refused
		comes   bool // whether another pod comes, and does not start
		want    error
	}{
		"for ever":                   {1000, false, &LeftError{"its rollout has made no progress for 3s: pod web-0 cannot be evicted: the budget web says no"}},
		"at first":                   {2, false, nil},
		"while a new pod has failed": {1000, true, &TroubleError{fleet.Workload{Namespace: "shop", Kind: "StatefulSet", Name: "web"}, "pod web-1: container side: ErrImagePull: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r, s := newPlane(t, 1, 1, 0, "web-0", "web-1")
			r.Limits.Timeout = 3 * time.Second
			s.Kind, s.Targets = "StatefulSet", s.Targets[:1]
			old := p.pods["web-0"]
			old.Annotations = map[string]string{inject.StatusAnnotation: status}
			p.unready("web-0", "")
			p.unready("web-1", "")
			was, err := beforeOf([]corev1.Pod{*old}), error(nil)
			was.refusals, err = r.refusalsOf(t.Context(), s.Workload)
			must(t, err)
			asked := 0
			p.other = func(q *http.Request) (any, error) {
				p.mu.Lock()
				defer p.mu.Unlock()
				switch {
				case lists(q):
					all := &corev1.PodList{}
					if len(p.evicted) == 0 {
						all.Items = append(all.Items, *old)
					}
					if test.comes && asked > 1 {
						all.Items = append(all.Items, *p.pods["web-1"])
					}
					return all, nil
				case path.Base(q.URL.Path) == "eviction":
					if asked++; asked <= test.refused {
						err := apierrors.NewTooManyRequests("no", 0)
						err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: "the budget web says no"}}
						return nil, err
					}
				case strings.HasSuffix(q.URL.Path, "/statefulsets/web"):
					n := int32(1)
					set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: appsv1.StatefulSetSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}
					if set.Status.UpdateRevision = "2"; len(p.evicted) > 0 {
						set.Status = appsv1.StatefulSetStatus{Replicas: 1, ReadyReplicas: 1, UpdatedReplicas: 1, CurrentRevision: "2", UpdateRevision: "2"}
					}
					return set, nil
				}
				return nil, nil
			}
			o := &Outcome{}
			err = r.rolled(t.Context(), s, o, was)
			if wanted := test.want; (err == nil) != (wanted == nil) || err != nil && (err.Error() != wanted.Error() || errors.As(err, new(*LeftError)) != errors.As(wanted, new(*LeftError))) {
				t.Errorf("%v, want %v", err, wanted)
			}
			if asked < 2 || err == nil && o.Done != 1 {
				t.Errorf("%d pods are done after %d attempts", o.Done, asked)
			}
		})
	}
}
