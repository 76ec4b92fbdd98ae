// Package rollout carries out a plan for the fleet: it changes images, cpu and memory in running pods,
// restarts the rollouts of workloads, and evicts pods that their controllers replace.
//
// It keeps no state between two runs. A pod that was updated is current and not planned again, so a run
// after an interrupted or stopped one continues where that ended.
package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Limits bounds what a rollout does concurrently, and how long it waits.
type Limits struct {
	// MaxUnavailable is how many pods of a workload may be unavailable at once, MaxWorkloads how many
	// workloads are processed at once.
	MaxUnavailable, MaxWorkloads int
	// Timeout bounds each wait: for a pod to become ready again, for its node to give it other cpu and memory,
	// for a budget to allow a disruption, and for an unreachable API server. Budget, if not zero, is the bound
	// for budgets.
	Timeout, Budget time.Duration
	// Wait is how long canaries are observed before the other workloads follow.
	Wait time.Duration
}

// Runner carries out the steps of a plan.
type Runner struct {
	Client kubernetes.Interface
	// Judge compares a pod with what a new pod would get.
	Judge  func(namespace string, pod []byte) (*fleet.Standing, error)
	Limits Limits
	// Canary selects the canaries of the plan.
	Canary fleet.Canary
	// Tell reports progress; it is called by one goroutine at a time.
	Tell func(fleet.Workload, string)
	// Repairs is true for the command repair: pods are evicted, and no workload is repaired twice within
	// repairPause.
	Repairs bool
	// Halt, if not nil, is called before each step; an error ends the run there.
	Halt func(context.Context) error

	telling   sync.Mutex
	disrupted disruptions
	// stopping is true once a step has failed: those beside it end what they have begun, and begin no more.
	stopping atomic.Bool
}

// Outcome is the result of a step.
type Outcome struct {
	fleet.Step
	// Done is the number of pods that are up to date now.
	Done int `json:"done"`
	// Left is why the other pods are not; "" if all are.
	Left string `json:"left,omitempty"`
	// Seconds is the duration of the step.
	Seconds float64 `json:"seconds"`
}

// TroubleError stops the rollout, because the change has caused a problem, or may have.
type TroubleError struct {
	Workload fleet.Workload
	Message  string
}

func (e *TroubleError) Error() string {
	return fmt.Sprintf("%s in %s: %s", e.Workload, e.Workload.Namespace, e.Message)
}

// LeftError is why pods of a workload are not brought up to date. The rollout continues with the other
// workloads.
type LeftError struct{ Message string }

func (e *LeftError) Error() string { return e.Message }

// run carries out steps concurrently, but steps that share a budget or a workload one after the other.
func (r *Runner) run(ctx context.Context, steps []fleet.Step, do doing) ([]Outcome, error) {
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
		r.stopping.Store(failed != nil)
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
			// The permission may be missing in this namespace only, so the others continue.
			e.outcome.Left, e.err, denied = lacks.Error(), nil, cmp.Or(denied, error(lacks))
			r.tell(e.outcome.Workload, "left: %s", lacks)
		} else if errors.Is(e.err, context.Canceled) {
			e.outcome.Left = "interrupted"
		} else if e.err != nil {
			e.outcome.Left = e.err.Error()
		}
		outcomes = append(outcomes, e.outcome)
		failed = worst([]error{failed, e.err}) // a pod that is half changed, or in trouble, outweighs an interruption
	}
}

// errStopping ends a step because one beside it has failed.
var errStopping = errors.New("the run was stopped meanwhile")

// goesOn returns why a step must not begin with further pods; nil if it may.
func (r *Runner) goesOn(ctx context.Context) error {
	if r.stopping.Load() {
		return errStopping
	}
	return ctx.Err()
}

// halted returns the error of Halt, which prevents further steps; nil if there is none.
func (r *Runner) halted(ctx context.Context) error {
	if r.Halt == nil {
		return nil
	}
	return r.Halt(ctx)
}

// locks returns the names of what only one step may use at a time: its workload, and the budgets of its pods.
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

// step carries out one step, by the method that the plan has chosen.
func (r *Runner) step(ctx context.Context, s *fleet.Step, o *Outcome) error {
	switch s.How {
	case fleet.InRunningPods:
		now, err := r.owner(ctx, s.Workload)
		if err != nil {
			return err
		}
		if _, err := r.try(ctx, s.Workload, now, s.Targets); err != nil {
			return err
		}
		return r.bring(ctx, s, o)
	case fleet.ByRollout:
		return r.renew(ctx, s, o)
	case fleet.ByEviction:
		return r.evictAll(ctx, s, o)
	case fleet.Watched:
		o.Done = len(s.Targets)
		return nil
	}
	return &LeftError{s.Why}
}

func (r *Runner) tell(w fleet.Workload, format string, args ...any) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.Tell(w, fmt.Sprintf(format, args...))
}

// A wait asks again after interval at first, and never rests longer than maxInterval.
const (
	interval    = 500 * time.Millisecond
	maxInterval = 10 * time.Second
)

// pause returns how long a wait rests that has lasted for waited, and whose last question took took: a tenth
// of the former, and ten times the latter, so that neither long waits nor workloads of many pods cost the
// API server much.
func pause(waited, took time.Duration) time.Duration {
	return min(max(interval, waited/10, 10*took), maxInterval)
}

// forBudgets is how long a budget may take to allow a disruption.
func (l *Limits) forBudgets() time.Duration { return cmp.Or(l.Budget, l.Timeout) }

// wait calls check until it returns done or an error, or until r.Limits.Timeout is over, in which case it
// returns the error of late. The timeout starts again whenever progress exceeds all its earlier values. One
// that falls and rises again, as the number of ready pods does while one of them fails repeatedly, does not
// prolong the wait.
func (r *Runner) wait(ctx context.Context, late func() error, check func() (done bool, progress int, err error)) error {
	return waitFor(ctx, r.Limits.Timeout, late, check)
}

func waitFor(ctx context.Context, timeout time.Duration, late func() error, check func() (done bool, progress int, err error)) error {
	begun, most, deadline := time.Now(), math.MinInt, time.Time{}
	for {
		asked := time.Now()
		done, progress, err := check()
		if done || err != nil {
			return err
		}
		now := time.Now()
		if progress > most {
			most, deadline = progress, now.Add(timeout)
		}
		if !now.Before(deadline) {
			return late()
		}
		// The last question is asked when the time is up.
		if err := rest(ctx, min(pause(now.Sub(begun), now.Sub(asked)), deadline.Sub(now))); err != nil {
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

// call calls ask, and retries while the API server is unreachable. A missing permission becomes a
// *fleet.DeniedError; other errors are returned unchanged.
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

// lacks reports whether a Forbidden error is due to a missing permission, since admission plugins return
// Forbidden as well. It returns true if that cannot be determined.
func (r *Runner) lacks(ctx context.Context, verb, resource, namespace string) bool {
	name, sub, _ := strings.Cut(resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: fleet.Group(resource), Resource: name, Subresource: sub},
	}}
	review, err := r.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	return err != nil || !review.Status.Allowed
}

// declined turns a rejection by the API server, for a reason that is specific to the object, into a
// *LeftError. Every other error is wrapped.
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

// away reports whether the API server is temporarily unavailable, or overloaded. The Eviction API answers with
// the code of the latter if a budget does not allow an eviction.
func away(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return !errors.Is(err, context.Canceled)
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err) ||
		apierrors.IsTooManyRequests(err) && !apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause)
}

// finishing returns a context for work that must not be interrupted: it ends 30 seconds after ctx.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		_ = rest(longer, 30*time.Second) // or until the work is done
		cancel()
	})
	return longer, func() { stop(); cancel() }
}
