package webhook

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// allowance is how much CPU time one kind of request may take.
type allowance struct {
	// share is the long-term share of one processor.
	share float64
	// burst is how much unused CPU time can accumulate.
	burst time.Duration
}

// side is the share of one processor that template reviews and advice may use each. A pod that arrives
// during such work may be slower; with a share of 0.5 % that affects fewer than one pod in a hundred, even on
// a single processor, so that the 99th percentile stays.
const side = 0.005

// reviewAllowance is the allowance of template reviews. A burst of 5 s is enough for four hundred templates
// (the built-in ones take about 12 ms each), which GitOps may apply at once; in the long run it is about
// two templates in 5 s. A template that cannot be reviewed in time is still checked when it is loaded.
func reviewAllowance() allowance { return allowance{share: side, burst: 5 * time.Second} }

// adviceAllowance is the allowance of advice. A burst of 1 s is enough for some thousands of workloads; in
// the long run it is about twenty-five a second.
func adviceAllowance() allowance { return allowance{share: side, burst: time.Second} }

// longestWait bounds the wait for other requests and, separately, the wait for credit. A request that would
// have to wait longer for credit is rejected after it. Both together are the API server's timeout for
// advice.
const longestWait = time.Second

// turns runs the requests of one kind one after the other, within their allowance. Go has no goroutine
// priorities, so this is what keeps deferrable work, which anybody who can reach the port may request, from
// taking the processors that pods need.
type turns struct {
	allowance
	// busy is a semaphore with one slot: the request that is being worked on.
	busy chan struct{}
	// used returns the CPU time that the current thread has used: processorTime.
	used func() time.Duration

	mu sync.Mutex
	// credit is the CPU time that may be used, as of the time at. It is negative if the last request used
	// more than was left.
	credit time.Duration
	at     time.Time
}

func newTurns(a allowance) *turns {
	return &turns{allowance: a, busy: make(chan struct{}, 1), used: processorTime, credit: a.burst, at: time.Now()}
}

// do waits for its turn and for credit, then calls work and charges the CPU time of its thread. Wall clock
// time would charge more the busier the machine is. It returns an overload error after longestWait, and an
// error if the client disconnects while it waits.
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

// admit returns an overload error after longestWait if a request would have to wait longer than that for
// credit. It is called before the body is received, so that a flood of requests takes neither memory nor
// decoding, and waits so that clients which repeat what was turned away are slowed down.
func (t *turns) admit(ctx context.Context) error {
	if t.due() <= longestWait {
		return nil
	}
	if err := wait(ctx, longestWait); err != nil {
		return err
	}
	return overloaded()
}

// rest waits until the credit is not negative.
func (t *turns) rest(ctx context.Context) error {
	due := t.due()
	if due > longestWait {
		return overloaded()
	}
	return wait(ctx, due)
}

// wait waits for that time. It returns an error if the client disconnects meanwhile, or has before.
func wait(ctx context.Context, d time.Duration) error {
	if err := heeded(ctx); err != nil { // select chooses at random if both channels are ready
		return err
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return heeded(ctx)
	}
}

// due updates the credit and returns how long it will take until it is not negative.
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
