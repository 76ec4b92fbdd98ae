package rawjson

import "strings"

// block is the size of what Group allocates at once, in bytes.
const block = 512

// Group makes String put short texts into common blocks: a pod has hundreds, and an
// allocation costs more than its bytes. One text keeps the others of its block in
// memory, so it is for texts that are dropped together.
func (c *Cursor) Group() *Cursor {
	c.texts = &strings.Builder{}
	return c
}

// keep copies a text.
func (c *Cursor) keep(text []byte) string {
	if c.texts == nil || len(text) > block/4 {
		return string(text)
	}
	if c.texts.Cap()-c.texts.Len() < len(text) {
		c.texts.Reset() // what it gave before stays as it is
		c.texts.Grow(block)
	}
	start := c.texts.Len()
	c.texts.Write(text)
	return c.texts.String()[start:]
}
