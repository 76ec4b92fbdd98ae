package keeper

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/rollout"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// PauseAnnotation of the Lease pauses a work for as long as it is there. The keeper writes it at
// trouble, and whoever wants peace for a while may do so, too.
func PauseAnnotation(w Work) string { return inject.Domain + "/" + string(w) + "-paused" }

// PauseReason is that of the event which tells of a pause.
func PauseReason(w Work) string {
	if w == Repair {
		return "RepairPaused"
	}
	return "RolloutPaused"
}

// maxSentence bounds what is told of trouble, in an event as in the annotation.
const maxSentence = 700

// pausedFor says why a work is paused; "" if it is not.
func (k *Keeper) pausedFor(ctx context.Context, w Work) (string, error) {
	if why := k.held[w]; why != "" {
		if err := k.write(ctx, w, why); err != nil {
			return "", err
		}
		delete(k.held, w)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	lease, err := k.Client.CoordinationV1().Leases(k.Namespace).Get(ctx, k.Name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("lease: %w", err)
	}
	why, there := lease.Annotations[PauseAnnotation(w)]
	if there && why == "" {
		why = "nobody says why"
	}
	k.Metrics.setPaused(w, there)
	return why, nil
}

// pause keeps a work from going on, and tells of it.
func (k *Keeper) pause(ctx context.Context, w Work, r *rollout.Runner, trouble *rollout.TroubleError) {
	why := inject.OneLine(trouble.Error(), maxSentence)
	k.Metrics.setPaused(w, true)
	k.Log.Error(trouble, "paused", "work", w, "goOn", k.goOn(w))
	if err := k.write(ctx, w, time.Now().UTC().Format(time.RFC3339)+" "+why); err != nil {
		k.held[w] = why // and no round begins before it is written
		k.Log.Error(err, "the pause could not be written", "work", w)
	}
	if err := k.tell(ctx, w, r, trouble, why); err != nil && ctx.Err() == nil {
		k.Log.Error(err, "the event of the pause could not be written", "work", w)
	}
}

// goOn is the command that ends a pause.
func (k *Keeper) goOn(w Work) string {
	return fmt.Sprintf("kubectl annotate lease %s -n %s %s-", k.Name, k.Namespace, PauseAnnotation(w))
}

// write puts the annotation on the Lease, which the election writes as well.
func (k *Keeper) write(ctx context.Context, w Work, why string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	leases := k.Client.CoordinationV1().Leases(k.Namespace)
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		lease, err := leases.Get(ctx, k.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, PauseAnnotation(w), why)
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
}

// tell writes an event on the workload that was in trouble.
func (k *Keeper) tell(ctx context.Context, w Work, r *rollout.Runner, trouble *rollout.TroubleError, why string) error {
	about, err := r.Reference(ctx, trouble.Workload)
	if err != nil || about == nil {
		return err
	}
	now := metav1.Now()
	_, err = k.Client.CoreV1().Events(about.Namespace).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: about.Namespace, Name: fmt.Sprintf("%s.%x", about.Name, now.UnixNano())},
		InvolvedObject: *about,
		Type:           corev1.EventTypeWarning,
		Reason:         PauseReason(w),
		Message:        fmt.Sprintf("the injector's %s is paused for all workloads: %s; to go on: %s", w, why, k.goOn(w)),
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
		Source:              corev1.EventSource{Component: "sidecar-injector", Host: k.Host},
		ReportingController: "sidecar-injector",
		ReportingInstance:   k.Host,
	}, metav1.CreateOptions{})
	return err
}
