package rollout

import (
	"errors"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// TestCanariesWithoutASelectorAreLookedAt: pods alone, those of Jobs, and of owners that nobody knows are
// known by name only.
func TestCanariesWithoutASelectorAreLookedAt(t *testing.T) {
	for _, kind := range []string{"Pod", "Job", "CronJob", "CloneSet"} {
		p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
		s.Kind = kind
		r.Limits.Wait = time.Millisecond
		if err := r.look(t.Context(), []fleet.Step{*s}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		w := &watch{step: s, before: map[types.UID]condition{}, judged: map[types.UID]bool{}}
		for name, pod := range p.pods {
			w.before[types.UID(name)] = conditionOf(pod)
		}
		p.unready("web-2", "")
		if err := r.glance(t.Context(), w); !errors.As(err, new(*TroubleError)) || !strings.Contains(err.Error(), "a canary: pod web-2: container side: ErrImagePull") {
			t.Errorf("%s: %v", kind, err)
		}
		delete(p.pods, "web-2")
		if err := r.glance(t.Context(), w); err != nil {
			t.Errorf("%s: the pod has gone: %v", kind, err)
		}
	}
}

// TestAnAppThatWasIllBeforeStopsNothing: it goes on to crash while its sidecar is changed, or is looked at as a
// canary. A pod that has succeeded meanwhile has nothing to be waited for.
func TestAnAppThatWasIllBeforeStopsNothing(t *testing.T) {
	p, r, s := newPlane(t, 1, 2, 1, "web-1")
	s.Kind, r.Limits.Timeout = "Job", time.Second
	pod := p.pods["web-1"]
	crash := func(restarts int32) {
		pod.Status.Conditions = nil
		pod.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: "app", RestartCount: restarts, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}
	}
	crash(3)
	then, err := r.due(t.Context(), s.Namespace, s.Targets[0])
	must(t, err)
	w := &watch{step: s, before: map[types.UID]condition{"web-1": conditionOf(pod)}, ill: beforeOf([]corev1.Pod{*pod}).ill, judged: map[types.UID]bool{}}
	crash(4)
	if err := r.glance(t.Context(), w); err != nil {
		t.Errorf("as a canary: %v", err)
	}
	pod.Status.InitContainerStatuses[0].RestartCount++
	pod.Status.InitContainerStatuses[0].ContainerID = "side-1"
	if err := r.settled(t.Context(), s.Workload, then); err != nil {
		t.Errorf("after a change: %v", err)
	}
	pod.Status.Phase = corev1.PodSucceeded
	if now, err := r.read(t.Context(), s.Namespace, s.Targets[0]); now != nil || err != nil {
		t.Errorf("a pod that has succeeded is %v (%v)", now, err)
	}
}

// TestRefusalsOfACanarysPodsStopTheOthers, but not those of a quota, nor of a workload that lacked pods before.
func TestRefusalsOfACanarysPodsStopTheOthers(t *testing.T) {
	for name, test := range map[string]struct {
		why   string
		lacks bool
		stops bool
	}{
		"a policy":                         {guarded, false, true},
		"a quota":                          {full, false, false},
		"a webhook that does not answer":   {noAnswer, false, false},
		"a policy, where pods lacked then": {guarded, true, false},
	} {
		p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
		e := corev1.Event{Reason: "FailedCreate", Message: "Error creating: " + test.why}
		p.other = func(q *http.Request) (any, error) {
			switch {
			case path.Base(q.URL.Path) == "events":
				e.Count++
				return &corev1.EventList{Items: []corev1.Event{e}}, nil
			case lists(q) && test.lacks:
				return &corev1.PodList{Items: []corev1.Pod{*p.pods["web-1"]}}, nil
			}
			return nil, nil
		}
		w, err := r.watchOf(t.Context(), s)
		for range 3 {
			if err == nil {
				if w.refusals != nil {
					w.refusals.next = time.Time{}
				}
				err = r.glance(t.Context(), w)
			}
		}
		if trouble := (*TroubleError)(nil); errors.As(err, &trouble) != test.stops || test.stops && trouble.Message != "a canary: its new pods are refused: "+guarded || !test.stops && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
