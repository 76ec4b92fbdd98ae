package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a stream of documents; file is used in errors only. Duplicate keys, anchors that contain
// themselves, and documents over the limits are errors. The first fault is returned, always as *Error. Empty
// data is a stream without documents. The stream keeps the data, which must not be changed afterwards.
func Parse(file string, data []byte) (*Stream, error) {
	if err := checkText(file, data); err != nil {
		return nil, err
	}
	stream := &Stream{File: file}
	for _, c := range documents(data) {
		if len(c.text) > MaxDocument {
			return nil, &Error{File: file, Line: c.line, Message: fmt.Sprintf("document has %d bytes, over the limit of %d (3 MiB)", len(c.text), MaxDocument)}
		}
		doc, err := parseDocument(file, c)
		if err != nil {
			return nil, err
		}
		stream.Documents = append(stream.Documents, doc)
	}
	return stream, nil
}

// With returns a Document with another text, of any size, which must be exactly one document.
func (d *Document) With(text []byte) (*Document, error) {
	root, err := parseNodes(text)
	if err != nil {
		return nil, err
	}
	changed := &Document{File: d.File, Line: 1, Column: 1, Text: text, Root: root, isJSON: isJSON(text)}
	if root == nil {
		return changed, nil
	}
	if err := check(changed, root); err != nil {
		return nil, err
	}
	return changed, nil
}

// mostDirectives is the maximum number of directives (%YAML, %TAG) of a document: the parser compares each with
// all before it. Manifests have none.
const mostDirectives = 100

// directives counts the directives at the beginning of a document.
func directives(text []byte) int {
	n := 0
	for len(text) > 0 {
		line := text[:LineLength(text)]
		text = text[len(line):]
		switch trimmed := bytes.TrimSpace(line); {
		case bytes.HasPrefix(line, []byte("%")):
			n++
		case len(trimmed) > 0 && trimmed[0] != '#':
			return n
		}
	}
	return n
}

func parseDocument(file string, c chunk) (*Document, *Error) {
	if n := directives(Unmarked(c.text)); n > mostDirectives {
		return nil, &Error{File: file, Line: c.line, Message: fmt.Sprintf("YAML: the document has %d directives (lines that begin with %%), at most %d are allowed", n, mostDirectives)}
	}
	doc := &Document{File: file, Line: c.line, Column: c.column, Text: c.text, isJSON: isJSON(c.text)}
	root, err := parseNodes(c.text)
	if err != nil {
		return nil, doc.syntaxError(err)
	}
	if root == nil {
		return doc, nil
	}
	shift(root, c.line-1)
	shiftFirst(root, c.line, c.column-1)
	if err := check(doc, root); err != nil {
		return nil, err
	}
	if !isNull(root) {
		doc.Root = root
	}
	return doc, nil
}

// parseNodes returns the value of the text's only document, nil if there is none.
func parseNodes(text []byte) (root *yaml.Node, err error) {
	// The parser may panic on unusual input.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("%v", r)
		}
	}()
	text = Unmarked(text)
	if masked, found := maskEscapes(text); found {
		if root, err = parseNodes(masked); err == nil && root != nil {
			unmask(json.NewDecoder(bytes.NewReader(text)), root)
		}
		return root, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: text follows the end of the document", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

// shift converts line numbers within the document to those of the stream.
func shift(n *yaml.Node, lines int) {
	if lines == 0 {
		return
	}
	n.Line += lines
	for _, child := range n.Content {
		shift(child, lines)
	}
}

// shiftFirst converts columns in a document's first line to those of the stream.
func shiftFirst(n *yaml.Node, line, columns int) {
	if columns == 0 || n.Line > line {
		return
	}
	n.Column += columns
	for _, child := range n.Content {
		shiftFirst(child, line, columns)
	}
}

// parserLine extracts the line from the parser's errors, which have it only in their text.
var parserLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// searched is the maximum size in bytes of a document in which the line of a syntax error is searched for.
const searched = 256 << 10

func (d *Document) syntaxError(err error) *Error {
	text := err.Error()
	match := parserLine.FindStringSubmatch(text)
	line := 1
	if match[1] != "" {
		line, _ = strconv.Atoi(match[1])
	}
	if len(d.Text) <= searched {
		line = d.faultyLine(text, line)
	}
	e := &Error{File: d.File, Line: d.Line + line - 1, Message: "YAML: " + strings.TrimPrefix(text, match[0])}
	if at, found := d.tabbed(line); found {
		e.Line, e.Hint = d.Line+at-1, "tabs do not indent in YAML, use spaces"
	} else {
		e.Hint = cmp.Or(d.braced(e.Line), misread(e.Message, d.textOf(e.Line)))
	}
	return e
}

// behindQuotes matches a line with something behind the quote that ends a value.
var behindQuotes = regexp.MustCompile(`(?:: +|- +)(?:"[^"\\]*"\s*[^\s#,}\]:]|'[^']*'\s*[^\s#,}\]:'])`)

// misread returns the hint for the parser's message about a line; "" if there is no good guess.
func misread(message string, line string) string {
	_, value, _ := strings.Cut(line, ": ")
	value = strings.TrimSpace(value)
	switch {
	case strings.HasSuffix(message, "did not find expected ',' or '}'"), strings.HasSuffix(message, "did not find expected ',' or ']'"):
		return "close what { or [ has opened, and quote a value within that has one of , [ ] { }"
	case strings.HasSuffix(message, "found unknown escape character"):
		return `put it in single quotes, within which \ stands for itself`
	case strings.HasSuffix(message, "did not find expected key") && behindQuotes.MatchString(line):
		return "nothing stands behind the quote that ends a value: put the whole value in quotes of the other kind"
	case strings.HasSuffix(message, "did not find expected key"):
		return "indent a line as those beside it, and what belongs to it more"
	case !strings.HasSuffix(message, "mapping values are not allowed in this context"):
	case strings.HasPrefix(value, `"`) && strings.Contains(value, "${"):
		return "within double quotes, put single ones around texts"
	case strings.Contains(value, ": ") || strings.HasSuffix(value, ":"):
		return "quote a value that has a colon and a blank, or ends with a colon"
	default:
		return "indent a line as those beside it, and what belongs to it more"
	}
	return ""
}

// braced returns a hint if a line has what Helm fills in, which is no YAML without quotes; else "".
func (d *Document) braced(line int) string {
	if strings.Contains(d.textOf(line), "{{") {
		return "what stands between {{ and }} is Helm's to fill in: run helm template first, or write the value"
	}
	return ""
}

// textOf returns a line, counted from 1 in the stream.
func (d *Document) textOf(line int) string {
	rest := d.Text
	for at := d.Line; at < line && len(rest) > 0; at++ {
		rest = rest[LineLength(rest):]
	}
	return string(rest[:LineLength(rest)])
}

// faultyLine returns the line, from 1 in the document, that causes the error. The parser often reports the
// line where the surrounding collection begins, sometimes the one before, or none; so the shortest prefix of
// the document with the same error is searched for.
func (d *Document) faultyLine(message string, otherwise int) int {
	var ends []int
	for at := 0; at < len(d.Text); {
		at += LineLength(d.Text[at:])
		ends = append(ends, at)
	}
	same := func(i int) bool {
		_, err := parseNodes(d.Text[:ends[i]])
		return err != nil && err.Error() == message
	}
	i := sort.Search(len(ends), same)
	if i == len(ends) || !same(i) {
		return otherwise
	}
	return i + 1
}

// tabbed returns the first line indented by a tab among the given one, counted from 1 in the document, and
// the two after it.
func (d *Document) tabbed(line int) (int, bool) {
	rest := d.Text
	for at := 1; at <= line+2 && len(rest) > 0; at++ {
		n := LineLength(rest)
		if at >= line && bytes.HasPrefix(bytes.TrimLeft(rest[:n], " "), []byte("\t")) {
			return at, true
		}
		rest = rest[n:]
	}
	return 0, false
}
