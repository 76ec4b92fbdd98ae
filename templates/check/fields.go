package check

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// fields refuses objects that lack a field which Kubernetes requires, have two that exclude each
// other, or hold a word or a port that it does not know.
func fields(s *Sample) []templates.Finding {
	c := fieldCheck{sample: s}
	shapes := shape.Template()
	c.value(s.Pod, shapes.Pod, podPath())
	c.value(s.App, shapes.App, appPath())
	return c.found.list
}

// fieldCheck applies fieldRules.
type fieldCheck struct {
	sample *Sample
	found  found
}

func (c *fieldCheck) fault(at *schema.Path, reason templates.FindingReason, hint, format string, args ...any) {
	c.found.fault(c.sample.place(at), reason, hint, format, args...)
}

// value applies the rules to a value and all within it.
func (c *fieldCheck) value(value any, s *schema.Schema, at *schema.Path) {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			if s.Elem != nil {
				c.value(item, s.Elem, at.Item(i))
			}
		}
	case program.Object:
		if s.Kind == schema.Object && v != nil {
			c.object(v, rulesOf(s.Type), at)
		}
		for _, m := range v {
			if s.Kind == schema.Map {
				c.value(m.Value, s.Elem, at.Member(m.Name))
			} else if f, ok := s.Field(m.Name); ok {
				c.value(m.Value, f.Schema, at.Member(m.Name))
			}
		}
	}
}

func (c *fieldCheck) object(o program.Object, rules fieldRules, at *schema.Path) {
	for _, name := range rules.required {
		if v, _ := o.Get(name); (v == nil || v == "") && !c.sample.Incomplete {
			c.fault(at, templates.MissingField, "", "%s is missing", name)
		}
	}
	if rules.oneOf != nil {
		var there []string
		for _, m := range o {
			if slices.Contains(rules.oneOf, m.Name) {
				there = append(there, m.Name)
			}
		}
		switch {
		case len(there) > 1:
			c.fault(at, templates.BadValue, "keep one of them", "%s and %s exclude each other", there[0], there[1])
		case len(there) == 0 && rules.exactly && !c.sample.Incomplete:
			c.fault(at, templates.MissingField, "", "want one of %s", message.List(rules.oneOf))
		}
	}
	for _, m := range o {
		here := at.Member(m.Name)
		if words := rules.words[m.Name]; words != nil {
			if text, _ := m.Value.(string); text != "" && !slices.Contains(words, text) {
				c.fault(here, templates.BadValue, message.DidYouMean(text, words, "want "+strings.Join(words, " or ")), "%s is not known", message.Quote(text))
			}
		}
		if slices.Contains(rules.ports, m.Name) {
			c.port(m.Value, m.Name == "hostPort", here)
		}
	}
}

func (c *fieldCheck) port(value any, zero bool, at *schema.Path) {
	switch v := value.(type) {
	case int64:
		if faults := validation.IsValidPortNum(int(v)); len(faults) > 0 && !(zero && v == 0) {
			c.fault(at, templates.BadValue, faults[0], "%d is no port", v)
		}
	case string:
		if faults := validation.IsValidPortName(v); len(faults) > 0 {
			c.fault(at, templates.BadValue, faults[0], "%s is no name of a port", message.Quote(v))
		}
	default:
		c.fault(at, templates.BadValue, "", "%s is no port", fmt.Sprint(v))
	}
}
