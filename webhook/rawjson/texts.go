package rawjson

import "strings"

// Texts allocates short strings in common blocks, because for hundreds of short strings the allocations
// take longer than copying the bytes. A string keeps its whole block alive, so Texts is meant for strings
// that become garbage together. The zero value is ready to use.
type Texts struct{ block strings.Builder }

// block is the size of one block in bytes.
const block = 512

// Keep returns a copy of text.
func (t *Texts) Keep(text []byte) string {
	if len(text) > block/4 {
		return string(text)
	}
	if t.block.Cap()-t.block.Len() < len(text) {
		t.block.Reset() // the strings returned before keep the old block
		t.block.Grow(block)
	}
	start := t.block.Len()
	t.block.Write(text)
	return t.block.String()[start:]
}

// Group makes String allocate its strings from a Texts, and returns c.
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
