// Package rollout carries out a plan for the fleet: it changes images, cpu and memory in running
// pods, has workloads roll out, and evicts pods that their controllers replace.
//
// Nothing is kept between two runs. A pod that was done is current and in no plan any more, so
// that a run which was interrupted, or has stopped at trouble, goes on where it was.
package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Limits bound what a rollout does at once.
type Limits struct {
	// MaxUnavailable is how many pods of a workload are away at once, MaxWorkloads how many
	// workloads are worked on at once.
	MaxUnavailable, MaxWorkloads int
	// Timeout is how long a pod may take to be ready again, a budget to let one go, and the API
	// server to come back.
	Timeout time.Duration
	// Wait is how long canaries are looked at before the others follow.
	Wait time.Duration
}

// Runner carries out steps.
type Runner struct {
	Client kubernetes.Interface
	// Judge compares a pod with what a new one would be.
	Judge  func(namespace string, pod []byte) (*fleet.Standing, error)
	Limits Limits
	// Tell reports progress; it is called by one goroutine at a time.
	Tell func(fleet.Workload, string)
	// Repairs says that a workload is not to be repaired twice within RepairPause.
	Repairs bool
	// Halt, which may be nil, is asked before each step; an error ends the run there.
	Halt func(context.Context) error

	telling sync.Mutex
}

// Outcome is what became of a step.
type Outcome struct {
	fleet.Step
	// Done counts the pods that are up to date now.
	Done int `json:"done"`
	// Left is why the others are not; "" if all are.
	Left string `json:"left,omitempty"`
	// Seconds that it took.
	Seconds float64 `json:"seconds"`
}

// TroubleError stops a rollout: what it did has done harm, or may have.
type TroubleError struct {
	Workload fleet.Workload
	Message  string
}

func (e *TroubleError) Error() string {
	return fmt.Sprintf("%s in %s: %s", e.Workload, e.Workload.Namespace, e.Message)
}

// LeftError leaves a workload as it is; the others go on.
type LeftError struct{ Message string }

func (e *LeftError) Error() string { return e.Message }

// Run carries out the steps, in their order as far as budgets allow. It ends when all are done, at
// the first trouble, or when the context ends; steps under way are then brought to an
// end that leaves no pod half changed. The outcomes are those of the steps that were begun. A step
// for which a right lacks is left, and the error when all others are done.
func (r *Runner) Run(ctx context.Context, steps []fleet.Step) ([]Outcome, error) {
	var canaries, others []fleet.Step
	for _, s := range steps {
		if s.Canary {
			canaries = append(canaries, s)
		} else {
			others = append(others, s)
		}
	}
	done, err := r.run(ctx, canaries, r.step)
	if err != nil || len(others) == 0 {
		return done, err
	}
	if len(canaries) > 0 && r.Limits.Wait > 0 {
		if err := r.look(ctx, canaries); err != nil {
			return done, err
		}
	}
	rest, err := r.run(ctx, others, r.step)
	return append(done, rest...), err
}

// run carries out steps side by side; those that share a budget, or a workload, one after the other.
func (r *Runner) run(ctx context.Context, steps []fleet.Step, do func(context.Context, *fleet.Step, *Outcome) error) ([]Outcome, error) {
	type end struct {
		at      int
		outcome Outcome
		err     error
	}
	busy := map[string]bool{}
	ended := make(chan end)
	begun := make([]bool, len(steps))
	var outcomes []Outcome
	var failed, denied error
	running := 0
	for {
		for i := range steps {
			if begun[i] || failed != nil || ctx.Err() != nil || running >= max(1, r.Limits.MaxWorkloads) || anyBusy(busy, &steps[i]) {
				continue
			}
			if failed = r.halted(ctx); failed != nil {
				continue
			}
			begun[i] = true
			setBusy(busy, &steps[i], true)
			running++
			go func() {
				started := time.Now()
				outcome := Outcome{Step: steps[i]}
				err := do(ctx, &steps[i], &outcome)
				outcome.Seconds = time.Since(started).Seconds()
				ended <- end{i, outcome, err}
			}()
		}
		if running == 0 {
			return outcomes, cmp.Or(failed, ctx.Err(), denied)
		}
		e := <-ended
		running--
		setBusy(busy, &steps[e.at], false)
		if left := (*LeftError)(nil); errors.As(e.err, &left) {
			e.outcome.Left, e.err = left.Message, nil
			r.tell(e.outcome.Workload, "left: %s", left.Message)
		} else if lacks := (*fleet.DeniedError)(nil); errors.As(e.err, &lacks) {
			// It may be another one's namespace: the others go on.
			e.outcome.Left, e.err, denied = lacks.Error(), nil, cmp.Or(denied, error(lacks))
			r.tell(e.outcome.Workload, "left: %s", lacks)
		} else if e.err != nil {
			e.outcome.Left = e.err.Error()
		}
		outcomes = append(outcomes, e.outcome)
		if failed == nil {
			failed = e.err
		}
	}
}

// halted says why nothing more is to be begun; nil if something is.
func (r *Runner) halted(ctx context.Context) error {
	if r.Halt == nil {
		return nil
	}
	return r.Halt(ctx)
}

func locks(s *fleet.Step) []string {
	all := []string{s.Namespace + "/" + s.String()}
	for _, b := range s.Budgets {
		all = append(all, s.Namespace+"/budget/"+b)
	}
	return all
}

func anyBusy(busy map[string]bool, s *fleet.Step) bool {
	for _, name := range locks(s) {
		if busy[name] {
			return true
		}
	}
	return false
}

func setBusy(busy map[string]bool, s *fleet.Step, value bool) {
	for _, name := range locks(s) {
		busy[name] = value
	}
}

func (r *Runner) step(ctx context.Context, s *fleet.Step, o *Outcome) error {
	switch s.How {
	case fleet.InRunningPods:
		return r.bring(ctx, s, o)
	case fleet.ByRollout:
		return r.renew(ctx, s, o)
	case fleet.ByEviction:
		return r.evictAll(ctx, s, o)
	}
	return &LeftError{s.Why}
}

func (r *Runner) tell(w fleet.Workload, format string, args ...any) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.Tell(w, fmt.Sprintf(format, args...))
}

// interval is how often something that changes by itself is looked at.
const interval = 500 * time.Millisecond

// wait calls check until it says that all is done, has an error, or the time is over, which is
// told by late. Between two changes that report says, the time begins anew.
func (r *Runner) wait(ctx context.Context, late func() error, check func() (done bool, progress int, err error)) error {
	last, deadline := -1, time.Now().Add(r.Limits.Timeout)
	for {
		done, progress, err := check()
		if done || err != nil {
			return err
		}
		if progress != last {
			last, deadline = progress, time.Now().Add(r.Limits.Timeout)
		}
		if time.Now().After(deadline) {
			return late()
		}
		if err := rest(ctx, interval); err != nil {
			return err
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// call asks the API server, again and again while it cannot be reached. A right that lacks is a
// *fleet.DeniedError; other answers are the caller's to judge.
func (r *Runner) call(ctx context.Context, verb, resource, namespace string, ask func(context.Context) error) error {
	deadline := time.Now().Add(r.Limits.Timeout)
	for {
		err := ask(ctx)
		switch {
		case err == nil:
			return nil
		case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err) && r.lacks(ctx, verb, resource, namespace):
			return &fleet.DeniedError{Verb: verb, Resource: resource, Namespace: namespace, Err: err}
		case !away(err) || ctx.Err() != nil:
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("the API server has not answered for %s: %w", r.Limits.Timeout, err)
		}
		if err := rest(ctx, 2*interval); err != nil {
			return err
		}
	}
}

// lacks finds out whether it is for want of a right that something is forbidden: admission forbids, too.
// Where nobody says, it is.
func (r *Runner) lacks(ctx context.Context, verb, resource, namespace string) bool {
	name, sub, _ := strings.Cut(resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: fleet.Group(resource), Resource: name, Subresource: sub},
	}}
	review, err := r.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	return err != nil || !review.Status.Allowed
}

// declined makes of a no of the API server, which is for reasons of its own, a workload that is left: others
// may have none. Every other error stays one.
func declined(what string, err error) error {
	denied, status := (*fleet.DeniedError)(nil), apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &denied), away(err), !errors.As(err, &status):
		return fmt.Errorf("%s: %w", what, err)
	}
	return &LeftError{what + ": " + inject.OneLine(status.Status().Message, maxMessage)}
}

// away says that an error is that of a server which may be back in a moment.
func away(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return !errors.Is(err, context.Canceled)
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err)
}

// finishing is a context for what must not stop half-way: it outlives the given one for a while.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}
