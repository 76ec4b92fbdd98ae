package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestAResizeIsDoneWhenTheKubeletSaysSo checks that a resize does not count as done when only the API
// server has accepted it.
func TestAResizeIsDoneWhenTheKubeletSaysSo(t *testing.T) {
	cpu := func(amount string) corev1.ResourceRequirements {
		return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}}
	}
	given := func(amount string, conditions ...corev1.PodCondition) *corev1.Pod {
		status := runs("side-0", 0)
		if amount != "" {
			r := cpu(amount)
			status.Resources = &r
		}
		pod := side(true, status)
		pod.Spec.InitContainers = []corev1.Container{{Name: "side", Resources: cpu("2m")}}
		pod.Status.Conditions = append(pod.Status.Conditions, conditions...)
		return pod
	}
	pending := func(reason string) corev1.PodCondition {
		return corev1.PodCondition{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: reason, Message: "node has 1m"}
	}
	acts := corev1.PodCondition{Type: corev1.PodResizeInProgress, Status: corev1.ConditionTrue}
	fails, over, before := acts, pending(corev1.PodReasonInfeasible), pending(corev1.PodReasonInfeasible)
	fails.Reason, fails.Message = corev1.PodReasonError, "memory is in use"
	over.Status, before.ObservedGeneration = corev1.ConditionFalse, 2
	for name, test := range map[string]struct {
		pod         *corev1.Pod
		done, final bool
		why         string
	}{
		"the kubelet says nothing": {given(""), false, false, ""},
		"it says the old amount":   {given("1m"), false, false, ""},
		"it says the new one":      {given("0.002"), true, false, ""},
		"it is deferred":           {given("1m", pending(corev1.PodReasonDeferred)), false, false, ": node has 1m"},
		"it cannot be":             {given("1m", pending(corev1.PodReasonInfeasible)), false, true, ": node has 1m"},
		"an earlier one could not": {given("1m", before), false, false, ": node has 1m"},
		"it could not be":          {given("0.002", over), true, false, ""},
		"the kubelet is at it":     {given("0.002", acts), false, false, ""},
		"it fails":                 {given("1m", fails), false, true, ": memory is in use"},
	} {
		t.Run(name, func(t *testing.T) {
			test.pod.Generation = 3
			if done, final, why := resized(test.pod, []string{"side"}); done != test.done || final != test.final || why != test.why {
				t.Errorf("got %v, %v and %q, want %v, %v and %q", done, final, why, test.done, test.final, test.why)
			}
		})
	}
}

// TestWhatANodeCannotGiveIsTakenBack: the pod is as it was, its sidecar goes on with its image, and the
// workload is left.
func TestWhatANodeCannotGiveIsTakenBack(t *testing.T) {
	for name, test := range map[string]struct {
		reasons []string // one after the other; the last one stays
		timeout time.Duration
		why     string
	}{
		"never":                  {[]string{corev1.PodReasonInfeasible}, time.Minute, "its node does not give it the new ones: the node has 1m"},
		"not in time":            {[]string{corev1.PodReasonDeferred}, time.Millisecond, "its node has not given it the new ones for 1ms: the node has 1m"},
		"first later, now never": {[]string{corev1.PodReasonDeferred, corev1.PodReasonDeferred, corev1.PodReasonInfeasible}, time.Minute, "its node does not give it the new ones: the node has 1m"},
		"later":                  {[]string{corev1.PodReasonDeferred, corev1.PodReasonDeferred, ""}, time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
			r.Limits.Timeout, r.Judge = test.timeout, judge("side:2", "2m", false)
			rest := test.reasons
			p.pending = func() string {
				now := rest[0]
				rest = rest[min(1, len(rest)-1):]
				return now
			}
			o := Outcome{}
			err, left := r.bring(t.Context(), s, &o), (*LeftError)(nil)
			want, restarts := map[string]string{"web-1": "side:1 1m", "web-2": "side:1 1m"}, int32(0)
			if test.why == "" {
				want, restarts = map[string]string{"web-1": "side:2 2m", "web-2": "side:2 2m"}, 1
			}
			if diff := cmp.Diff(want, p.images()); diff != "" || p.pods["web-1"].Status.InitContainerStatuses[0].RestartCount != restarts {
				t.Error(diff, p.pods["web-1"].Status.InitContainerStatuses)
			}
			message := "pod web-1 has its former cpu and memory again, because " + test.why + ". Have the template ask for less"
			if errors.As(err, &left) != (test.why != "") || left != nil && !strings.HasPrefix(left.Message, message) || left == nil && err != nil {
				t.Errorf("%d done: %v", o.Done, err)
			}
		})
	}
}

// TestAmountsThatCannotBeTakenBackComeWithTheRest: the pod had none before, and is not left half changed.
func TestAmountsThatCannotBeTakenBackComeWithTheRest(t *testing.T) {
	p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
	r.Limits.Timeout, r.Judge = time.Minute, judge("side:2", "2m", false)
	p.pending = func() string { return corev1.PodReasonInfeasible }
	resized := false
	p.before = func(_, sub string, dry bool) error {
		if sub == "resize" && resized {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web-1", field.ErrorList{field.Forbidden(field.NewPath("spec", "initContainers").Index(0).Child("resources", "requests"), "resource requests cannot be removed")})
		}
		resized = resized || sub == "resize" && !dry
		return nil
	}
	err, left := r.bring(t.Context(), s, &Outcome{}), (*LeftError)(nil)
	if diff := cmp.Diff(map[string]string{"web-1": "side:2 2m", "web-2": "side:1 1m"}, p.images()); diff != "" || !errors.As(err, &left) ||
		!strings.HasPrefix(left.Message, "pod web-1 is changed, but its node does not give it the new ones: the node has 1m") {
		t.Errorf("%v: %s", err, diff)
	}
}

// TestAnInterruptionWhileANodeHasNotGivenLeavesNothing: neither new amounts nor a new image.
func TestAnInterruptionWhileANodeHasNotGivenLeavesNothing(t *testing.T) {
	p, r, s := newPlane(t, 1, 2, 1, "web-1")
	r.Limits.Timeout, r.Judge = time.Minute, judge("side:2", "2m", false)
	ctx, interrupt := context.WithCancel(t.Context())
	p.pending = func() string { interrupt(); return corev1.PodReasonDeferred }
	err := r.bring(ctx, s, &Outcome{})
	if diff := cmp.Diff(map[string]string{"web-1": "side:1 1m"}, p.images()); diff != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("%v: %s", err, diff)
	}
}
