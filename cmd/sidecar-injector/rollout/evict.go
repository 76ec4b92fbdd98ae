package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// repairedAnnotation is set on a workload to the time of its last repair, in RFC 3339.
const repairedAnnotation = inject.Domain + "/repaired"

// repairPause is the shortest time between two repairs of a workload. If the new pods lack their sidecars
// as well, evicting those would not help.
const repairPause = 10 * time.Minute

// evictAll evicts the pods of a workload, a few at a time, so that its controller replaces them.
func (r *Runner) evictAll(ctx context.Context, s *fleet.Step, o *Outcome) error {
	now, err := r.owner(ctx, s.Workload)
	if err != nil {
		return err
	}
	if !now.Replaces {
		return &LeftError{now.Why}
	}
	at, err := r.try(ctx, s.Workload, now, s.Targets)
	if err != nil {
		return err
	}
	targets := s.Targets
	if r.Repairs {
		resumed := false
		if targets, resumed, err = r.mayRepair(ctx, s, now, at); err != nil {
			return err
		}
		if !resumed {
			if err := r.beginRepair(ctx, s, now, at); err != nil {
				return err
			}
		}
	}
	return r.evictEach(ctx, s, now, targets, o)
}

// replacing is the eviction of a workload's pods: what it was like when that began, and what has come since.
type replacing struct {
	was before
	// now is the workload as it was last read.
	now *owner
	// pods is how many it had, ready how many of them were ready at most.
	pods, ready int
	// evicted are the pods that were evicted, judged those that came.
	evicted  map[string]bool
	judged   map[types.UID]bool
	refusals *refusals
}

// evictEach evicts pods, a few at a time. A pod that must not be evicted any more is kept, and the others
// follow; the error of the first such pod is returned in the end.
func (r *Runner) evictEach(ctx context.Context, s *fleet.Step, now *owner, targets []fleet.Target, o *Outcome) error {
	pods, err := r.pods(ctx, s.Workload, now)
	if err != nil {
		return err
	}
	targets = notReadyFirst(pods, targets)
	p := &replacing{was: beforeOf(pods), now: now, pods: len(pods), evicted: map[string]bool{}, judged: map[types.UID]bool{}}
	if now.ordered {
		p.was.longer += now.minReady
	}
	if p.refusals, err = r.refusalsOf(ctx, s.Workload); err != nil {
		return err
	}
	var left error
	for rest, replaced := targets, 0; len(rest) > 0; {
		if err := r.goesOn(ctx); err != nil {
			return err
		}
		evicted, err := r.evictSome(ctx, s, p, rest[:min(len(rest), max(1, r.Limits.MaxUnavailable))], o)
		if kept := (*keptError)(nil); errors.As(err, &kept) {
			left, rest = cmp.Or(left, error(kept)), rest[1:]
			continue
		}
		if err != nil {
			return err
		}
		rest, replaced = rest[evicted:], replaced+evicted
		r.tell(s.Workload, "%d of %d pods replaced", replaced, len(targets))
	}
	return left
}

// keptError is the *LeftError of a pod that must not be evicted, or changed, any more, because it has opted out
// since, for example.
type keptError struct{ left *LeftError }

func (e *keptError) Error() string { return e.left.Message }
func (e *keptError) Unwrap() error { return e.left }

// notReadyFirst returns the targets among pods in the order of their eviction. Those that are not ready come first,
// because budgets usually allow their eviction at once, and may not allow that of ready ones for a long time; pods of a
// StatefulSet come in the order in which it creates them.
func notReadyFirst(pods []corev1.Pod, targets []fleet.Target) []fleet.Target {
	ready := readyUIDs(pods)
	return slices.SortedStableFunc(slices.Values(targets), func(a, b fleet.Target) int {
		return cmp.Or(cmp.Compare(ready[a.UID], ready[b.UID]), cmp.Compare(ordinal(a.Name), ordinal(b.Name)))
	})
}

// readyUIDs returns 1 by the UID of each pod that is ready.
func readyUIDs(pods []corev1.Pod) map[string]int {
	ready := map[string]int{}
	for i := range pods {
		if isReady(&pods[i]) {
			ready[string(pods[i].UID)] = 1
		}
	}
	return ready
}

// beginRepair records on the workload when its repair begins: at the next full second after at, the API
// server's time. It waits until then.
func (r *Runner) beginRepair(ctx context.Context, s *fleet.Step, now *owner, at time.Time) error {
	ctx, cancel := finishing(ctx)
	defer cancel()
	if err := r.patchWorkload(ctx, s.Workload, now, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, repairedAnnotation, stamp(nextSecond(at)))); err != nil {
		return err
	}
	return rest(ctx, time.Second)
}

// nextSecond returns the first full second after t. A pod's creation time has a resolution of a second, so
// for a pod that was created in the second of t it would be unknown whether it existed at t.
func nextSecond(t time.Time) time.Time { return t.Truncate(time.Second).Add(time.Second) }

// stamp returns a time as annotations and messages show it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// mayRepair returns the pods to evict. If the last repair began less than repairPause before at, the API
// server's time, it is resumed with the pods that existed before it; if there are none, it was completed
// without success, which is a *LeftError. So is a last repair that is ahead of at by less than that:
// somebody's clock is wrong, and which pods existed before cannot be told. What is further ahead is no time
// of a repair.
func (r *Runner) mayRepair(ctx context.Context, s *fleet.Step, now *owner, at time.Time) (targets []fleet.Target, resumed bool, err error) {
	last, err := time.Parse(time.RFC3339, now.meta.Annotations[repairedAnnotation])
	if err != nil || at.Sub(last).Abs() > repairPause {
		return s.Targets, false, nil
	}
	if last.After(nextSecond(at)) {
		return nil, false, &LeftError{fmt.Sprintf("its annotation %s says %s, and the API server's clock %s: which of its pods were there cannot be told; it can be repaired from %s on, or without the annotation",
			repairedAnnotation, stamp(last), stamp(at), stamp(last.Add(repairPause)))}
	}
	pods, err := r.pods(ctx, s.Workload, now)
	if err != nil {
		return nil, false, err
	}
	older := slices.DeleteFunc(slices.Clone(s.Targets), func(t fleet.Target) bool {
		return !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return string(p.UID) == t.UID && p.CreationTimestamp.Time.Before(last) })
	})
	if len(older) == 0 {
		return nil, false, &LeftError{fmt.Sprintf("it was repaired at %s, and its new pods lack the sidecar too: not twice within %s", stamp(last), repairPause)}
	}
	return older, true, nil
}

// evictSome evicts pods of a workload, at least the first of batch and no more than may be unavailable, and waits
// until as many of its pods are ready as before. It returns how many of batch were handled.
func (r *Runner) evictSome(ctx context.Context, s *fleet.Step, p *replacing, batch []fleet.Target, o *Outcome) (int, error) {
	handled, err := r.evictBatch(ctx, s, p, batch)
	if err != nil {
		return 0, err
	}
	unlike, patience := error(nil), r.Limits.Timeout+p.was.longer
	err = waitFor(ctx, patience, func() error {
		return &TroubleError{s.Workload, fmt.Sprintf("pods were evicted, and not as many as before are ready after %s%s", patience, p.refusals.said)}
	}, func() (bool, int, error) {
		// It may have been scaled or deleted in the meantime.
		later, err := r.owner(ctx, s.Workload)
		if err != nil {
			return false, 0, err
		}
		if !later.Replaces {
			return false, 0, &LeftError{later.Why}
		}
		p.now = later
		pods, err := r.pods(ctx, s.Workload, later)
		if err != nil {
			return false, 0, err
		}
		if slices.ContainsFunc(pods, func(pod corev1.Pod) bool { return p.evicted[string(pod.UID)] }) {
			return false, 0, nil // it is not gone yet
		}
		_, differs, err := r.newcomers(ctx, s, pods, &p.was, p.judged)
		if err != nil {
			return false, 0, err
		}
		unlike = cmp.Or(differs, unlike) // the end is waited for, because pods are away
		if len(pods) >= min(p.pods, later.wanted) && readyOf(pods) >= min(p.ready, later.wanted) {
			return true, 0, unlike
		}
		return false, 0, p.refusals.look(ctx, later, p.was.pods, len(p.judged))
	})
	if err == nil || errors.Is(err, context.Canceled) {
		o.Done += handled
	}
	return handled, err
}

// evictBatch evicts pods, at least the first of batch and no more than may be unavailable, and returns how many
// of batch were handled.
func (r *Runner) evictBatch(ctx context.Context, s *fleet.Step, p *replacing, batch []fleet.Target) (handled int, err error) {
	all, err := r.inTurn(ctx, s.Workload, p.now, batch[0].Name)
	if err != nil {
		return 0, err
	}
	ready := readyUIDs(withoutDeleted(all))
	p.ready = max(p.ready, len(ready))
	spare := r.Limits.spare(p.now.wanted - len(ready))
	for _, t := range batch {
		if ready[t.UID] > spare || p.now.first(all, t.Name, time.Now()) != "" {
			break
		}
		spare -= ready[t.UID]
		gone, err := r.evict(ctx, s, t, handled == 0)
		if err != nil && handled == 0 {
			return 0, err
		}
		if err != nil {
			break // it is tried again once the others have been replaced
		}
		handled++
		if gone {
			p.evicted[t.UID] = true
		}
	}
	return handled, nil
}

// newcomers checks the pods that have come since the state before, and returns how many of them are well. differs is
// the *LeftError of one that differs from what the pods of the step were to become, err the *TroubleError of one that
// fails or lacks a sidecar.
func (r *Runner) newcomers(ctx context.Context, s *fleet.Step, pods []corev1.Pod, was *before, judged map[types.UID]bool) (well int, differs, err error) {
	for i := range pods {
		if was.pods[pods[i].UID] {
			continue
		}
		isWell, trouble := fresh(&pods[i], was.ill)
		if trouble != "" {
			return well, nil, &TroubleError{s.Workload, trouble}
		}
		unlike, err := r.arrived(ctx, s, &pods[i], judged)
		if err != nil {
			return well, nil, err
		}
		differs = cmp.Or(unlike, differs)
		if isWell {
			well++
		}
	}
	return well, differs, nil
}

// arrived judges a new pod that is not among the judged yet. differs is the *LeftError of one that differs from
// what the pods of the step were to become, err the *TroubleError of one that lacks a sidecar.
func (r *Runner) arrived(ctx context.Context, s *fleet.Step, pod *corev1.Pod, judged map[types.UID]bool) (differs, err error) {
	if judged[pod.UID] {
		return nil, nil
	}
	judged[pod.UID] = true
	err = r.judgeNew(ctx, s, pod)
	if errors.As(err, new(*LeftError)) {
		return err, nil
	}
	return nil, err
}

func (r *Runner) judgeNew(ctx context.Context, s *fleet.Step, pod *corev1.Pod) error {
	now, err := r.due(ctx, s.Namespace, fleet.Target{Name: pod.Name, UID: string(pod.UID)})
	if err != nil || now.pod == nil {
		return err
	}
	for n := range now.standing.Instances {
		if i := &now.standing.Instances[n]; i.State == fleet.Missed {
			return &TroubleError{s.Workload, fmt.Sprintf("the new pod %s came without its sidecar: %s", pod.Name, i.Why)}
		}
	}
	if why := r.unlike(now.standing, s.Targets); why != "" {
		return &LeftError{"pod " + pod.Name + " was made anew: " + why}
	}
	return nil
}

const maxMessage = 500

// evict evicts one pod. If a budget does not allow it now, evict waits if patient is set, and otherwise
// returns a *LeftError. It returns a *keptError if the pod must not be evicted any more. gone is false if the
// pod has already been replaced, or is up to date.
func (r *Runner) evict(ctx context.Context, s *fleet.Step, t fleet.Target, patient bool) (gone bool, err error) {
	now, err := r.due(ctx, s.Namespace, t)
	if err != nil || now.pod == nil {
		return false, err
	}
	switch state, why := t.Now(now.standing); {
	case state == fleet.Current:
		return false, nil // it was updated in the meantime
	case state == fleet.Missed, !r.Repairs && (state == fleet.InPlace || state == fleet.Restart):
	default:
		return false, &keptError{&LeftError{fmt.Sprintf("pod %s is %s by now: %s", t.Name, state, why)}}
	}
	uid := types.UID(t.UID)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: t.Name, Namespace: s.Namespace},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}}
	obstacle := ""
	err = waitFor(ctx, r.Limits.forBudgets(), func() error { return &LeftError{obstacle} }, func() (bool, int, error) {
		if err := r.goesOn(ctx); err != nil {
			return false, 0, err
		}
		err := r.call(ctx, "create", "pods/eviction", s.Namespace, func(ctx context.Context) error {
			return r.Client.PolicyV1().Evictions(s.Namespace).Evict(ctx, eviction)
		})
		switch {
		case err == nil:
			gone = true
			return true, 0, nil
		case apierrors.IsNotFound(err), apierrors.IsConflict(err):
			return true, 0, nil
		case apierrors.IsTooManyRequests(err):
			if !patient {
				return false, 0, &LeftError{fmt.Sprintf("pod %s cannot be evicted: %s", t.Name, reasons(err))}
			}
			obstacle = fmt.Sprintf("pod %s could not be evicted for %s: %s", t.Name, r.Limits.forBudgets(), reasons(err))
			return false, 0, nil
		}
		return false, 0, declined("pod "+t.Name+" cannot be evicted", err)
	})
	return gone, err
}

// reasons returns the API server's explanation of which budget prevents an eviction.
func reasons(err error) string {
	status := apierrors.APIStatus(nil)
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, c := range status.Status().Details.Causes {
			if c.Type == policyv1.DisruptionBudgetCause {
				return c.Message
			}
		}
	}
	return err.Error()
}
