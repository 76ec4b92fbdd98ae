package webhook

import "sync"

// buffers hold the bytes of one request: what was received, the patch, and the
// answer. They are used again, for they are most of what a request allocates, and
// with a heap as small as this program's the collector runs every few hundred
// requests. Nothing that outlives a request may point into them; inject copies
// every string that it keeps.
type buffers struct{ received, patch, answer []byte }

// maxKept bounds a buffer that is kept, in bytes: one huge pod must not cost memory for ever.
const maxKept = 256 << 10

type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) get() *buffers {
	if b, ok := p.pool.Get().(*buffers); ok {
		return b
	}
	return &buffers{}
}

func (p *bufferPool) put(b *buffers) {
	for _, s := range []*[]byte{&b.received, &b.patch, &b.answer} {
		if cap(*s) > maxKept {
			*s = nil
		}
		*s = (*s)[:0]
	}
	p.pool.Put(b)
}
