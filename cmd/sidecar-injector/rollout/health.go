package rollout

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// condition is the state of a pod before a change.
type condition struct {
	ready, failed bool
	ill           map[string]bool // containers whose problems are known
	containers    map[string]corev1.ContainerStatus
}

func conditionOf(pod *corev1.Pod) condition {
	c := condition{ready: isReady(pod), failed: pod.Status.Phase == corev1.PodFailed, containers: map[string]corev1.ContainerStatus{}}
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

// stopping returns how much longer than Kubernetes' default of 30 seconds a pod may take to stop. It is waited for
// beside Limits.Timeout, because nothing can start in its place before.
func stopping(pod *corev1.Pod) time.Duration {
	const usual = corev1.DefaultTerminationGracePeriodSeconds
	return time.Duration(max(0, ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, usual)-usual)) * time.Second
}

// hopeless returns the reasons of waiting containers that rarely resolve by themselves.
func hopeless() []string {
	return []string{"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
		"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
}

// since compares a pod with its earlier state. The containers in changed got another image, and have to
// restart once. Those in may are resized, and are allowed one restart for that; of all others, only those that
// are ill may restart. well is true once the pod is as healthy as before; trouble describes a new problem, "" if
// there is none. Problems that existed before are ignored.
func (c condition) since(pod *corev1.Pod, changed []string, may ...string) (well bool, trouble string) {
	if pod.Status.Phase == corev1.PodFailed {
		if c.failed {
			return true, ""
		}
		return false, "pod " + pod.Name + " has failed: " + pod.Status.Reason
	}
	well = isReady(pod) || !c.ready
	for _, s := range statuses(pod) {
		if c.ill[s.Name] {
			continue
		}
		before, seen := c.containers[s.Name]
		mine := slices.Contains(changed, s.Name)
		if w := s.State.Waiting; w != nil && slices.Contains(hopeless(), w.Reason) && !sameTrouble(&before, &s) {
			return false, fmt.Sprintf("pod %s: container %s: %s: %s", pod.Name, s.Name, w.Reason, w.Message)
		}
		grown := s.RestartCount - before.RestartCount
		if mine {
			grown--
		}
		if slices.Contains(may, s.Name) {
			grown--
			well = well && (s.Ready || !before.Ready)
		}
		if grown > 0 {
			return false, fmt.Sprintf("pod %s: container %s was restarted: %s", pod.Name, s.Name, lastEnd(&s))
		}
		if mine && seen && (s.State.Running == nil || !s.Ready || s.ContainerID == before.ContainerID) {
			well = false
		}
	}
	return well, ""
}

// unstarted reports whether one of the containers has not been created, and had not been before.
func (c condition) unstarted(pod *corev1.Pod, containers []string) bool {
	return slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool {
		before, seen := c.containers[s.Name]
		return slices.Contains(containers, s.Name) && seen && before.ContainerID == "" && s.ContainerID == ""
	})
}

// unanswered reports whether the pod was not ready and is not, though all of the containers ran and were ready, and
// none of them has been started again. Pods of a node that does not answer are so. It is false for no containers.
func (c condition) unanswered(pod *corev1.Pod, containers []string) bool {
	return len(containers) > 0 && !c.ready && !isReady(pod) && !slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool {
		return slices.Contains(containers, s.Name) && (!s.Ready || s.ContainerID != c.containers[s.Name].ContainerID)
	})
}

// sameTrouble reports whether a container waits for the same reason as before, without an attempt in
// between.
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

// fresh checks a newly created pod, in which nothing may fail but containers that are known to be ill.
func fresh(pod *corev1.Pod, ill map[string]bool) (well bool, trouble string) {
	return condition{ready: true, ill: ill}.since(pod, nil)
}
