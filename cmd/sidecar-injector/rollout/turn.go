package rollout

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// inTurn returns the pods of a workload, with those that are being deleted, once its controller would create another
// one in the place of the pod with that name. It returns a *keptError if that takes too long.
func (r *Runner) inTurn(ctx context.Context, w fleet.Workload, o *owner, name string) ([]corev1.Pod, error) {
	var pods []corev1.Pod
	first := ""
	err := waitFor(ctx, r.Limits.forBudgets()+o.minReady, func() error {
		return &keptError{&LeftError{fmt.Sprintf("pod %s is not available, and the StatefulSet would not create another %s before it is", first, name)}}
	}, func() (bool, int, error) {
		err := r.goesOn(ctx)
		if err == nil {
			pods, err = r.allPods(ctx, w, o)
		}
		first = o.first(pods, name, time.Now())
		return first == "", 0, err
	})
	return pods, err
}

// first returns the name of a pod that has to be available before the workload's controller creates another one in the
// place of the pod with that name; "" if there is none. It may be one that does not exist yet.
func (o *owner) first(pods []corev1.Pod, name string, now time.Time) string {
	if !o.ordered {
		return ""
	}
	available := map[int]bool{}
	for i := range pods {
		available[ordinal(pods[i].Name)] = o.available(&pods[i], now)
	}
	for n := o.start; n < ordinal(name); n++ {
		if !available[n] {
			return fmt.Sprintf("%s-%d", o.meta.Name, n)
		}
	}
	return ""
}

// available reports whether a pod counts as available to the workload's controller.
func (o *owner) available(pod *corev1.Pod, now time.Time) bool {
	if pod.DeletionTimestamp != nil || !isReady(pod) {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return now.Sub(c.LastTransitionTime.Time) >= o.minReady
		}
	}
	return false
}

// ordinal returns the number that a StatefulSet's controller has given a pod.
func ordinal(pod string) int {
	n, _ := strconv.Atoi(pod[strings.LastIndexByte(pod, '-')+1:])
	return n
}
