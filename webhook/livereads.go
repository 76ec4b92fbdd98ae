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
	// liveReadTimeout bounds one read of a namespace: a tenth of the time that the API
	// server waits for an answer by default.
	liveReadTimeout = 500 * time.Millisecond
	// liveReadPause lies between two reads of one namespace. Where every pod of a namespace
	// needs a read, since somebody has changed the webhook configuration's selectors, it
	// makes them twenty a second, and a pod's wait a twentieth of a second at most.
	liveReadPause = 50 * time.Millisecond
	// liveReadsPerSecond bounds the reads of all namespaces, with as many at once: names are
	// whatever a caller writes, and the API server is not to suffer from that.
	liveReadsPerSecond = 100
)

// liveReads reads namespaces from the API server. Who asks gets an answer that was read after
// he asked, or the read would be as late as the watch; those who wait for the same
// namespace share one.
type liveReads struct {
	client  metadata.Getter
	limiter flowcontrol.RateLimiter

	mu sync.Mutex
	// next has the namespaces that are being read, or were until a moment ago, each with the
	// read that has not begun yet; nil while nobody waits for it.
	next map[string]*liveRead
}

// liveRead is one read; namespace and err may be looked at once done is closed.
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

// read gives a namespace as it is at some moment after the call. It waits no longer than
// liveReadTimeout, and not past ctx.
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

// join gives the read that begins next.
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

// run reads a namespace for as long as somebody waits for it.
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

// begin takes the read that is next: whoever comes later waits for another one. It is nil when
// nobody waits.
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

// ask asks the API server. No caller's end ends it, for others wait too.
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
