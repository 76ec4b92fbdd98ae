// Package requirement checks the rules of Kubernetes for parts of a pod that go beyond the types of their
// fields, as far as mistakes are common. Kubernetes' own validation cannot be imported, and its messages
// about a whole container do not show the author of a partial change which part is wrong.
package requirement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Unmet is a value that the API server would refuse.
type Unmet struct {
	At *schema.Path
	// Missing says that a required value is absent.
	Missing bool
	// Key says that the key of a label or annotation is refused, not a value.
	Key bool
	// Message is one clause without the place; Hint says how to correct it, or is "".
	Message, Hint string
}

// Error returns place and message.
func (u *Unmet) Error() string {
	if at := u.At.String(); at != "" {
		return at + ": " + u.Message
	}
	return u.Message
}

// Check returns what the API server would refuse in a value of the schema s at the place at. The kinds of the
// values must have been checked before.
func Check(value any, s *schema.Schema, at *schema.Path) []Unmet {
	var c checker
	c.value(value, s, at)
	return c.unmet
}

type checker struct{ unmet []Unmet }

// object is an object that is being checked, with its place.
type object struct {
	program.Object
	at *schema.Path
}

func (o object) under(name string) object { return object{o.Object.Object(name), o.at.Member(name)} }

func (c *checker) bad(at *schema.Path, hint, format string, args ...any) {
	c.unmet = append(c.unmet, Unmet{At: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) missing(at *schema.Path, format string, args ...any) {
	c.unmet = append(c.unmet, Unmet{At: at, Missing: true, Message: fmt.Sprintf(format, args...)})
}

// value applies the rules to a value and all within it.
func (c *checker) value(value any, s *schema.Schema, at *schema.Path) {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			if s.Elem != nil {
				c.value(item, s.Elem, at.Item(i))
			}
		}
	case program.Object:
		if s.Kind == schema.Object {
			c.object(object{v, at}, rulesOf(s))
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

func (c *checker) object(o object, r rules) {
	for _, name := range r.required {
		if v, _ := o.Get(name); v == nil || v == "" {
			c.missing(o.at, "%s is missing", name)
		}
	}
	for _, name := range r.filled {
		if len(o.List(name)) == 0 {
			c.missing(o.at, "%s is missing", name)
		}
	}
	if r.oneOf != nil {
		c.choice(o, r)
	}
	for _, m := range o.Object {
		here := o.at.Member(m.Name)
		text, _ := m.Value.(string)
		if words := r.words[m.Name]; words != nil && text != "" && !slices.Contains(words, text) {
			c.bad(here, message.DidYouMean(text, words, "want "+strings.Join(words, " or ")), "%s is not known", message.Quote(text))
		}
		if slices.Contains(r.ports, m.Name) {
			c.port(m.Value, m.Name == "hostPort", here)
		}
		if r.least == nil && r.texts == nil {
			continue
		}
		if list, ok := m.Value.([]any); ok {
			for i, item := range list {
				c.scalar(m.Name, item, here.Item(i), r)
			}
			continue
		}
		c.scalar(m.Name, m.Value, here, r)
	}
	if r.also != nil {
		r.also(c, o)
	}
}

// scalar checks a number or text of a field, or of a list in it.
func (c *checker) scalar(field string, value any, at *schema.Path, r rules) {
	if n, ok := value.(int64); ok {
		if least, bounded := r.least[field]; bounded && n < least {
			c.bad(at, "write "+number(field, least)+" or more", "%s is less than %s", number(field, n), number(field, least))
		}
		if most, bounded := r.most[field]; bounded && n > most {
			hint := "write " + number(field, most) + " or less"
			if isMode(field) && slices.Contains([]int64{550, 555, 600, 640, 644, 660, 664, 666, 700, 750, 755, 770, 775, 777}, n) {
				hint = fmt.Sprintf("write 0%d: without the 0 it is a decimal number", n)
			}
			c.bad(at, hint, "%s is more than %s", number(field, n), number(field, most))
		}
	}
	text, _ := value.(string)
	if check := r.texts[field]; check != nil && text != "" {
		if wrong := check(text); len(wrong) > 0 {
			c.bad(at, wrong[0], "%s cannot stand here", message.Quote(text))
		}
	}
}

// isMode reports whether a field has the permissions of a file.
func isMode(field string) bool { return field == "mode" || field == "defaultMode" }

// number writes the number of a field: the permissions of a file in octal digits, as everybody does.
func number(field string, n int64) string {
	if isMode(field) {
		return fmt.Sprintf("%#o", n)
	}
	return strconv.FormatInt(n, 10)
}

func (c *checker) choice(o object, r rules) {
	var there []string
	for _, m := range o.Object {
		if slices.Contains(r.oneOf, m.Name) && m.Value != "" {
			there = append(there, m.Name)
		}
	}
	switch {
	case len(there) > 1:
		c.bad(o.at, "keep one of them", "%s and %s exclude each other", there[0], there[1])
	case len(there) == 0 && r.exactly:
		c.missing(o.at, "want one of %s", message.List(r.oneOf))
	}
}

func (c *checker) port(value any, zero bool, at *schema.Path) {
	switch v := value.(type) {
	case int64:
		if faults := validation.IsValidPortNum(int(v)); len(faults) > 0 && !(zero && v == 0) {
			c.bad(at, faults[0], "%d is no port", v)
		}
	case string:
		if faults := validation.IsValidPortName(v); len(faults) > 0 {
			hint := faults[0]
			if _, err := strconv.ParseUint(v, 10, 16); err == nil {
				hint = "write the number without quotes"
			}
			c.bad(at, hint, "%s is no name of a port", message.Quote(v))
		}
	default:
		c.bad(at, "", "%s is no port", fmt.Sprint(v))
	}
}
