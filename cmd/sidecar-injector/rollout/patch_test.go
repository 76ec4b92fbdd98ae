package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// TestPodsThatAreNotReadyCostABudgetNothing: they come first, and without room. If what stops is well, the
// budget has to be healthy, as for an eviction.
func TestPodsThatAreNotReadyCostABudgetNothing(t *testing.T) {
	for name, test := range map[string]struct {
		allowed, healthy, desired int32
		app                       string
		want                      []string
		left                      bool
	}{
		"the sidecar fails, no room":                  {0, 1, 1, "", []string{"web-2"}, true},
		"the sidecar fails, the budget is below":      {0, 1, 2, "", []string{"web-2"}, true},
		"the app fails, no room":                      {0, 1, 1, "app", []string{"web-2"}, true},
		"the app fails, the budget is below":          {0, 1, 2, "app", nil, true},
		"the app fails, and there is room for others": {1, 1, 0, "app", []string{"web-2", "web-1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, r, s := newPlane(t, test.allowed, test.healthy, test.desired, "web-1", "web-2")
			p.unready("web-2", test.app)
			o := Outcome{}
			err := r.bring(t.Context(), s, &o)
			if diff := cmp.Diff(test.want, p.patched); diff != "" || o.Done != len(test.want) {
				t.Errorf("%d done: %s", o.Done, diff)
			}
			if left := (*LeftError)(nil); errors.As(err, &left) != test.left || test.left && !strings.HasPrefix(left.Message, "PodDisruptionBudget web has let no pod go") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestOnlyWhatStopsAContainerTakesFromABudget: an image does, and cpu or memory if their resizePolicy says
// so; that restart is no trouble.
func TestOnlyWhatStopsAContainerTakesFromABudget(t *testing.T) {
	for name, test := range map[string]struct {
		image, cpu string
		restarts   bool
		allowed    int32
		want       int
	}{
		"cpu":                             {"side:1", "2m", false, 0, 1},
		"cpu with a restart, no room":     {"side:1", "2m", true, 0, 0},
		"cpu with a restart, room":        {"side:1", "2m", true, 1, 1},
		"cpu with a restart and an image": {"side:2", "2m", true, 1, 1},
		"an image, no room":               {"side:2", "1m", false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, r, s := newPlane(t, test.allowed, 1, 1, "web-1")
			p.restarts, r.Judge = test.restarts, judge(test.image, test.cpu, test.restarts)
			o := Outcome{}
			err := r.bring(t.Context(), s, &o)
			if o.Done != test.want || (err == nil) != (test.want == 1) {
				t.Errorf("%d done, patched %v: %v", o.Done, p.patched, err)
			}
		})
	}
}

// TestAPodThatCrashesSoonAfterItsChangeEndsTheRollout: it was ready at first.
func TestAPodThatCrashesSoonAfterItsChangeEndsTheRollout(t *testing.T) {
	p, r, s := newPlane(t, 3, 3, 0, "web-1", "web-2", "web-3")
	r.Limits.Timeout = time.Nanosecond // and a tenth of it is over at once
	reads := 0
	p.other = func(q *http.Request) (any, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if q.Method == http.MethodGet && path.Base(q.URL.Path) == "web-1" && len(p.patched) > 0 {
			if reads++; reads == 2 {
				p.pods["web-1"].Status.InitContainerStatuses[0].RestartCount++
			}
		}
		return nil, nil
	}
	o := Outcome{}
	err, trouble := r.bring(t.Context(), s, &o), (*TroubleError)(nil)
	if !errors.As(err, &trouble) || trouble.Message != "pod web-1: container side was restarted: nobody says why" || !slices.Equal(p.patched, []string{"web-1"}) {
		t.Errorf("%v are patched: %v", p.patched, err)
	}
}

// TestAPodIsChangedAsAWhole: after the first of its patches, neither an interruption nor a conflict leaves
// it half changed.
func TestAPodIsChangedAsAWhole(t *testing.T) {
	for name, meddle := range map[string]func(p *plane, interrupt func(), sub string, dry bool) error{
		"interrupted, and somebody changes the pod": func(p *plane, interrupt func(), sub string, dry bool) error {
			if sub == "" && !dry {
				interrupt()
				p.pods["web-1"].ResourceVersion += "2"
			}
			return nil
		},
		"interrupted, and a conflict": func(_ *plane, interrupt func(), sub string, dry bool) error {
			if sub == "resize" && !dry {
				interrupt()
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
			r.Judge = judge("side:2", "2m", false)
			ctx, interrupt := context.WithCancel(t.Context())
			p.before = func(_, sub string, dry bool) error { return meddle(p, interrupt, sub, dry) }
			err := r.bring(ctx, s, &Outcome{})
			if diff := cmp.Diff(map[string]string{"web-1": "side:2 2m", "web-2": "side:1 1m"}, p.images()); diff != "" || !errors.Is(err, context.Canceled) {
				t.Errorf("%v: %s", err, diff)
			}
		})
	}
}

// TestAHalfChangedPodIsTold: the API server refuses the second patch, and takes the first not back.
func TestAHalfChangedPodIsTold(t *testing.T) {
	p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
	r.Judge = judge("side:2", "2m", false)
	begun := false
	p.before = func(_, sub string, dry bool) error {
		if begun {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-1", errors.New("a policy"))
		}
		begun = sub == "resize" && !dry
		return nil
	}
	err := r.bring(t.Context(), s, &Outcome{})
	if left := (*LeftError)(nil); err == nil || errors.As(err, &left) || !strings.Contains(err.Error(), "pod web-1: its cpu and memory are new, and its image is not: ") {
		t.Errorf("got %v", err)
	}
}

// TestAPodThatWaitsForSomethingElseStopsNothing: its sidecar was not started before the change, nor after it.
func TestAPodThatWaitsForSomethingElseStopsNothing(t *testing.T) {
	for reason, left := range map[string]bool{"PodInitializing": true, "ContainerCreating": true, "ErrImagePull": false} {
		p, r, s := newPlane(t, 1, 2, 1, "web-1")
		p.unready("web-1", "")
		pod := p.pods["web-1"]
		pod.Status.InitContainerStatuses[0].State.Waiting.Reason = "PodInitializing"
		then, err := r.due(t.Context(), s.Namespace, s.Targets[0])
		must(t, err)
		pod.Status.InitContainerStatuses[0].State.Waiting.Reason = reason
		if err := r.settled(t.Context(), s.Workload, then); errors.As(err, new(*LeftError)) != left || errors.As(err, new(*TroubleError)) == left {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// TestAPodOfANodeThatDoesNotAnswerStopsNothing: its containers stay as they are, whatever is changed. The others follow.
func TestAPodOfANodeThatDoesNotAnswerStopsNothing(t *testing.T) {
	p, r, s := newPlane(t, 1, 1, 0, "web-1", "web-2")
	p.pods["web-2"].Status.Conditions[0].Status = corev1.ConditionFalse // which the node's controller writes, and nothing else
	p.before = func(name, _ string, dry bool) error {
		if name == "web-2" && !dry {
			p.pods[name].Spec.InitContainers[0].Image = "side:2"
		}
		return nil
	}
	if conditionOf(p.pods["web-2"]).unanswered(p.pods["web-2"], nil) {
		t.Error("no container was changed, and they did not answer")
	}
	o := &Outcome{}
	err := r.bring(t.Context(), s, o)
	if kept := (*keptError)(nil); !errors.As(err, &kept) || !strings.Contains(err.Error(), "pod web-2 was not ready before its change") || o.Done != 1 {
		t.Errorf("%d done: %v", o.Done, err)
	}
	if diff := cmp.Diff(map[string]string{"web-1": "side:2 1m", "web-2": "side:2 1m"}, p.images()); diff != "" {
		t.Error(diff)
	}
}

// TestAPodThatTakesLongToStopIsWaitedForAsLong: its sidecar starts only when the one before has stopped.
func TestAPodThatTakesLongToStopIsWaitedForAsLong(t *testing.T) {
	for seconds, want := range map[int64]string{0: "is not ready again after 1ms", 31: ""} {
		p, r, s := newPlane(t, 1, 2, 1, "web-1")
		pod, reads := p.pods["web-1"], 0
		pod.Spec.TerminationGracePeriodSeconds = &seconds
		then, err := r.due(t.Context(), s.Namespace, s.Targets[0])
		must(t, err)
		p.other = func(*http.Request) (any, error) {
			if reads++; reads > 1 && seconds > 0 {
				pod.Status.InitContainerStatuses[0].RestartCount, pod.Status.InitContainerStatuses[0].ContainerID = 1, "side-1"
			}
			return nil, nil
		}
		if err := r.settled(t.Context(), s.Workload, then); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d s: %v", seconds, err)
		}
	}
}

// TestTwoRolloutsAtOnceTakeTurns: a pod that somebody else changes first is waited for.
func TestTwoRolloutsAtOnceTakeTurns(t *testing.T) {
	p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
	p.before = func(name, _ string, dry bool) error {
		if name == "web-1" && !dry { // the other one is faster, and the container has not started
			p.pods["web-1"].Spec.InitContainers[0].Image = "side:2"
			p.pods["web-1"].ResourceVersion += "2"
			p.pods["web-1"].Status.Conditions[0].Status = corev1.ConditionFalse
		}
		return nil
	}
	err := r.bring(t.Context(), s, &Outcome{})
	if trouble := (*TroubleError)(nil); !errors.As(err, &trouble) || !strings.Contains(trouble.Message, "web-1 is not ready again") || len(p.patched) > 0 {
		t.Errorf("patched %v: %v", p.patched, err)
	}
}

// TestAPodThatIsNotToChangeAnyMoreKeepsNoOther: since the plan was made it was deleted or replaced, it has
// ended, opted out, or what it gets is unknown; the others are changed.
func TestAPodThatIsNotToChangeAnyMoreKeepsNoOther(t *testing.T) {
	for name, test := range map[string]struct {
		change func(p *plane, pod *corev1.Pod)
		left   string
	}{
		"deleted":         {func(p *plane, _ *corev1.Pod) { delete(p.pods, "web-2") }, ""},
		"being deleted":   {func(_ *plane, pod *corev1.Pod) { pod.DeletionTimestamp = new(metav1.Now()) }, ""},
		"replaced":        {func(_ *plane, pod *corev1.Pod) { pod.UID = "another" }, ""},
		"completed":       {func(_ *plane, pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }, ""},
		"failed":          {func(_ *plane, pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed }, ""},
		"opted out":       {func(_ *plane, pod *corev1.Pod) { pod.Labels["state"] = "opted out" }, "pod web-2 is opted out by now: why"},
		"unknown":         {func(_ *plane, pod *corev1.Pod) { pod.Labels["state"] = "unknown" }, "pod web-2 is unknown by now: why"},
		"to be made anew": {func(_ *plane, pod *corev1.Pod) { pod.Labels["state"] = "restart" }, "pod web-2 is restart by now: why"},
	} {
		for _, meanwhile := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", meanwhile ", meanwhile), func(t *testing.T) {
				p, r, s := newPlane(t, 1, 3, 2, "web-1", "web-2", "web-3", "web-4")
				if meanwhile {
					p.before = func(name, _ string, dry bool) error {
						if name == "web-1" && !dry {
							test.change(p, p.pods["web-2"])
						}
						return nil
					}
				} else {
					test.change(p, p.pods["web-2"])
				}
				o, done := Outcome{}, 4
				err, left := r.bring(t.Context(), s, &o), (*LeftError)(nil)
				if test.left != "" {
					done = 3
				}
				if errors.As(err, &left) != (test.left != "") || left != nil && left.Message != test.left || left == nil && err != nil || o.Done != done {
					t.Errorf("%d done: %v", o.Done, err)
				}
				slices.Sort(p.patched)
				if diff := cmp.Diff([]string{"web-1", "web-3", "web-4"}, p.patched); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestOnlyTheServersOwnValidationHasPodsMadeAnew: policies and webhooks answer with any code, and a new pod
// would not help there.
func TestOnlyTheServersOwnValidationHasPodsMadeAnew(t *testing.T) {
	kind := schema.GroupKind{Kind: "Pod"}
	forbidden := func(change func(*metav1.Status)) error {
		err := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-1", errors.New("denied"))
		change(&err.ErrStatus)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		anew bool
	}{
		"a pod-level request": {apierrors.NewInvalid(kind, "web-1", field.ErrorList{field.Invalid(field.NewPath("spec", "resources", "requests").Key("cpu"), "51m", "must be greater")}), true},
		"a field that stays":  {apierrors.NewInvalid(kind, "web-1", field.ErrorList{field.Forbidden(field.NewPath("spec"), "pod updates may not change fields")}), true},
		"a kind of pod":       {apierrors.NewInvalid(kind, "web-1", field.ErrorList{field.Forbidden(field.NewPath(""), "pods with pod-level resources cannot be resized")}), true},
		"no such method":      {apierrors.NewMethodNotSupported(schema.GroupResource{Resource: "pods"}, "patch"), true},
		"an annotation":       {apierrors.NewInvalid(kind, "web-1", field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations"), "x", "too long")}), false},
		"a ValidatingAdmissionPolicy": {forbidden(func(s *metav1.Status) {
			s.Reason, s.Code, s.Details.Causes = metav1.StatusReasonInvalid, http.StatusUnprocessableEntity, []metav1.StatusCause{{Message: "denied"}}
		}), false},
		"a webhook without a code": {&apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusBadRequest, Message: `admission webhook "x" denied the request`}}, false},
		"a webhook with 422":       {&apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := errors.As(refused(test.err, "the image"), new(*immutableError)); got != test.anew {
				t.Errorf("made anew: %v, want %v", got, test.anew)
			}
		})
	}
}

// TestTheFallbackHoldsBudgets: a Deployment that takes all its pods at once is not restarted for a change
// that the plan wanted in place, but its pods are evicted, as far as their budget ever lets them go.
func TestTheFallbackHoldsBudgets(t *testing.T) {
	for room, want := range map[int]string{2: "a new pod would be refused: ", 0: "PodDisruptionBudget web lets no pod go (all is well)"} {
		p, r, s := newPlane(t, 1, 3, 2, "web-1", "web-2", "web-3")
		for n := range s.Targets {
			s.Targets[n].Stops = false
			s.Targets[n].Budgets[0].Room = room
		}
		p.before = func(name, _ string, _ bool) error {
			if name == "web-1" {
				return nil
			}
			return apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, name, field.ErrorList{field.Forbidden(field.NewPath("spec"), "no")})
		}
		o := Outcome{}
		err := r.bring(t.Context(), s, &o)
		if left := (*LeftError)(nil); !errors.As(err, &left) || !strings.Contains(left.Message, want) || o.How != fleet.ByEviction || o.Done != 1 {
			t.Errorf("room %d: %s %d, %v, want %q", room, o.How, o.Done, err, want)
		}
	}
}
