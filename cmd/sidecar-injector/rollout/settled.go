package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// settled waits until a pod, whose due changes have been applied, is as healthy as it was before; then is its
// state from that time. It returns a *LeftError for one whose changed containers have not been created yet, and
// had not been before: what they wait for is something else, such as a volume. One that was not ready, and whose
// containers were all the same and still are what they were, is a *keptError: its node may have failed.
func (r *Runner) settled(ctx context.Context, w fleet.Workload, then *running) error {
	t, before := then.target, conditionOf(then.pod)
	before.ill = beforeOf([]corev1.Pod{*then.pod}).ill
	var images, restarts []string
	for _, c := range then.changes {
		switch {
		case c.Field == "image":
			images = append(images, c.Container)
		case c.Restarts && !slices.Contains(restarts, c.Container):
			restarts = append(restarts, c.Container)
		}
	}
	waits, same, patience := false, false, r.Limits.Timeout+stopping(then.pod)
	return waitFor(ctx, patience, func() error {
		if waits {
			return &LeftError{fmt.Sprintf("pod %s was not started before its change, nor within %s after it", t.Name, patience)}
		}
		if same {
			return &keptError{&LeftError{fmt.Sprintf("pod %s was not ready before its change, though its sidecar was, and the change has had no effect within %s: see whether its node is well", t.Name, patience)}}
		}
		return &TroubleError{w, fmt.Sprintf("pod %s is not ready again after %s", t.Name, patience)}
	}, func() (bool, int, error) {
		now, err := r.read(ctx, w.Namespace, t)
		if err != nil {
			return false, 0, err
		}
		if now == nil {
			return true, 0, nil // the pod was replaced, and its successor was admitted by the injector
		}
		well, trouble := before.since(now.pod, images, restarts...)
		waits, same = before.unstarted(now.pod, images), before.unanswered(now.pod, slices.Concat(images, restarts))
		if trouble == "" && !well {
			trouble = r.notStarted(ctx, now.pod, slices.Concat(images, restarts))
		}
		if trouble != "" {
			return false, 0, &TroubleError{w, trouble}
		}
		return well, 0, nil
	})
}

// notStarted returns the error of a container that was stopped for its new image and cannot be started with
// it. In the status such a container is only terminated; the kubelet of 1.37 reports the error in events.
// It returns "" if there is none, or if the user may not read events.
func (r *Runner) notStarted(ctx context.Context, pod *corev1.Pod, changed []string) string {
	for _, s := range statuses(pod) {
		if s.State.Terminated == nil || !slices.Contains(changed, s.Name) {
			continue
		}
		events, err := r.Client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Failed,involvedObject.uid=" + string(pod.UID)})
		if err != nil {
			return ""
		}
		for _, e := range events.Items {
			// Both times are the node's, with a resolution of a second. The image excludes events of an
			// earlier change.
			if strings.HasSuffix(e.InvolvedObject.FieldPath, "{"+s.Name+"}") && !e.LastTimestamp.Before(&s.State.Terminated.FinishedAt) &&
				strings.Contains(e.Message, imageOf(pod, s.Name)) {
				return fmt.Sprintf("pod %s: container %s: %s", pod.Name, s.Name, inject.OneLine(e.Message, maxMessage))
			}
		}
	}
	return ""
}

func imageOf(pod *corev1.Pod, container string) string {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == container {
			return c.Image
		}
	}
	return ""
}
