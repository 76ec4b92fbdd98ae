package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// Cover records which branches of templates renderings have reached. The zero value is empty. It is not safe
// for concurrent use.
type Cover struct{ reached map[*Template]program.Reached }

// of returns the record for a template; nil if c is nil.
func (c *Cover) of(t *Template) program.Reached {
	if c == nil {
		return nil
	}
	if c.reached == nil {
		c.reached = map[*Template]program.Reached{}
	}
	if c.reached[t] == nil {
		c.reached[t] = program.Reached{}
	}
	return c.reached[t]
}

// Branches returns all branches of a template, each with whether it was reached; lines are those of the
// template's file.
func (c *Cover) Branches(t *Template) []program.Branch {
	all := t.Program().Branches(c.of(t))
	for i := range all {
		all[i].Line += t.Origin.Line - t.Program().Line
	}
	return all
}
