package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// someOperations returns random operations that can be applied to a value one after the other; replaced
// reports whether one of them sets an existing key.
func someOperations(r *rand.Rand, value any) (operations []Operation, replaced bool) {
	for range 1 + r.IntN(5) {
		path, replaces := somePath(r, value, nil)
		if path == nil {
			continue
		}
		data, _ := json.Marshal(someValue(r, 2))
		patched, err := patched(jsonOf(value), []Operation{{joinPointer(path), data}})
		if err != nil {
			continue
		}
		changed, err := decodeAny(patched)
		if err != nil {
			continue
		}
		value, replaced = changed, replaced || replaces
		operations = append(operations, Operation{Path: joinPointer(path), Value: data})
	}
	return operations, replaced
}

func jsonOf(value any) []byte {
	data, _ := json.Marshal(value)
	return data
}

func valueOf(doc *manifest.Document) any {
	value, _ := decodeAny(doc.JSON())
	return value
}

func joinPointer(path []string) string {
	var b strings.Builder
	for _, part := range path {
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(part, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

func somePath(r *rand.Rand, value any, path []string) (found []string, replaces bool) {
	deeper := r.IntN(4) > 0
	switch value := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		slices.Sort(names)
		if deeper && len(names) > 0 {
			name := names[r.IntN(len(names))]
			if found, replaces := somePath(r, value[name], append(slices.Clone(path), name)); found != nil {
				return found, replaces
			}
		}
		if len(names) > 0 && r.IntN(5) == 0 {
			return append(slices.Clone(path), names[r.IntN(len(names))]), true
		}
		name := []string{"new", "a/b", "c~d", "e f", "yes", "1", "k2", "é", "x: y"}[r.IntN(9)]
		_, replaces = value[name]
		return append(slices.Clone(path), name), replaces
	case []any:
		if deeper && len(value) > 0 {
			i := r.IntN(len(value))
			if found, replaces := somePath(r, value[i], append(slices.Clone(path), strconv.Itoa(i))); found != nil {
				return found, replaces
			}
		}
		at := "-"
		if r.IntN(2) == 0 {
			at = strconv.Itoa(r.IntN(len(value) + 1))
		}
		return append(slices.Clone(path), at), false
	}
	return nil, false
}

func someValue(r *rand.Rand, depth int) any {
	n := r.IntN(12)
	switch {
	case depth > 0 && n < 3:
		object := map[string]any{}
		for range r.IntN(4) {
			object[[]string{"name", "value", "on", "a b", "#", "1"}[r.IntN(6)]] = someValue(r, depth-1)
		}
		return object
	case depth > 0 && n < 6:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, someValue(r, depth-1))
		}
		return list
	case n == 6:
		return r.IntN(1000) - 500
	case n == 7:
		return []any{nil, true, 1.25}[r.IntN(3)]
	case n == 8:
		return "several\nlines" + strings.Repeat("\n", r.IntN(3))
	}
	return []string{"text", "yes", "12", "a: b", "- x", "", " lead", "#c", "é", "it's \"so\"", "a,b", "{x}", "tab\t", "x\n  y\n\nz\n", "${A}", "?x", "-"}[r.IntN(17)]
}

// checkEdit applies random operations to a document and checks the result.
func checkEdit(t *testing.T, doc *manifest.Document, r *rand.Rand, plain bool) {
	t.Helper()
	if doc.Root == nil {
		return
	}
	operations, replaced := someOperations(r, valueOf(doc))
	if len(operations) == 0 {
		return
	}
	var patch []rawOperation
	for _, op := range operations {
		patch = append(patch, rawOperation{Op: "add", Path: op.Path, Value: op.Value})
	}
	data, _ := json.Marshal(patch)
	before := string(doc.Text)
	got, err := Apply(doc, operations)
	// The parser reports no place for a tag without a name on an empty value.
	if err != nil && strings.Contains(before, "!") && errors.As(err, new(*manifest.Error)) {
		return
	}
	if err != nil {
		t.Fatalf("%v\noperations: %s\nof:\n%s", err, data, before)
	}
	if string(doc.Text) != before {
		t.Fatal("the document's own text changed")
	}
	comparePatched(t, doc, got, data)
	if plain && !replaced && strings.HasSuffix(before, "\n") { // otherwise a block scalar at the end may change its header
		checkLinesSurvive(t, before, string(got), data)
	}
}

// checkLinesSurvive checks that a line diff would only add.
func checkLinesSurvive(t *testing.T, before, after string, patch []byte) {
	t.Helper()
	lines := strings.SplitAfter(after, "\n")
	for _, line := range strings.SplitAfter(before, "\n") {
		i := slices.IndexFunc(lines, func(s string) bool { return strings.TrimRight(s, "\r\n") == strings.TrimRight(line, "\r\n") })
		if i < 0 {
			t.Fatalf("line %q is lost\noperations: %s\nbefore:\n%s\nafter:\n%s", line, patch, before, after)
		}
		lines = lines[i+1:]
	}
}

func checkRandom(t *testing.T, seed uint64) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 1))
	w := &writer{Rand: r, plain: r.IntN(2) == 0}
	text := w.document()
	stream, err := manifest.Parse("random.yaml", []byte(text))
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, text)
	}
	for _, doc := range stream.Documents {
		checkEdit(t, doc, r, w.plain)
	}
}

func TestEditingRandomDocumentsIsPatchingTheirJSON(t *testing.T) {
	for seed := range uint64(1000) {
		checkRandom(t, seed)
	}
}

func FuzzEditRandom(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(checkRandom)
}

// FuzzEdit edits any text that can be parsed: the result is correct, or the document is refused.
func FuzzEdit(f *testing.F) {
	files, err := filepath.Glob("testdata/edit/*/in.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no corpus", err)
	}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint64(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		stream, err := manifest.Parse("in.yaml", data)
		if err != nil {
			return
		}
		for _, doc := range stream.Documents {
			checkEdit(t, doc, rand.New(rand.NewPCG(seed, 2)), false)
		}
	})
}

func decodeAny(data []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}
