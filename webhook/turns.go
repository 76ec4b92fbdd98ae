package webhook

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// allowance is how much processor time a kind of request may take.
type allowance struct {
	// share of one processor in the long run.
	share float64
	// burst is what may be taken at once after a rest.
	burst time.Duration
}

// side is the share of one processor that reviews of templates and advice may take each. A pod that
// comes while one of them is worked on may be slower; with a hundredth of the time, that is no more
// than one or two in a hundred, even where there is one processor only.
const side = 0.01

// reviewAllowance is that of reviews of templates. Five seconds at once are enough for four hundred
// templates (the built-in ones take about 12 ms each), which GitOps may bring at one time, and what is
// earned for one template in a second. A template that is not reviewed in time is still judged when
// it is loaded.
func reviewAllowance() allowance { return allowance{share: side, burst: 5 * time.Second} }

// adviceAllowance is that of advice: a second at once is enough for some thousands of workloads, and
// what is earned for fifty in a second.
func adviceAllowance() allowance { return allowance{share: side, burst: time.Second} }

// longestWait is how long a caller waits for others, and then for time to be earned. Who would have
// to wait longer for the latter is turned away at once. Both together are what the API server
// waits for advice.
const longestWait = time.Second

// turns lets requests of one kind work one after the other, and no more than their allowance. Go
// has no priorities, so this is what keeps work that can wait from the processors that pods
// need: who may ask for it is anybody who reaches the port.
type turns struct {
	allowance
	// busy holds the one who works.
	busy chan struct{}
	// used gives the processor time that the thread has used: processorTime.
	used func() time.Duration

	mu sync.Mutex
	// credit is what may be taken now, as of at; below zero when the last one took more than was left.
	credit time.Duration
	at     time.Time
}

func newTurns(a allowance) *turns {
	return &turns{allowance: a, busy: make(chan struct{}, 1), used: processorTime, credit: a.burst, at: time.Now()}
}

// do has work done when it is its turn. What counts is the processor time of its thread: that of the
// clock would be longer the busier the machine is with other things. It ends with the caller
// while it waits.
func (t *turns) do(ctx context.Context, work func() error) error {
	patience := time.NewTimer(longestWait)
	defer patience.Stop()
	select {
	case t.busy <- struct{}{}:
		defer func() { <-t.busy }()
	case <-patience.C:
		return overloaded()
	case <-ctx.Done():
		return heeded(ctx)
	}
	if err := t.rest(ctx); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := t.used()
	defer func() { t.spend(t.used() - before) }()
	return work()
}

// rest waits until there is credit.
func (t *turns) rest(ctx context.Context) error {
	if err := heeded(ctx); err != nil { // both may have been ready
		return err
	}
	wait := t.due()
	if wait <= 0 {
		return nil
	}
	if wait > longestWait {
		return overloaded()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return heeded(ctx)
	}
}

// due is how long it takes until there is credit.
func (t *turns) due() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.credit = min(t.burst, t.credit+time.Duration(float64(now.Sub(t.at))*t.share))
	t.at = now
	return time.Duration(float64(-t.credit) / t.share)
}

func (t *turns) spend(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.credit -= took
}
