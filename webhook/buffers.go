package webhook

import "sync"

// buffers hold the bytes of one request: what was received, the patch, and the
// answer. They are used again, for they are most of what a request allocates, and
// with a heap as small as this program's the collector runs every few hundred
// requests. Nothing that outlives a request may point into them; inject copies
// every string that it keeps.
type buffers struct {
	received, patch, answer []byte
	// receipt counts them.
	receipt receipt
}

// hold counts what the buffers hold, and further bytes that are about to be made. It fails
// when there is no room for them.
func (b *buffers) hold(further int) error {
	if !b.receipt.hold(int64(len(b.received) + len(b.patch) + len(b.answer) + further)) {
		return overloaded()
	}
	return nil
}

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
		*s = emptied(*s)
	}
	b.receipt = receipt{}
	p.pool.Put(b)
}

// emptied is a buffer for the next use: the same memory, unless that is a lot.
func emptied(s []byte) []byte {
	if cap(s) > maxKept {
		return nil
	}
	return s[:0]
}
