package expression

import (
	"runtime"
	"sync"
	"weak"
)

// pool is a cache of values by key and by whether they suit the caller. It holds weak pointers: a value is
// dropped when it has no other reference. It is safe for concurrent use.
type pool[K comparable, V any] struct {
	mu   sync.Mutex
	held map[K][]weak.Pointer[V]
}

func newPool[K comparable, V any]() *pool[K, V] {
	return &pool[K, V]{held: map[K][]weak.Pointer[V]{}}
}

// find returns a value that suits, or nil.
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

// keep adds a value and returns it, unless another goroutine has added one that suits: then it returns that
// one.
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

// forget drops the values of a key that have been collected.
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
