package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// maxConflicts is how often in a row pods are read again because they were changed concurrently.
const maxConflicts = 10

// patchAll patches the running pods of a workload, a few at a time. The next ones follow when the previous
// ones are ready again. It returns the pods that are not done.
func (r *Runner) patchAll(ctx context.Context, s *fleet.Step, o *Outcome) (todo []fleet.Target, err error) {
	todo, first, err := r.unreadyFirst(ctx, s)
	for conflicts := 0; err == nil && len(todo) > 0; {
		if err := ctx.Err(); err != nil {
			return todo, err
		}
		batch, release, err := r.admitted(ctx, s, todo[:min(len(todo), max(1, r.Limits.MaxUnavailable))])
		if err != nil {
			return todo, err
		}
		errs := make([]error, len(batch))
		var all sync.WaitGroup
		for i, now := range batch {
			all.Go(func() { errs[i] = r.patchOne(ctx, s.Workload, now, first[now.target.UID]) })
		}
		all.Wait()
		release()
		var again []fleet.Target
		var conflict error
		for i, err := range errs {
			if err == nil {
				o.Done++
				continue
			}
			again = append(again, batch[i].target)
			if stale(err) {
				conflict, errs[i] = declined("pod "+batch[i].target.Name, err), nil
			}
		}
		todo = append(again, todo[len(batch):]...)
		if err := worst(errs); err != nil {
			return todo, err
		}
		if conflict == nil {
			conflicts = 0
		} else if conflicts++; conflicts > maxConflicts {
			return todo, conflict
		}
		if len(again) < len(batch) {
			r.tell(s.Workload, "%d of %d pods changed in place", o.Done, len(s.Targets))
		}
	}
	return todo, err
}

// unreadyFirst returns the pods of a step, those first that are not ready and cost the budgets nothing, and
// how each was when it was first read.
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

// stale reports whether a pod was not changed because it is not any more what was read.
func stale(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }

// worst returns the most important error: a *halfError first, then a *TroubleError, a *LeftError last; nil if
// there is none.
func worst(errs []error) error {
	var left error
	for _, err := range errs {
		if half := (*halfError)(nil); errors.As(err, &half) {
			return err
		}
	}
	for _, err := range errs {
		if trouble := (*TroubleError)(nil); errors.As(err, &trouble) {
			return err
		}
	}
	for _, err := range errs {
		if l := (*LeftError)(nil); errors.As(err, &l) {
			left = err
		} else if err != nil {
			return err
		}
	}
	return left
}

// running is a pod as last read.
type running struct {
	target fleet.Target
	// pod is nil if it has gone.
	pod *corev1.Pod
	raw []byte
	// standing and changes are set by due.
	standing *fleet.Standing
	changes  []fleet.Change
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
// somebody else has applied them since it was first read, it only waits.
func (r *Runner) patchOne(ctx context.Context, w fleet.Workload, now, first *running) error {
	if now.pod == nil {
		return nil // the pod's successor was admitted by the injector
	}
	if len(now.changes) == 0 {
		if state, why := now.target.Now(now.standing); state != fleet.Current {
			return &LeftError{fmt.Sprintf("pod %s is %s by now: %s", now.target.Name, state, why)}
		}
		if first.pod == nil || len(first.changes) == 0 {
			return nil
		}
		return r.settled(ctx, w, first)
	}
	err := r.change(ctx, now)
	immutable, half := (*immutableError)(nil), (*halfError)(nil)
	switch {
	case err == nil:
		return r.settled(ctx, w, now)
	case stale(err), errors.As(err, &immutable):
		return err
	case errors.As(err, &half):
		return fmt.Errorf("pod %s: %w", now.target.Name, err)
	}
	return declined("pod "+now.target.Name, err)
}

// change applies all changes of a pod. Each patch is first tried by dry run, so that none is applied if
// another one would be rejected. Once begun, it is completed even if ctx ends, and whoever else changes the
// pod.
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
	ctx, cancel := finishing(ctx)
	defer cancel()
	if resize == nil {
		err = r.patch(ctx, now.pod, image.at(now.pod.ResourceVersion), metav1.PatchOptions{})
		return refused(err, "the image")
	}
	if err := r.patch(ctx, now.pod, resize, metav1.PatchOptions{}, "resize"); err != nil {
		return refused(err, "cpu or memory")
	}
	if err = r.finish(ctx, now, image); err == nil {
		return nil
	}
	back, undo := reverse(now)
	ctx, cancelUndo := finishing(ctx) // the time of the first may be up
	defer cancelUndo()
	if undo == nil {
		undo = r.patch(ctx, now.pod, back, metav1.PatchOptions{}, "resize")
	}
	if undo != nil {
		return &halfError{image.what(), err}
	}
	return refused(err, "the image")
}

// finish applies the second patch of a pod, to any version of it, until it is there or the pod has gone.
func (r *Runner) finish(ctx context.Context, now *running, image imagePatch) error {
	for {
		err := r.patch(ctx, now.pod, image.at(""), metav1.PatchOptions{})
		if !stale(err) {
			return err
		}
		if later, failed := r.read(ctx, now.pod.Namespace, now.target); failed == nil && later == nil {
			return nil
		}
		if rest(ctx, interval) != nil {
			return err
		}
	}
}

// halfError reports a pod of which only the first patch was applied; another run applies the rest.
type halfError struct {
	what string
	err  error
}

func (e *halfError) Error() string {
	return fmt.Sprintf("its cpu and memory are new, and its %s is not: %v", e.what, e.err)
}

// immutableError reports that the API server rejects a change in a running pod, which was left unchanged.
type immutableError struct {
	what string
	err  error
}

func (e *immutableError) Error() string {
	return fmt.Sprintf("the server does not change %s in this running pod: %v", e.what, e.err)
}

// refused returns an *immutableError if the API server's own validation of pods rejects a change: its
// errors are about a Pod, and each names a field. Those of admission policies and webhooks do not, whatever
// code they have.
func refused(err error, what string) error {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return err
	}
	details := status.Status().Details
	own := apierrors.IsInvalid(err) && details != nil && details.Kind == "Pod" && len(details.Causes) > 0 &&
		!slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool { return !strings.HasPrefix(c.Field, "spec") })
	if own || apierrors.IsMethodNotSupported(err) {
		return &immutableError{what, err}
	}
	return err
}

// bring patches running pods; if the API server does not allow that, it has them replaced instead, as a
// plan would.
func (r *Runner) bring(ctx context.Context, s *fleet.Step, o *Outcome) error {
	todo, err := r.patchAll(ctx, s, o)
	immutable := (*immutableError)(nil)
	if !errors.As(err, &immutable) {
		return err
	}
	now, err := r.owner(ctx, s.Workload)
	if err != nil {
		return err
	}
	o.How = now.Renewal(s.Targets)
	goes, kept, why := fleet.Evictable(todo)
	switch {
	case o.How == fleet.Left:
		o.How = fleet.InRunningPods
		return &LeftError{immutable.Error() + "; " + now.Why}
	case o.How == fleet.ByRollout:
		r.tell(s.Workload, "%v; its pods are made anew", immutable)
		return r.renew(ctx, s, o)
	case len(goes) > 0:
		r.tell(s.Workload, "%v; its pods are made anew", immutable)
		part := *s
		part.Targets = goes
		if err := r.evictAll(ctx, &part, o); err != nil {
			return err
		}
	}
	if len(kept) > 0 {
		return &LeftError{immutable.Error() + "; " + why}
	}
	return nil
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
