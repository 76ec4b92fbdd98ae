package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// renew restarts the rollout of a workload and waits until its new pods are ready. If a rollout is in
// progress, it waits for that first, since it may suffice, unless its new pods are outdated themselves.
func (r *Runner) renew(ctx context.Context, s *fleet.Step, o *Outcome) error {
	for waited := false; ; waited = true {
		now, err := r.owner(ctx, s.Workload)
		if err != nil {
			return err
		}
		if !now.Replaces {
			return &LeftError{now.Why}
		}
		pods, err := r.pods(ctx, s.Workload, now)
		if err != nil {
			return err
		}
		due, err := r.outdated(ctx, s, pods)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			o.Done = len(s.Targets)
			return nil
		}
		was := beforeOf(pods)
		was.longer += now.minReady
		if was.refusals, err = r.refusalsOf(ctx, s.Workload); err != nil {
			return err
		}
		if now.settled || waited || vain(now, pods, due) {
			was.unwell = !now.settled && was.unwell
			return r.restarted(ctx, s, o, now, pods, was)
		}
		ours, trouble := begunByUs(now), (*TroubleError)(nil)
		was.unwell, was.begun = was.unwell || !ours, true
		r.tell(s.Workload, "its own rollout is under way, and waited for")
		if err := r.rolled(ctx, s, o, was); errors.As(err, &trouble) && !ours {
			return &LeftError{"its own rollout, which was under way before and is left to itself, is in trouble: " + trouble.Message}
		} else if err != nil {
			return err
		}
	}
}

// outdated returns those of the pods that are targets of the step, and still have to be replaced.
func (r *Runner) outdated(ctx context.Context, s *fleet.Step, pods []corev1.Pod) (map[types.UID]bool, error) {
	all := map[types.UID]bool{}
	for i := range pods {
		n := slices.IndexFunc(s.Targets, func(t fleet.Target) bool { return t.UID == string(pods[i].UID) })
		if n < 0 {
			continue
		}
		now, err := r.due(ctx, s.Namespace, s.Targets[n])
		if err != nil {
			return nil, err
		}
		if now.pod == nil {
			continue
		}
		if state, _ := s.Targets[n].Now(now.standing); state != fleet.Current && state != fleet.OptedOut {
			all[pods[i].UID] = true
		}
	}
	return all, nil
}

// vain reports whether waiting for the rollout in progress is of no use, because its newest pods are among
// those that are due: for example, they came from a broken template that was fixed since.
func vain(now *owner, pods []corev1.Pod, due map[types.UID]bool) bool {
	var newest time.Time
	for i := range pods {
		if at := pods[i].CreationTimestamp.Time; at.After(newest) {
			newest = at
		}
	}
	return now.updated > 0 && len(pods) > 0 && !slices.ContainsFunc(pods, func(p corev1.Pod) bool {
		return p.CreationTimestamp.Time.Equal(newest) && !due[p.UID]
	})
}

// begunByUs reports whether the latest change of a workload is a restart by renew within ourTime.
func begunByUs(o *owner) bool {
	at, err := time.Parse(time.RFC3339, o.template.Annotations[restartAnnotation])
	if err != nil || time.Since(at).Abs() > ourTime {
		return false
	}
	var last *metav1.ManagedFieldsEntry
	for i := range o.meta.ManagedFields {
		if e := &o.meta.ManagedFields[i]; e.Subresource == "" && e.Time != nil && (last == nil || last.Time.Before(e.Time)) {
			last = e
		}
	}
	return last != nil && last.Manager == fieldManager
}

// ourTime is how long after a restart by renew a problem of the workload counts as caused by it.
const ourTime = time.Hour

// before is the state of a workload's pods before its rollout.
type before struct {
	pods map[types.UID]bool
	// ill are the app's containers that failed already. unwell is true if pods were not ready for the app's
	// own reasons.
	ill    map[string]bool
	unwell bool
	// begun is true if the rollout was in progress already.
	begun bool
	// longer is how much longer than Limits.Timeout a step of the rollout may take: as long as one of its pods may
	// take to stop, and a new one until it counts as available.
	longer   time.Duration
	refusals *refusals
}

func beforeOf(pods []corev1.Pod) before {
	b := before{pods: map[types.UID]bool{}, ill: map[string]bool{}}
	owned, sidecars := false, false
	for i := range pods {
		pod := &pods[i]
		b.pods[pod.UID], b.longer = true, max(b.longer, stopping(pod))
		if isReady(pod) || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		owned, sidecars = true, sidecars || pod.Status.Phase != corev1.PodRunning
		ours := injected(pod)
		for _, s := range statuses(pod) {
			switch {
			case s.Ready:
			case ours[s.Name]:
				sidecars = true
			case s.RestartCount > 0, s.State.Waiting != nil && slices.Contains(hopeless(), s.State.Waiting.Reason):
				b.ill[s.Name] = true
			}
		}
	}
	b.unwell = owned && !sidecars
	return b
}

// injected returns the names of a pod's injected containers.
func injected(pod *corev1.Pod) map[string]bool {
	all := map[string]bool{}
	status, _ := inject.ReadStatus(pod.Annotations) // an unreadable one lists none
	for _, e := range status {
		for _, name := range e.ContainerNames() {
			all[name] = true
		}
	}
	return all
}

// restarted restarts the rollout of a workload, and waits for it.
func (r *Runner) restarted(ctx context.Context, s *fleet.Step, o *Outcome, now *owner, pods []corev1.Pod, was before) error {
	if _, err := r.try(ctx, s.Workload, now, s.Targets); err != nil {
		return err
	}
	if err := r.room(ctx, s.Workload, now); err != nil {
		return err
	}
	if err := r.restart(ctx, s.Workload, now); err != nil {
		return err
	}
	r.tell(s.Workload, "restarted; %d pods are made anew", len(pods))
	return r.rolled(ctx, s, o, was)
}

// unblock evicts the pods of a StatefulSet whose sidecars fail: its controller replaces no other pod before
// they are ready. blocked is why one cannot be evicted now, nil if all can.
func (r *Runner) unblock(ctx context.Context, s *fleet.Step, pods []corev1.Pod) (blocked, err error) {
	for i := range pods {
		ours := injected(&pods[i])
		n := slices.IndexFunc(s.Targets, func(t fleet.Target) bool { return t.UID == string(pods[i].UID) })
		if n < 0 || !slices.ContainsFunc(statuses(&pods[i]), func(c corev1.ContainerStatus) bool {
			return ours[c.Name] && c.State.Waiting != nil && slices.Contains(hopeless(), c.State.Waiting.Reason)
		}) {
			continue
		}
		if _, err := r.evict(ctx, s, s.Targets[n], false); errors.As(err, new(*LeftError)) || errors.As(err, new(*fleet.DeniedError)) {
			blocked = err
		} else if err != nil {
			return nil, err
		}
	}
	return blocked, nil
}

// rolled waits until the rollout of a workload is complete. It returns a *TroubleError if new pods have
// problems, lack their sidecar or are refused, and a *LeftError if they are not what they were to become, or
// the workload was unwell before and remains so, or a pod in the way cannot be evicted.
func (r *Runner) rolled(ctx context.Context, s *fleet.Step, o *Outcome, was before) error {
	var blocked error
	stuck := func(why string) error {
		left := (*LeftError)(nil)
		switch {
		case errors.As(blocked, &left):
			return &LeftError{why + ": " + left.Message}
		case blocked != nil:
			return blocked
		case was.unwell:
			return &LeftError{"its pods were not ready before either: " + why}
		}
		return &TroubleError{s.Workload, why}
	}
	judged, unlike := map[types.UID]bool{}, error(nil)
	patience := r.Limits.Timeout + was.longer
	return waitFor(ctx, patience, func() error {
		return stuck(fmt.Sprintf("its rollout has made no progress for %s%s", patience, was.refusals.said))
	}, func() (bool, int, error) {
		now, err := r.owner(ctx, s.Workload)
		if err != nil {
			return false, 0, err
		}
		if !now.Replaces || !now.Renews {
			return false, 0, &LeftError{cmp.Or(now.Why, "its rollout was paused meanwhile, or it no longer rolls out by itself")}
		}
		if now.failure != "" {
			return false, 0, stuck("its rollout fails: " + now.failure)
		}
		pods, err := r.pods(ctx, s.Workload, now)
		if err != nil {
			return false, 0, err
		}
		well, differs, err := r.newcomers(ctx, s, pods, &was, judged)
		if o.Done = min(well, len(s.Targets)); err != nil {
			return false, 0, err
		}
		if !was.begun {
			unlike = cmp.Or(differs, unlike)
		}
		switch {
		case unlike != nil:
			o.Done = 0
		case now.settled:
			o.Done = len(s.Targets)
			r.tell(s.Workload, "all pods are made anew")
		}
		if now.settled {
			return true, 0, unlike
		}
		if now.kind.kind == "StatefulSet" && !was.begun {
			if blocked, err = r.unblock(ctx, s, pods); err != nil {
				return false, 0, err
			}
		}
		// An edit of the workload begins its rollout anew.
		return false, int(now.meta.Generation)<<32 + now.progress, was.refusals.look(ctx, now, was.pods, len(judged))
	})
}
