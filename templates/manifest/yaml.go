package manifest

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML converts JSON to YAML in kubectl's layout, in the order of its members.
func YAML(text []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(escaped(text), &root); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	restyle(&root)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(&root); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	return out.Bytes(), nil
}

// escaped returns JSON in which the characters that JSON allows in a string, but YAML does not, are escaped.
func escaped(text []byte) []byte {
	unfit := func(r rune) bool {
		return r >= 0x7F && r < 0xA0 || r == '\u2028' || r == '\u2029' || r == '\uFEFF' || r == 0xFFFE || r == 0xFFFF
	}
	if !bytes.ContainsFunc(text, unfit) {
		return text
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		if unfit(r) {
			fmt.Fprintf(&out, "\\u%04x", r)
			continue
		}
		out.WriteRune(r)
	}
	return out.Bytes()
}

// restyle changes flow collections and quoted strings to block style, where that does not change their
// meaning.
func restyle(n *yaml.Node) {
	switch {
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		if len(n.Content) > 0 {
			n.Style = 0
		}
	case n.Kind == yaml.ScalarNode && n.Style == yaml.DoubleQuotedStyle:
		// Marshal quotes strings that YAML 1.1 would read as booleans, times or numbers.
		out, err := yaml.Marshal(n.Value)
		switch {
		case err != nil:
		case string(out) == n.Value+"\n":
			n.Style = 0
		case bytes.HasPrefix(out, []byte("'")):
			n.Style = yaml.SingleQuotedStyle
		case bytes.HasPrefix(out, []byte("|")) && !strings.HasPrefix(n.Value, " "):
			n.Style = yaml.LiteralStyle
		}
	}
	for _, child := range n.Content {
		restyle(child)
	}
}

// Scalar returns a text as a YAML scalar on one line; long texts are cut.
func Scalar(text string) string {
	const longest = 160
	out, err := yaml.Marshal(text)
	if line := strings.TrimSuffix(string(out), "\n"); err == nil && len(line) <= longest && !strings.ContainsAny(line, "\n|>") {
		return line
	}
	return fmt.Sprintf("%.*q", longest, text)
}
