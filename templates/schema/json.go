package schema

import (
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Members is an object that keeps its members in order. CheckJSON takes it
// wherever it takes a map[string]any.
type Members interface {
	All() iter.Seq2[string, any]
}

// CheckJSON finds what does not fit in decoded JSON: nil, bool, string, int64, int,
// float64, []any, map[string]any, Members. Faults of a map are in the order of its keys.
func (s *Schema) CheckJSON(value any, at *Path) []Fault {
	c := &jsonCheck{}
	c.value(s, value, at)
	return c.faults
}

type jsonCheck struct{ faults []Fault }

func (c *jsonCheck) value(s *Schema, value any, at *Path) {
	if value == nil || s.Kind == Any {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		if c.composite(s, value, at) {
			for _, name := range slices.Sorted(maps.Keys(v)) {
				c.member(s, name, v[name], at)
			}
		}
	case Members:
		if c.composite(s, value, at) {
			for name, member := range v.All() {
				c.member(s, name, member, at)
			}
		}
	case []any:
		if s.Kind != List {
			c.add(s.wrongType(value), at)
			return
		}
		for i, item := range v {
			if item == nil && s.Elem.Kind != Any {
				c.add(&Fault{Reason: WrongType, Message: "want " + article(s.Elem.Type) + ", got null"}, at.Item(i))
				continue
			}
			if fault := s.Elem.quick(item); fault != nil {
				c.add(fault, at.Item(i))
			} else if !s.Elem.Scalar() {
				c.value(s.Elem, item, at.Item(i))
			}
		}
	default:
		if fault := s.scalarFault(value); fault != nil {
			c.add(fault, at)
		}
	}
}

// quick checks a scalar; lists and objects are left to value.
func (s *Schema) quick(value any) *Fault {
	if !s.Scalar() {
		return nil
	}
	return s.scalarFault(value)
}

func (c *jsonCheck) composite(s *Schema, value any, at *Path) bool {
	if s.Kind == Object || s.Kind == Map {
		return true
	}
	c.add(s.wrongType(value), at)
	return false
}

func (c *jsonCheck) member(s *Schema, name string, value any, at *Path) {
	if s.Kind == Map {
		c.value(s.Elem, value, at.Member(name))
		return
	}
	field, ok := s.Field(name)
	if !ok {
		c.add(s.unknownField(name), at.Member(name))
		return
	}
	// A path is an allocation: most scalars need none.
	if field.Schema.Scalar() {
		if value == nil {
			return
		}
		if fault := field.Schema.scalarFault(value); fault != nil {
			c.add(fault, at.Member(name))
		}
		return
	}
	c.value(field.Schema, value, at.Member(name))
}

func (c *jsonCheck) add(fault *Fault, at *Path) {
	fault.Path = at.String()
	c.faults = append(c.faults, *fault)
}

func (s *Schema) unknownField(name string) *Fault {
	fault := &Fault{Reason: UnknownField, Message: "field " + quote(name) + " is unknown in " + s.Type}
	if near := Nearest(name, s.Names()); near != "" {
		fault.Hint = "did you mean " + near + "?"
	}
	return fault
}

// scalarFault checks a value that is neither null, list nor object, unless s wants
// one of those.
func (s *Schema) scalarFault(value any) *Fault {
	switch s.Kind {
	case Any:
		return nil
	case Boolean:
		if _, ok := value.(bool); ok {
			return nil
		}
	case Integer:
		if n, ok := whole(value); ok {
			return s.rangeFault(n)
		}
	case Number:
		switch value.(type) {
		case int64, int, float64:
			return nil
		}
	case IntOrString:
		if _, ok := value.(string); ok {
			return nil
		}
		if n, ok := whole(value); ok {
			return s.rangeFault(n)
		}
	case String:
		if text, ok := value.(string); ok {
			return s.formatFault(text)
		}
	case Quantity:
		if text, ok := quantityText(value); ok {
			if _, err := resource.ParseQuantity(text); err != nil {
				return &Fault{
					Reason: BadValue, Message: quote(text) + " is no quantity",
					Hint: "write a number with a unit such as m, k, M, Ki or Mi: 100m, 64Mi",
				}
			}
			return nil
		}
	case List, Map, Object:
	}
	return s.wrongType(value)
}

// whole gives a whole number; a float64 counts as one only in the range where it is exact.
func whole(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}

func (s *Schema) rangeFault(n int64) *Fault {
	if s.Min <= n && n <= s.Max {
		return nil
	}
	return &Fault{Reason: BadValue, Message: strconv.FormatInt(n, 10) + " is not between " +
		strconv.FormatInt(s.Min, 10) + " and " + strconv.FormatInt(s.Max, 10)}
}

func (s *Schema) formatFault(text string) *Fault {
	var err error
	switch s.Format {
	case NoFormat:
	case ByteFormat:
		err = validBase64(text)
	case TimeFormat:
		_, err = time.Parse(time.RFC3339, text)
	case DurationFormat:
		_, err = time.ParseDuration(text)
	}
	if err != nil {
		return &Fault{Reason: BadValue, Message: quote(text) + " is no " + s.Type}
	}
	return nil
}

// quantityText is the text that resource.Quantity reads in a value.
func quantityText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

func (s *Schema) wrongType(value any) *Fault {
	fault := &Fault{Reason: WrongType, Message: "want " + article(s.Type) + ", got " + describe(value)}
	if s.Kind == String {
		switch value.(type) {
		case bool, int64, int, float64:
			fault.Hint = "put it in quotes"
		}
	}
	if text, ok := value.(string); ok && len(text) < longestEcho {
		switch s.Kind {
		case Integer, Number:
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				fault.Hint = "write it without quotes"
			}
		case Boolean:
			if text == "true" || text == "false" {
				fault.Hint = "write it without quotes"
			}
		}
	}
	return fault
}

// describe names a value for a message.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return "the string " + quote(v)
	case bool:
		return "the boolean " + strconv.FormatBool(v)
	case int64:
		return "the number " + strconv.FormatInt(v, 10)
	case int:
		return "the number " + strconv.Itoa(v)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		return "a list"
	}
	return "an object"
}

// article puts a or an before a noun.
func article(noun string) string {
	switch noun[0] {
	case 'a', 'e', 'i', 'o', 'u':
		if noun == Any.String() {
			return noun
		}
		return "an " + noun
	}
	return "a " + noun
}
