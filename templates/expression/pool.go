package expression

import (
	"runtime"
	"sync"
	"weak"
)

// pool finds values that were made before, by key and by whether they suit. It holds
// them weakly: they go when nobody else has them any more. Safe for concurrent use.
type pool[K comparable, V any] struct {
	mu   sync.Mutex
	held map[K][]weak.Pointer[V]
}

func newPool[K comparable, V any]() *pool[K, V] {
	return &pool[K, V]{held: map[K][]weak.Pointer[V]{}}
}

// find gives a value that suits, or nil.
func (p *pool[K, V]) find(key K, suits func(*V) bool) *V {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.among(key, suits)
}

func (p *pool[K, V]) among(key K, suits func(*V) bool) *V {
	for _, held := range p.held[key] {
		if v := held.Value(); v != nil && suits(v) {
			return v
		}
	}
	return nil
}

// keep takes a value in, unless another goroutine was quicker: then that one counts.
func (p *pool[K, V]) keep(key K, v *V, suits func(*V) bool) *V {
	p.mu.Lock()
	defer p.mu.Unlock()
	if earlier := p.among(key, suits); earlier != nil {
		return earlier
	}
	p.held[key] = append(p.held[key], weak.Make(v))
	runtime.AddCleanup(v, p.forget, key)
	return v
}

// forget drops the values of a key that are gone.
func (p *pool[K, V]) forget(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var alive []weak.Pointer[V]
	for _, held := range p.held[key] {
		if held.Value() != nil {
			alive = append(alive, held)
		}
	}
	if len(alive) == 0 {
		delete(p.held, key)
		return
	}
	p.held[key] = alive
}
