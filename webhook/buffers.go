package webhook

import "sync"

// buffers holds the bytes of one request: the received body, the patch and the answer. Buffers are pooled,
// because they are most of what a request allocates, and with a heap as small as this program's the garbage
// collector would otherwise run every few hundred requests. Nothing that outlives a request may point into
// them; inject copies every string that it keeps.
type buffers struct {
	received, patch, answer []byte
	// receipt accounts for the bytes of the buffers.
	receipt receipt
}

// hold accounts for the buffers' present bytes and for further bytes that are about to be allocated. It
// returns an overload error if that exceeds the limit.
func (b *buffers) hold(further int) error {
	if !b.receipt.hold(int64(len(b.received) + len(b.patch) + len(b.answer) + further)) {
		return overloaded()
	}
	return nil
}

// maxKept is the largest capacity, in bytes, of a buffer that returns to the pool, so that one huge pod
// does not take memory for good.
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

// emptied returns s with length 0 for reuse, or nil if its capacity exceeds maxKept.
func emptied(s []byte) []byte {
	if cap(s) > maxKept {
		return nil
	}
	return s[:0]
}
