package webhook

import (
	"context"
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

// templateAllowance is enough for forty templates at once (the built-in ones take about 12 ms
// each) and four a second from then on, so that kubectl apply of more takes longer; what is not
// reviewed in time is still judged when it is loaded.
func templateAllowance() allowance { return allowance{share: 0.05, burst: 500 * time.Millisecond} }

// adviceAllowance is enough for hundreds of workloads at once (most take less than a
// millisecond) and hundreds a second from then on.
func adviceAllowance() allowance { return allowance{share: 0.1, burst: 500 * time.Millisecond} }

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

	mu sync.Mutex
	// credit is what may be taken now, as of at; below zero when the last one took more than was left.
	credit time.Duration
	at     time.Time
}

func newTurns(a allowance) *turns {
	return &turns{allowance: a, busy: make(chan struct{}, 1), credit: a.burst, at: time.Now()}
}

// do has work done when it is its turn. The time that it takes is that of the clock, so the
// busier the machine is with other things, the less is done here. It ends with the caller while
// it waits.
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
	start := time.Now()
	defer func() { t.spend(time.Since(start)) }()
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
