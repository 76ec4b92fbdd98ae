// Package diff compares manifests with and without their sidecars, and masks the values of Secrets.
package diff

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// context is the number of unchanged lines shown around a change.
const context = 3

// Text returns a unified diff, file by file, between the original and the edited documents; "" if no file
// changes. stop, if not nil, is called before each document is compared; its error ends Text, which returns it.
func Text(documents []offline.Edited, stop func() error) (string, error) {
	var b strings.Builder
	for len(documents) > 0 {
		n := 1
		for n < len(documents) && documents[n].Document.File == documents[0].Document.File {
			n++
		}
		text, err := diffFile(documents[:n], stop)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		documents = documents[n:]
	}
	return b.String(), nil
}

// diffFile compares the documents of one file.
func diffFile(documents []offline.Edited, stop func() error) (string, error) {
	name := documents[0].Document.File
	var before, after []byte
	var edits []udiff.Edit
	for _, e := range documents {
		if e.Changed && stop != nil {
			if err := stop(); err != nil {
				return "", err
			}
		}
		if e.Changed {
			for _, edit := range udiff.Lines(string(e.Document.Text), string(e.Text)) {
				edits = append(edits, udiff.Edit{Start: len(before) + edit.Start, End: len(before) + edit.End, New: edit.New})
			}
		}
		before, after = append(before, e.Document.Text...), append(after, e.Text...)
	}
	if len(edits) == 0 {
		return "", nil
	}
	old, err := newMasked(name, before)
	if err != nil {
		return "", err
	}
	changedTo := masked{}
	if len(old) > 0 {
		if changedTo, err = newMasked(name, after); err != nil {
			return "", err
		}
	}
	path := strings.TrimPrefix(filepath.ToSlash(name), "/")
	text, err := udiff.ToUnified("a/"+path, "b/"+path, string(before), edits, context)
	if err != nil {
		return "", fmt.Errorf("%s: diff: %w", name, err)
	}
	return maskDiff(text, old, changedTo), nil
}

// newMasked returns the lines of a file with values of Secrets, masked.
func newMasked(name string, text []byte) (masked, error) {
	stream, err := manifest.Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("diff: %w", err)
	}
	return maskSecrets(stream, text), nil
}

// maskDiff masks the values of Secrets in the lines of a unified diff.
func maskDiff(text string, before, after masked) string {
	if len(before) == 0 && len(after) == 0 {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	old, new := 0, 0
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "--- ") && old == 0, strings.HasPrefix(line, "+++ ") && new == 0:
		case strings.HasPrefix(line, "@@ "):
			old, new = hunkStart(line)
		case strings.HasPrefix(line, "-"):
			lines[i] = before.line(old, line)
			old++
		case strings.HasPrefix(line, "+"):
			lines[i] = after.line(new, line)
			new++
		case strings.HasPrefix(line, " "):
			lines[i] = before.line(old, line)
			old, new = old+1, new+1
		}
	}
	return strings.Join(lines, "")
}

// hunkStart parses the first line numbers of a hunk header such as @@ -1,2 +3,4 @@.
func hunkStart(header string) (old, new int) {
	fields := strings.Fields(header)
	if len(fields) < 3 {
		return 0, 0
	}
	fmt.Sscanf(fields[1], "-%d", &old)
	fmt.Sscanf(fields[2], "+%d", &new)
	return old, new
}

// Color colours a unified diff as git does.
func Color(text string, p terminal.Palette) string {
	if !p.On {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		body, newline := strings.CutSuffix(line, "\n")
		switch {
		case strings.HasPrefix(body, "--- "), strings.HasPrefix(body, "+++ "):
			body = p.Bold(body)
		case strings.HasPrefix(body, "@@ "):
			body = p.Cyan(body)
		case strings.HasPrefix(body, "-"):
			body = p.Red(body)
		case strings.HasPrefix(body, "+"):
			body = p.Green(body)
		}
		if newline {
			body += "\n"
		}
		lines[i] = body
	}
	return strings.Join(lines, "")
}
