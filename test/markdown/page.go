// Package markdown writes what a program measured into a Markdown page.
package markdown

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Page is the path of a Markdown file in which the text between two comments is replaced. The rest of the file
// is not changed.
type Page string

// Has returns an error unless the page has all the blocks; it is called before a long run.
func (p Page) Has(blocks ...string) error {
	for _, name := range blocks {
		if _, err := p.Read(name); err != nil {
			return err
		}
	}
	return nil
}

// Read returns the text of one block, with the empty lines around it.
func (p Page) Read(name string) (string, error) {
	text, err := os.ReadFile(string(p))
	if err != nil {
		return "", err
	}
	b, err := find(string(text), name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p, err)
	}
	return b.text, nil
}

// Write replaces one block.
func (p Page) Write(name, content string) error {
	text, err := os.ReadFile(string(p))
	if err != nil {
		return err
	}
	changed, err := replaceBlock(string(text), name, content)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	info, err := os.Stat(string(p))
	if err != nil {
		return err
	}
	return os.WriteFile(string(p), []byte(changed), info.Mode().Perm())
}

// block is a part of a page between two comments, which before and after include.
type block struct{ before, text, after string }

// find returns the block between the comments <!-- name: begin --> and <!-- name: end -->, each of which must
// occur once, on a line of its own.
func find(text, name string) (block, error) {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, found := strings.Cut(text, begin)
	if !found {
		return block{}, fmt.Errorf("block %q: no line %q", name, strings.TrimSpace(begin))
	}
	inner, after, found := strings.Cut(rest, end)
	if !found {
		return block{}, fmt.Errorf("block %q: no line %q after its begin", name, strings.TrimSpace(end))
	}
	if strings.Contains(after, begin) || strings.Contains(after, end) {
		return block{}, fmt.Errorf("block %q: is there twice", name)
	}
	return block{before + begin, inner, end + after}, nil
}

func replaceBlock(text, name, content string) (string, error) {
	b, err := find(text, name)
	if err != nil {
		return "", err
	}
	return b.before + "\n" + strings.TrimSpace(content) + "\n\n" + b.after, nil
}

// Thousands formats a number with commas.
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
