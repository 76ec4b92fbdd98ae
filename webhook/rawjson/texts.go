package rawjson

import "strings"

// Texts makes strings in common blocks: what reads or writes hundreds of short ones
// would spend more on the allocations than on the bytes. One text keeps the others of
// its block in memory, so it is for those that are dropped together. The zero value is ready.
type Texts struct{ block strings.Builder }

// block is the size of what is allocated at once, in bytes.
const block = 512

// Keep copies a text.
func (t *Texts) Keep(text []byte) string {
	if len(text) > block/4 {
		return string(text)
	}
	if t.block.Cap()-t.block.Len() < len(text) {
		t.block.Reset() // what it gave before stays as it is
		t.block.Grow(block)
	}
	start := t.block.Len()
	t.block.Write(text)
	return t.block.String()[start:]
}

// Group makes String take its strings from a Texts.
func (c *Cursor) Group() *Cursor {
	c.texts = &Texts{}
	return c
}

func (c *Cursor) keep(text []byte) string {
	if c.texts == nil {
		return string(text)
	}
	return c.texts.Keep(text)
}
