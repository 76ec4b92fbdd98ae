package cases

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Cover records which parts of templates the cases cover: the parameters that were given and the values of
// enums, for injected instances only, and the branches of expressions and validations.
type Cover struct {
	branches templates.Cover
	given    map[*templates.Template]map[string]bool
	values   map[*templates.Template]map[value]bool
}

// value is a value that a parameter of an instance had.
type value struct{ parameter, text string }

// NewCover returns an empty Cover.
func NewCover() *Cover {
	return &Cover{given: map[*templates.Template]map[string]bool{}, values: map[*templates.Template]map[value]bool{}}
}

// note records the parameters of an answer.
func (c *Cover) note(answer *inject.Result) {
	for _, in := range answer.Instances {
		if in.Outcome != inject.Injected {
			continue
		}
		if c.given[in.Template] == nil {
			c.given[in.Template], c.values[in.Template] = map[string]bool{}, map[value]bool{}
		}
		for _, p := range in.Parameters {
			if p.Origin != inject.OriginDefault {
				c.given[in.Template][p.Name] = true
			}
			c.values[in.Template][value{p.Name, p.Text}] = true
			for _, item := range items(p.Text) {
				c.values[in.Template][value{p.Name, item}] = true
			}
		}
	}
}

// items splits the value of a list, which may be JSON, and of a map, which is a JSON object.
func items(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	var entries map[string]string
	if json.Unmarshal([]byte(text), &entries) == nil {
		return slices.Collect(maps.Values(entries))
	}
	list = strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// Part is a part of a template that can be covered.
type Part struct {
	// Line and Column are its place in the template's file.
	Line, Column int
	// Missing is a clause that says what no case does.
	Missing string
	Touched bool
}

// Parts returns all parts of a template, sorted by place; data is the content of its file.
func (c *Cover) Parts(t *templates.Template, data []byte) []Part {
	var roots []*yaml.Node
	if stream, err := manifest.Parse(t.Origin.File, data); err == nil {
		for _, document := range stream.Documents {
			roots = append(roots, document.Root)
		}
	}
	var parts []Part
	for i := range t.Spec.Parameters {
		parts = append(parts, c.parameter(t, i, roots)...)
	}
	for _, b := range c.branches.Branches(t) {
		parts = append(parts, Part{Line: b.Line, Column: b.Column, Touched: b.Reached, Missing: missing(b)})
	}
	slices.SortStableFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Missing, b.Missing))
	})
	return united(parts)
}

// united merges parts that a YAML anchor puts into several places: the part is covered if one of them is.
func united(parts []Part) []Part {
	var out []Part
	for _, p := range parts {
		last := len(out) - 1
		if last < 0 || out[last].Line != p.Line || out[last].Column != p.Column || out[last].Missing != p.Missing {
			out = append(out, p)
			continue
		}
		out[last].Touched = out[last].Touched || p.Touched
	}
	return out
}

func missing(b program.Branch) string {
	switch {
	case b.Kind == program.EachBranch && b.Yes:
		return "$each: no case has an element"
	case b.Kind == program.EachBranch:
		return "$each: no case is without elements"
	case b.Kind == program.ValidationBranch && b.Yes:
		return "validation: no case meets it"
	case b.Kind == program.ValidationBranch:
		return "validation: every case meets it"
	case b.Kind == program.ConditionalBranch:
		return fmt.Sprintf("? : is %t in no case", b.Yes)
	}
	return fmt.Sprintf("%s is %t in no case", b.Kind, b.Yes)
}

// parameter returns the parts of a parameter: itself, and each value of its enum.
func (c *Cover) parameter(t *templates.Template, i int, roots []*yaml.Node) []Part {
	p := t.Parameters()[i]
	line, column := place(roots, t, i)
	parts := []Part{{Line: line, Column: column, Missing: fmt.Sprintf("parameter %s: no case gives it", p.Name), Touched: c.given[t][p.Name]}}
	for _, allowed := range p.Enum {
		parts = append(parts, Part{Line: line, Column: column, Touched: c.had(t, p, allowed),
			Missing: fmt.Sprintf("parameter %s: it is %s in no case", p.Name, message.Quote(allowed))})
	}
	return parts
}

// had reports whether the parameter of an instance had a value.
func (c *Cover) had(t *templates.Template, p *templates.Parameter, text string) bool {
	for v := range c.values[t] {
		if v.parameter == p.Name && p.Same(v.text, text) {
			return true
		}
	}
	return false
}

// place returns the position of the declaration of a parameter in the documents of its template's file.
func place(roots []*yaml.Node, t *templates.Template, i int) (line, column int) {
	var document *yaml.Node
	for _, root := range roots {
		if document = mappingOn(root, t.Origin.Line); document != nil {
			break
		}
	}
	list := manifest.Child(manifest.Child(document, "spec"), "parameters")
	if list == nil || list.Kind != yaml.SequenceNode || i >= len(list.Content) {
		return t.Origin.Line, 1
	}
	n := manifest.Resolve(list.Content[i])
	return n.Line, n.Column
}

// mappingOn returns the first mapping that begins on a line; nil if there is none.
func mappingOn(n *yaml.Node, line int) *yaml.Node {
	if n == nil || n.Kind == yaml.MappingNode && n.Line == line {
		return n
	}
	for _, c := range n.Content {
		if found := mappingOn(c, line); found != nil {
			return found
		}
	}
	return nil
}
