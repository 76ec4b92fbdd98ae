package rollout

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// shortError reports that the node of a pod does not give it the cpu and memory that it was resized to. stays is
// true if it keeps them in its spec all the same, because they cannot be taken back.
type shortError struct {
	why   string
	stays bool
}

func (e *shortError) Error() string { return e.why }

// given waits until its node has given a pod the cpu and memory of the changes that were due in it then. It
// returns a *shortError if the kubelet refuses to, or has not done it when the time is up.
func (r *Runner) given(ctx context.Context, then *running) error {
	var containers []string
	for _, c := range then.changes {
		if c.Field != "image" {
			containers = append(containers, c.Container)
		}
	}
	if len(containers) == 0 {
		return nil
	}
	asking, cancel := finishing(ctx) // so that an interruption does not hide that it was given already
	defer cancel()
	waits := ""
	return r.wait(ctx, func() error {
		return &shortError{why: fmt.Sprintf("its node has not given it the new ones for %s%s", r.Limits.Timeout, waits)}
	}, func() (bool, int, error) {
		now, err := r.read(asking, then.pod.Namespace, then.target)
		if err != nil || now == nil || now.pod.Status.Phase == corev1.PodFailed {
			return err == nil, 0, err
		}
		done, final, why := resized(now.pod, containers)
		if final {
			return false, 0, &shortError{why: "its node does not give it the new ones" + why}
		}
		waits = why
		return done, 0, nil
	})
}

// resized reports whether the kubelet has applied a resize of these containers. If it has not, final is true
// if it refuses to, and why is what it says, after a colon; "" if it says nothing.
func resized(pod *corev1.Pod, containers []string) (done, final bool, why string) {
	done = true
	for _, c := range pod.Status.Conditions {
		waits, acts := c.Type == corev1.PodResizePending, c.Type == corev1.PodResizeInProgress
		if c.Status != corev1.ConditionTrue || !waits && !acts {
			continue
		}
		done = false
		if waits || c.Reason != "" {
			why = ": " + inject.OneLine(c.Message, maxMessage)
		}
		earlier := c.ObservedGeneration != 0 && c.ObservedGeneration < pod.Generation // it is about an earlier resize
		final = final || !earlier && (waits && c.Reason == corev1.PodReasonInfeasible || acts && c.Reason != "")
	}
	now := map[string]corev1.ContainerStatus{}
	for _, s := range statuses(pod) {
		now[s.Name] = s
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		// The status has the resources of running containers only; any other container gets its resources
		// when it starts.
		if s := now[c.Name]; slices.Contains(containers, c.Name) && s.State.Running != nil {
			done = done && s.Resources != nil && sameAmounts(c.Resources.Requests, s.Resources.Requests) && sameAmounts(c.Resources.Limits, s.Resources.Limits)
		}
	}
	return done, final, why
}

func sameAmounts(want, has corev1.ResourceList) bool {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if w, h := want[name], has[name]; w.Cmp(h) != 0 {
			return false
		}
	}
	return true
}
