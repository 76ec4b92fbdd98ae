package webhook

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const (
	// liveReadTimeout bounds one read of a namespace: a tenth of the 5 s that the API server waits for the
	// webhook by the chart's default.
	liveReadTimeout = 500 * time.Millisecond
	// liveReadPause is the time between two reads of one namespace. If every pod of a namespace needs a
	// read, because the webhook configuration's selectors were changed by hand, it limits them to twenty a
	// second and delays a pod by at most 50 ms.
	liveReadPause = 50 * time.Millisecond
	// liveReadsPerSecond limits the reads of all namespaces that the watch has, and those of all others, and is
	// the burst as well. A client can name any namespace, and that must not load the API server.
	liveReadsPerSecond = 100
)

// liveReads reads namespaces from the API server. A caller always gets the result of a read that began
// after its call, since an older read could be as outdated as the watch. Callers that wait for the same
// namespace share one read.
type liveReads struct {
	client  metadata.Getter
	limiter flowcontrol.RateLimiter

	mu sync.Mutex
	// next has a key for each namespace whose goroutine is running. Its value is the read that has not
	// begun yet, nil if no caller waits for one.
	next map[string]*liveRead
}

// liveRead is one read. namespace and err may be read once done is closed.
type liveRead struct {
	done      chan struct{}
	namespace inject.Namespace
	err       error
}

func newLiveReads(client metadata.Getter) *liveReads {
	return &liveReads{
		client:  client,
		limiter: flowcontrol.NewTokenBucketRateLimiter(liveReadsPerSecond, liveReadsPerSecond),
		next:    map[string]*liveRead{},
	}
}

// read returns the namespace as it was at some time after the call. It fails after liveReadTimeout, or when
// ctx ends.
func (l *liveReads) read(ctx context.Context, name string) (inject.Namespace, error) {
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	next := l.join(name)
	select {
	case <-next.done:
		return next.namespace, next.err
	case <-ctx.Done():
		return inject.Namespace{}, ctx.Err()
	}
}

// join returns the read of name that begins next, and starts the goroutine that performs it if none is
// running.
func (l *liveReads) join(name string) *liveRead {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, running := l.next[name]
	if next == nil {
		next = &liveRead{done: make(chan struct{})}
		l.next[name] = next
	}
	if !running {
		go l.run(name)
	}
	return next
}

// run reads a namespace again and again until no caller waits for it.
func (l *liveReads) run(name string) {
	for {
		next := l.begin(name)
		if next == nil {
			return
		}
		next.namespace, next.err = l.ask(name)
		close(next.done)
		time.Sleep(liveReadPause)
	}
}

// begin removes and returns the pending read: later callers wait for another one. It returns nil, and the
// goroutine ends, if no caller waits.
func (l *liveReads) begin(name string) *liveRead {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.next[name]
	if next == nil {
		delete(l.next, name)
		return nil
	}
	l.next[name] = nil
	return next
}

// ask reads the namespace from the API server. It does not use the context of a caller, because several
// callers may share the result.
func (l *liveReads) ask(name string) (inject.Namespace, error) {
	ctx, cancel := context.WithTimeout(context.Background(), liveReadTimeout)
	defer cancel()
	if err := l.limiter.Wait(ctx); err != nil {
		return inject.Namespace{}, err
	}
	object, err := l.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return inject.Namespace{}, err
	}
	return namespaceOf(&object.ObjectMeta), nil
}
