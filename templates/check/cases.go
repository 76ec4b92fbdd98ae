package check

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Example is one of the template's examples, as parsed.
type Example struct {
	Name string
	// Texts are its parameters by name, written as annotations would give them.
	Texts      map[string]string
	Parameters templates.Parameters
}

// Case is the input of one rendering.
type Case struct {
	Parameters templates.Parameters
	Native     bool
	example    string   // the example's name; "" for the defaults
	madeUp     []string // required parameters with invented values: see Sample.MadeUp
}

// Cases returns the inputs of all renderings that a template is checked with: its defaults, if Defaults can
// make them, and each example. If the template reads native, each comes in native and in container mode.
func Cases(t *templates.Template, examples []Example) []Case {
	var all []Case
	add := func(c Case) {
		c.Native = true
		all = append(all, c)
		if t.Program().Reads.Native {
			c.Native = false
			all = append(all, c)
		}
	}
	if defaults, ok := Defaults(t, examples); ok {
		add(defaults)
	}
	for i := range examples {
		add(Case{Parameters: examples[i].Parameters, example: examples[i].Name})
	}
	return all
}

// Defaults returns the case with the default values. A required parameter takes its value from the first
// example that has one; otherwise a value is made up. ok is false if none can be made up.
func Defaults(t *templates.Template, examples []Example) (Case, bool) {
	texts := map[string]string{}
	var madeUp []string
	for _, p := range t.Parameters() {
		if !p.Required {
			continue
		}
		i := slices.IndexFunc(examples, func(e Example) bool { return e.Texts[p.Name] != "" })
		if i >= 0 {
			texts[p.Name] = examples[i].Texts[p.Name]
			continue
		}
		text, found := p.Sample()
		if !found {
			return Case{}, false
		}
		texts[p.Name] = text
		madeUp = append(madeUp, p.Name)
	}
	parameters, faults := t.Bind(func(name string) (string, bool) {
		text, given := texts[name]
		return text, given
	})
	return Case{Parameters: parameters, Native: true, madeUp: madeUp}, len(faults) == 0
}

// suffix returns the part of a message that says which case it is about; "" for the defaults in native mode.
func (c *Case) suffix() string {
	text := ""
	if c.example != "" {
		text = " in example " + message.Quote(c.example)
	}
	if !c.Native {
		text += " in container mode"
	}
	return text
}
