package inject

import (
	"iter"
	"slices"
)

// table finds values by key; a key may have several. Up to short entries are searched linearly, because a
// usual pod has few of everything and a map costs more. Beyond that there is an index, so that a search
// does not get slower with the size of the input.
type table[K comparable, V any] struct {
	entries []tableEntry[K, V]
	index   map[K]int32 // 1 + the number of the latest entry of the key; nil while short
}

type tableEntry[K comparable, V any] struct {
	key    K
	value  V
	before int32 // 1 + the number of the entry of the same key before it; 0: none, or no index
}

// short is the number of entries up to which a list is searched linearly.
const short = 16

// grow makes room for n more entries.
func (t *table[K, V]) grow(n int) { t.entries = slices.Grow(t.entries, n) }

func (t *table[K, V]) add(key K, value V) {
	if t.entries == nil {
		t.entries = make([]tableEntry[K, V], 0, 2)
	}
	t.entries = append(t.entries, tableEntry[K, V]{key: key, value: value})
	switch n := len(t.entries); {
	case t.index != nil:
		t.link(n - 1)
	case n > short:
		t.index = make(map[K]int32, 2*n)
		for i := range t.entries {
			t.link(i)
		}
	}
}

func (t *table[K, V]) link(i int) {
	e := &t.entries[i]
	e.before = t.index[e.key]
	t.index[e.key] = int32(i + 1)
}

// find returns the latest value of the key.
func (t *table[K, V]) find(key K) (value V, found bool) {
	for value := range t.all(key) {
		return value, true
	}
	return value, false
}

func (t *table[K, V]) has(key K) bool {
	_, found := t.find(key)
	return found
}

// all yields the values of the key, the latest first.
func (t *table[K, V]) all(key K) iter.Seq[V] {
	return func(yield func(V) bool) {
		if t.index != nil {
			for i := t.index[key]; i > 0; i = t.entries[i-1].before {
				if !yield(t.entries[i-1].value) {
					return
				}
			}
			return
		}
		for i := len(t.entries) - 1; i >= 0; i-- {
			if t.entries[i].key == key && !yield(t.entries[i].value) {
				return
			}
		}
	}
}

// cut removes all but the first n entries.
func (t *table[K, V]) cut(n int) {
	for i := len(t.entries) - 1; i >= n && t.index != nil; i-- {
		if e := &t.entries[i]; e.before > 0 {
			t.index[e.key] = e.before
		} else {
			delete(t.index, e.key)
		}
	}
	clear(t.entries[n:])
	t.entries = t.entries[:n]
}
