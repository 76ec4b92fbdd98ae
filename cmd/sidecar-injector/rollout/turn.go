package rollout

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// inTurn returns the pods of a workload, once its controller would create another one in the place of the pod with
// that name. It returns a *LeftError if that takes too long.
func (r *Runner) inTurn(ctx context.Context, w fleet.Workload, o *owner, name string) ([]corev1.Pod, error) {
	var pods []corev1.Pod
	first := ""
	err := waitFor(ctx, r.Limits.forBudgets(), func() error {
		return &LeftError{fmt.Sprintf("pod %s is not ready, and the StatefulSet would not create another %s before it is", first, name)}
	}, func() (bool, int, error) {
		err := r.goesOn(ctx)
		if err == nil {
			pods, err = r.pods(ctx, w, o)
		}
		first = o.first(pods, name)
		return first == "", 0, err
	})
	return pods, err
}

// first returns the name of a pod that has to be ready before the workload's controller creates another one in the
// place of the pod with that name; "" if there is none.
func (o *owner) first(pods []corev1.Pod, name string) string {
	for i := range pods {
		if o.ordered && !isReady(&pods[i]) && ordinal(pods[i].Name) < ordinal(name) {
			return pods[i].Name
		}
	}
	return ""
}

// ordinal returns the number that a StatefulSet's controller has given a pod.
func ordinal(pod string) int {
	n, _ := strconv.Atoi(pod[strings.LastIndexByte(pod, '-')+1:])
	return n
}
