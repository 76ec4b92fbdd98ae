package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// maxConflicts is how often in a row pods are read again because they were changed concurrently.
const maxConflicts = 10

// patchAll patches the running pods of a workload, a few at a time. The next ones follow when the previous
// ones are ready again. A pod that must not be changed any more is kept, and the others follow; the error of
// the first such pod is returned in the end. todo are the pods that are not up to date.
func (r *Runner) patchAll(ctx context.Context, s *fleet.Step, o *Outcome) (todo []fleet.Target, err error) {
	rest, first, err := r.unreadyFirst(ctx, s)
	if err != nil {
		return rest, err
	}
	var kept []fleet.Target
	var left error
	var done []*running
	for conflicts := 0; len(rest) > 0; {
		if err := r.goesOn(ctx); err != nil {
			return append(kept, rest...), err
		}
		if done, err = r.lookAgain(ctx, s.Workload, done); err != nil {
			return append(kept, rest...), err
		}
		batch, errs, err := r.patchSome(ctx, s, rest, first)
		if err != nil {
			return append(kept, rest...), err
		}
		var again []fleet.Target
		var conflict error
		for i, err := range errs {
			t := batch[i].target
			switch {
			case err == nil:
				o.Done++
				if len(batch[i].changes) > 0 {
					batch[i].well, done = time.Now(), append(done, batch[i])
				}
			case errors.As(err, new(*keptError)):
				kept, left, errs[i] = append(kept, t), cmp.Or(left, err), nil
			case stale(err):
				again, conflict, errs[i] = append(again, t), declined("pod "+t.Name, err), nil
			default:
				again = append(again, t)
			}
		}
		rest = append(again, rest[len(batch):]...)
		if err := worst(errs); err != nil {
			return append(kept, rest...), err
		}
		if conflict == nil {
			conflicts = 0
		} else if conflicts++; conflicts > maxConflicts {
			return append(kept, rest...), conflict
		}
		if len(again) < len(batch) {
			r.tell(s.Workload, "%d of %d pods changed in place", o.Done, len(s.Targets))
		}
	}
	return kept, left
}

// lookAgain checks patched pods for the second and last time, a while after they were ready again: containers that
// crash often do so soon, but not at once. It returns those whose time has not come yet.
func (r *Runner) lookAgain(ctx context.Context, w fleet.Workload, done []*running) ([]*running, error) {
	for len(done) > 0 && time.Since(done[0].well) >= min(againAfter, r.Limits.Timeout/10) {
		if err := r.settled(ctx, w, done[0]); err != nil {
			return done, err
		}
		done = done[1:]
	}
	return done, nil
}

// againAfter is how long after it was ready a pod is looked at again.
const againAfter = 30 * time.Second

// patchSome patches the first of some pods, as many as limits and budgets allow at once, and returns the error
// of each.
func (r *Runner) patchSome(ctx context.Context, s *fleet.Step, next []fleet.Target, first map[string]*running) (batch []*running, errs []error, err error) {
	batch, release, err := r.admitted(ctx, s, next[:min(len(next), max(1, r.Limits.MaxUnavailable))])
	if err != nil {
		return nil, nil, err
	}
	defer release()
	errs = make([]error, len(batch))
	var all sync.WaitGroup
	for i, now := range batch {
		all.Go(func() { errs[i] = r.patchOne(ctx, s.Workload, now, first[now.target.UID]) })
	}
	all.Wait()
	return batch, errs, nil
}

// unreadyFirst reads the pods of a step. It returns them in the order in which they are to be changed, and the
// state of each by UID. Those that are not ready come first, because they usually need no room in a budget.
func (r *Runner) unreadyFirst(ctx context.Context, s *fleet.Step) ([]fleet.Target, map[string]*running, error) {
	var ready, all []fleet.Target
	first := map[string]*running{}
	for _, t := range s.Targets {
		now, err := r.due(ctx, s.Namespace, t)
		if err != nil {
			return s.Targets, nil, err
		}
		first[t.UID] = now
		if now.pod != nil && isReady(now.pod) {
			ready = append(ready, t)
		} else {
			all = append(all, t)
		}
	}
	return append(all, ready...), first, nil
}

// stale reports whether a patch was refused because the pod has been changed, replaced or deleted since it was
// read.
func stale(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }

// worst returns the most important error: a *halfError first, then a *TroubleError, a *LeftError last; nil if
// there is none.
func worst(errs []error) error {
	rank := func(err error) int {
		switch {
		case err == nil:
			return 4
		case errors.As(err, new(*halfError)):
			return 0
		case errors.As(err, new(*TroubleError)):
			return 1
		case errors.As(err, new(*LeftError)):
			return 3
		}
		return 2
	}
	if len(errs) == 0 {
		return nil
	}
	return slices.MinFunc(errs, func(a, b error) int { return rank(a) - rank(b) })
}

// running is a pod as last read.
type running struct {
	target fleet.Target
	// pod is nil if it has ended, or does not exist any more.
	pod *corev1.Pod
	raw []byte
	// standing and changes are set by due: the comparison with what a new pod would get, and what is to change.
	standing *fleet.Standing
	changes  []fleet.Change
	// well is when it was ready again after its changes.
	well time.Time
}

// read returns a pod; nil if it does not exist, is being deleted, has succeeded, or another pod has its name.
func (r *Runner) read(ctx context.Context, namespace string, t fleet.Target) (*running, error) {
	now := running{target: t, pod: &corev1.Pod{}}
	err := r.call(ctx, "get", "pods", namespace, func(ctx context.Context) (err error) {
		result := r.Client.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(t.Name).SetHeader("Accept", "application/json").Do(ctx)
		if err := result.Error(); err != nil {
			return err // Raw would omit the API server's message
		}
		now.raw, err = result.Raw()
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", namespace, t.Name, err)
	}
	if err := json.Unmarshal(now.raw, now.pod); err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", namespace, t.Name, err)
	}
	if string(now.pod.UID) != t.UID || now.pod.DeletionTimestamp != nil || now.pod.Status.Phase == corev1.PodSucceeded {
		return nil, nil
	}
	return &now, nil
}

// due reads a pod, and judges what is to change in it.
func (r *Runner) due(ctx context.Context, namespace string, t fleet.Target) (*running, error) {
	now, err := r.read(ctx, namespace, t)
	if err != nil {
		return nil, err
	}
	if now == nil {
		return &running{target: t}, nil
	}
	if now.standing, err = r.Judge(namespace, now.raw); err != nil {
		return nil, err
	}
	now.changes = now.standing.Changes()
	return now, nil
}

// patchOne applies all changes that are due in a pod, or none, and waits until it is healthy again. If
// somebody else has applied them since it was first read, it only waits. It returns a *keptError for a pod
// that must not be changed any more, because it has opted out since, for example.
func (r *Runner) patchOne(ctx context.Context, w fleet.Workload, now, first *running) error {
	if now.pod == nil || now.pod.Status.Phase == corev1.PodFailed {
		return nil // if it has a successor, that was admitted by the injector
	}
	name := now.target.Name
	if len(now.changes) == 0 {
		if state, why := now.target.Now(now.standing); state != fleet.Current {
			return &keptError{&LeftError{fmt.Sprintf("pod %s is %s by now: %s", name, state, why)}}
		}
		if first.pod == nil || len(first.changes) == 0 {
			return nil
		}
		err, short := r.given(ctx, first), (*shortError)(nil)
		if errors.As(err, &short) {
			return &LeftError{fmt.Sprintf("somebody else has changed cpu and memory of pod %s, and %s", name, short.why)}
		} else if err != nil {
			return declined("pod "+name, err)
		}
		return r.settled(ctx, w, first)
	}
	err := r.change(ctx, now)
	immutable, half, short := (*immutableError)(nil), (*halfError)(nil), (*shortError)(nil)
	switch {
	case err == nil:
		return r.settled(ctx, w, now)
	case stale(err), errors.As(err, &immutable):
		return err
	case errors.As(err, &half):
		return fmt.Errorf("pod %s: %w", name, err)
	case errors.As(err, &short) && short.stays:
		if err := r.settled(ctx, w, now); err != nil {
			return err
		}
		return &LeftError{fmt.Sprintf("pod %s is changed, but %s. It had none of some before, and the API server takes none away: have the template ask for less, and delete the pod", name, short.why)}
	case errors.As(err, &short):
		return &LeftError{fmt.Sprintf("pod %s has its former cpu and memory again, because %s. Have the template ask for less, or delete the pod, so that the next one can be placed on a node with more room", name, short.why)}
	}
	return declined("pod "+name, err)
}

// change applies all changes of a pod. Each patch is first tried by dry run, so that none is applied if
// another one would be rejected. Cpu and memory are first, because the node may not give them: until it has,
// nothing else is changed, and no container stopped for a new image. An interruption, or anybody else who
// changes the pod, leaves it as it was or completely changed.
func (r *Runner) change(ctx context.Context, now *running) error {
	resize, image, err := patches(now)
	if err != nil {
		return err
	}
	try := metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}
	if resize != nil {
		if err := r.patch(ctx, now.pod, resize, try, "resize"); err != nil {
			return refused(err, "cpu or memory")
		}
	}
	if err := r.patch(ctx, now.pod, image.at(now.pod.ResourceVersion), try); err != nil {
		return refused(err, "the image")
	}
	longer, cancel := finishing(ctx)
	defer cancel()
	if resize == nil {
		err = r.patch(longer, now.pod, image.at(now.pod.ResourceVersion), metav1.PatchOptions{})
		return refused(err, "the image")
	}
	if err := r.patch(longer, now.pod, resize, metav1.PatchOptions{}, "resize"); err != nil {
		return refused(err, "cpu or memory")
	}
	if err = r.given(ctx, now); err == nil {
		err = r.finish(longer, now, image.at(""))
	}
	if err == nil {
		return nil
	}
	back, undo := reverse(now)
	if undo == nil {
		undo = r.finish(longer, now, back, "resize")
	}
	if errors.As(refused(undo, "cpu or memory"), new(*immutableError)) {
		// Amounts of which the pod had none cannot be taken away. So it gets the rest as well.
		undo = r.finish(longer, now, image.at(""))
		if short := (*shortError)(nil); errors.As(err, &short) {
			short.stays = true
		}
	}
	if undo != nil {
		return &halfError{image.what(), err}
	}
	return refused(err, "the image")
}

// finish applies a patch to any version of a pod, until it is there or the pod has gone.
func (r *Runner) finish(ctx context.Context, now *running, patch body, subresources ...string) error {
	var conflict error
	return r.wait(ctx, func() error { return conflict }, func() (bool, int, error) {
		err := r.patch(ctx, now.pod, patch, metav1.PatchOptions{}, subresources...)
		if !stale(err) {
			return err == nil, 0, err
		}
		conflict = err
		later, failed := r.read(ctx, now.pod.Namespace, now.target)
		return failed == nil && later == nil, 0, nil
	})
}

// halfError reports a pod whose first patch was applied and could not be taken back, while the second was not
// applied; another run applies the rest.
type halfError struct {
	what string
	err  error
}

func (e *halfError) Error() string {
	return fmt.Sprintf("its cpu and memory are new, and its %s is not: %v", e.what, e.err)
}

func (r *Runner) patch(ctx context.Context, pod *corev1.Pod, body any, options metav1.PatchOptions, subresources ...string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	options.FieldManager = fieldManager
	return r.call(ctx, "patch", strings.Join(append([]string{"pods"}, subresources...), "/"), pod.Namespace, func(ctx context.Context) error {
		_, err := r.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, text, options, subresources...)
		return err
	})
}
