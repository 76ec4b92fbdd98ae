package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// Cover notes what renderings reached of their templates. Its zero value has reached nothing. It must
// not be shared between goroutines.
type Cover struct{ reached map[*Template]program.Reached }

// of is what was reached of a template; nil where nobody wants to know.
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

// Branches are all of a template, each with whether it was reached; lines are those of the template's file.
func (c *Cover) Branches(t *Template) []program.Branch {
	all := t.program.Branches(c.of(t))
	for i := range all {
		all[i].Line += t.Origin.Line - t.program.Line
	}
	return all
}
