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

// pauseAnnotation returns the annotation of the Lease that pauses a kind of work for as long as it is set.
// The keeper sets it after a problem; users may set it as well. Its value is the reason.
func pauseAnnotation(w Work) string { return inject.Domain + "/" + string(w) + "-paused" }

// PauseReason returns the reason of the event about a pause.
func PauseReason(w Work) string {
	if w == Repair {
		return "RepairPaused"
	}
	return "RolloutPaused"
}

// maxSentence is the longest description of a problem in an event or annotation, in bytes.
const maxSentence = 700

// pausedFor returns why a kind of work is paused; "" if it is not.
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
	why, there := lease.Annotations[pauseAnnotation(w)]
	if there && why == "" {
		why = "nobody says why"
	}
	k.Metrics.setPaused(w, there)
	return why, nil
}

// pause pauses a kind of work after trouble, and writes an event about it.
func (k *Keeper) pause(ctx context.Context, w Work, r *rollout.Runner, trouble *rollout.TroubleError) {
	why := inject.OneLine(trouble.Error(), maxSentence)
	k.Metrics.setPaused(w, true)
	k.Log.Error(trouble, "paused", "work", w, "goOn", k.goOn(w))
	since := time.Now().UTC().Format(time.RFC3339) + " " + why
	if err := k.write(ctx, w, since); err != nil {
		k.held[w] = since // pausedFor retries the write before the next round
		k.Log.Error(err, "the pause could not be written", "work", w)
	}
	if err := k.tell(ctx, w, r, trouble, why); err != nil && ctx.Err() == nil {
		k.Log.Error(err, "the event of the pause could not be written", "work", w)
	}
}

// goOn returns the command that ends a pause.
func (k *Keeper) goOn(w Work) string {
	return fmt.Sprintf("kubectl annotate lease %s -n %s %s-", k.Name, k.Namespace, pauseAnnotation(w))
}

// write sets the annotation on the Lease. It retries on conflicts, because leader election updates the
// Lease as well.
func (k *Keeper) write(ctx context.Context, w Work, why string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	leases := k.Client.CoordinationV1().Leases(k.Namespace)
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		lease, err := leases.Get(ctx, k.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, pauseAnnotation(w), why)
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
}

// tell writes an event on the workload that had the problem.
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
