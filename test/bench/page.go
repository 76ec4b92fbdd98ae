//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

// page is a Markdown file in which this program replaces the text between two comments. The rest of the file
// is not changed.
type page struct{ file string }

// The blocks of docs/performance.md, by the command that writes each.
const (
	loadBlock      = "load"
	simulateBlock  = "simulate"
	apiServerBlock = "apiserver"
	scaleBlock     = "scale"
)

// has returns an error unless the page has all the blocks; it is called before a long run.
func (p page) has(blocks ...string) error {
	text, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	for _, name := range blocks {
		if _, err := replaceBlock(string(text), name, ""); err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
	}
	return nil
}

// write replaces one block.
func (p page) write(name, block string) error {
	text, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	changed, err := replaceBlock(string(text), name, block)
	if err != nil {
		return fmt.Errorf("%s: %w", p.file, err)
	}
	info, err := os.Stat(p.file)
	if err != nil {
		return err
	}
	return os.WriteFile(p.file, []byte(changed), info.Mode().Perm())
}

// replaceBlock replaces the text between the comments <!-- name: begin --> and <!-- name: end -->, each of
// which must occur once, on a line of its own.
func replaceBlock(text, name, block string) (string, error) {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, found := strings.Cut(text, begin)
	if !found {
		return "", fmt.Errorf("block %q: no line %q", name, strings.TrimSpace(begin))
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("block %q: no line %q after its begin", name, strings.TrimSpace(end))
	}
	if strings.Contains(after, begin) || strings.Contains(after, end) {
		return "", fmt.Errorf("block %q: is there twice", name)
	}
	return before + begin + "\n" + strings.TrimSpace(block) + "\n\n" + end + after, nil
}
