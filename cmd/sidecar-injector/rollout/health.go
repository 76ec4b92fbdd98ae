package rollout

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// condition is how a pod was before it was changed.
type condition struct {
	ready      bool
	containers map[string]corev1.ContainerStatus
}

func conditionOf(pod *corev1.Pod) condition {
	c := condition{ready: isReady(pod), containers: map[string]corev1.ContainerStatus{}}
	for _, s := range statuses(pod) {
		c.containers[s.Name] = s
	}
	return c
}

func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// hopeless are the reasons for which a container waits and that rarely go by themselves.
func hopeless() []string {
	return []string{"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
		"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
}

// since looks at a pod after some of its containers got another image: they have to start again,
// once, and nothing else. Trouble that was there before is none of ours.
func (c condition) since(pod *corev1.Pod, changed []string) (well bool, trouble string) {
	if pod.Status.Phase == corev1.PodFailed {
		return false, "pod " + pod.Name + " has failed: " + pod.Status.Reason
	}
	well = isReady(pod) || !c.ready
	for _, s := range statuses(pod) {
		before, seen := c.containers[s.Name]
		mine := slices.Contains(changed, s.Name)
		if w := s.State.Waiting; w != nil && slices.Contains(hopeless(), w.Reason) && !sameTrouble(&before, &s) {
			return false, fmt.Sprintf("pod %s: container %s: %s: %s", pod.Name, s.Name, w.Reason, w.Message)
		}
		grown := s.RestartCount - before.RestartCount
		if mine && grown > 1 || !mine && grown > 0 {
			return false, fmt.Sprintf("pod %s: container %s was restarted: %s", pod.Name, s.Name, lastEnd(&s))
		}
		if mine && seen && (s.State.Running == nil || !s.Ready || s.ContainerID == before.ContainerID) {
			well = false
		}
	}
	return well, ""
}

// sameTrouble says that a container waits as it did before: nothing has been tried since.
func sameTrouble(before, now *corev1.ContainerStatus) bool {
	w := before.State.Waiting
	return w != nil && *w == *now.State.Waiting && before.Image == now.Image && before.RestartCount == now.RestartCount
}

func lastEnd(s *corev1.ContainerStatus) string {
	for _, end := range []*corev1.ContainerStateTerminated{s.State.Terminated, s.LastTerminationState.Terminated} {
		if end != nil {
			return fmt.Sprintf("%s, exit code %d", end.Reason, end.ExitCode)
		}
	}
	return "nobody says why"
}

// fresh looks at a pod that was made anew: nothing of it may fail.
func fresh(pod *corev1.Pod) (well bool, trouble string) {
	return condition{ready: true}.since(pod, nil)
}

// resized says whether the kubelet has done, or refuses, what a resize of these containers asks for.
func resized(pod *corev1.Pod, changed []string) (done bool, refusal string) {
	done = true
	for _, c := range pod.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == corev1.PodResizePending && c.Reason == corev1.PodReasonInfeasible:
			return false, c.Message
		case c.Type == corev1.PodResizePending, c.Type == corev1.PodResizeInProgress && c.Reason == "":
			done = false
		case c.Type == corev1.PodResizeInProgress:
			return false, c.Reason + ": " + c.Message
		}
	}
	now := map[string]corev1.ContainerStatus{}
	for _, s := range statuses(pod) {
		now[s.Name] = s
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		// A kubelet says what a container that runs has; one that does not run gets it when it starts.
		if s := now[c.Name]; slices.Contains(changed, c.Name) && s.State.Running != nil {
			done = done && s.Resources != nil && sameAmounts(c.Resources.Requests, s.Resources.Requests) && sameAmounts(c.Resources.Limits, s.Resources.Limits)
		}
	}
	return done, ""
}

func sameAmounts(want, has corev1.ResourceList) bool {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if w, h := want[name], has[name]; w.Cmp(h) != 0 {
			return false
		}
	}
	return true
}
