package templates

import (
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Sample returns a text that is valid for a required parameter. ok is false if none is easily found that
// meets the constraints.
func (p *Parameter) Sample() (string, bool) {
	candidates := slices.Clone(p.Enum)
	for _, b := range []*bound{p.minimum, p.maximum} {
		if b != nil {
			candidates = append(candidates, b.text)
		}
	}
	candidates = append(candidates, traitsOf(p.Type).samples...)
	if p.pattern != nil {
		if re, err := syntax.Parse(p.pattern.text, syntax.Perl); err == nil {
			candidates = append(candidates, shortest(re))
		}
	}
	if p.Type == v1alpha1.TypeStringMap {
		for i, text := range candidates {
			candidates[i] = string(program.Object{{Name: "sample", Value: text}}.AppendJSON(nil))
		}
	}
	for _, text := range candidates {
		if text == "" {
			continue
		}
		if _, fault := p.parse(text); fault == nil {
			return text, true
		}
	}
	return "", false
}

// shortest returns a short text that probably matches a regular expression.
func shortest(re *syntax.Regexp) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			b.WriteRune(re.Rune[0])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus:
		b.WriteString(shortest(re.Sub[0]))
	case syntax.OpRepeat:
		for range re.Min {
			b.WriteString(shortest(re.Sub[0]))
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			b.WriteString(shortest(sub))
		}
	case syntax.OpAlternate:
		b.WriteString(shortest(re.Sub[0]))
	default: // stars, question marks and anchors also match the empty text
	}
	return b.String()
}
