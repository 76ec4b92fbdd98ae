package schema

import (
	"encoding/base64"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Members is an object that keeps its members in order. CheckJSON accepts it wherever it accepts a
// map[string]any.
type Members interface {
	All() iter.Seq2[string, any]
}

// CheckJSON returns the faults of decoded JSON: nil, bool, string, int64, int, float64, []any,
// map[string]any, Members. The faults of a map are in the order of its keys.
func (s *Schema) CheckJSON(value any, at *Path) []Fault {
	c := jsonCheck{root: at}
	c.value(s, value)
	if len(c.faults) > 1 {
		// Keys are sorted only in this second pass, because nearly all values have no faults.
		c = jsonCheck{root: at, sorted: true}
		c.value(s, value)
	}
	return c.faults
}

type jsonCheck struct {
	root   *Path
	below  []step // from root to the value being checked
	sorted bool
	faults []Fault
}

// step leads to a member or to an item.
type step struct {
	name   string
	index  int
	member bool
}

func (c *jsonCheck) value(s *Schema, value any) {
	if value == nil || s.Kind == Any {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		if c.composite(s, value) {
			c.members(s, v)
		}
	case Members:
		if c.composite(s, value) {
			for name, member := range v.All() {
				c.member(s, name, member)
			}
		}
	case []any:
		if s.Kind != List {
			c.add(s.wrongType(value))
			return
		}
		for i, item := range v {
			c.below = append(c.below, step{index: i})
			if item == nil && s.Elem.Kind != Any {
				c.add(s.Elem.wrongType(nil))
			}
			c.value(s.Elem, item)
			c.below = c.below[:len(c.below)-1]
		}
	default:
		if fault := s.scalarFault(value); fault != nil {
			c.add(fault)
		}
	}
}

func (c *jsonCheck) composite(s *Schema, value any) bool {
	if s.Kind == Object || s.Kind == Map {
		return true
	}
	c.add(s.wrongType(value))
	return false
}

func (c *jsonCheck) members(s *Schema, m map[string]any) {
	if !c.sorted {
		for name, member := range m {
			c.member(s, name, member)
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		c.member(s, name, m[name])
	}
}

func (c *jsonCheck) member(s *Schema, name string, value any) {
	c.below = append(c.below, step{name: name, member: true})
	if s.Kind == Map {
		c.value(s.Elem, value)
	} else if field, ok := s.Field(name); ok {
		c.value(field.Schema, value)
	} else {
		c.add(s.unknownField(name))
	}
	c.below = c.below[:len(c.below)-1]
}

func (c *jsonCheck) add(fault *Fault) {
	at := c.root
	for _, step := range c.below {
		if step.member {
			at = at.Member(step.name)
		} else {
			at = at.Item(step.index)
		}
	}
	fault.Path = at.String()
	c.faults = append(c.faults, *fault)
}

func (s *Schema) unknownField(name string) *Fault {
	fault := &Fault{Reason: UnknownField, Message: "field " + message.Brief(name) + " is unknown in " + s.Type}
	if fault.Hint = s.HintFor(name); fault.Hint == "" {
		fault.Hint = s.FieldsHint()
	}
	return fault
}

// FieldsHint lists the fields of an object that has few; "" if it has many.
func (s *Schema) FieldsHint() string {
	const few = 10
	if names := s.Names(); len(names) > 0 && len(names) <= few {
		return "there are " + strings.Join(names, ", ")
	}
	return ""
}

// HintFor returns what was probably meant by the name of a field that the object does not have; "" if there is no
// good guess: a field with a similar name, or one of a field's own fields.
func (s *Schema) HintFor(name string) string {
	if near := message.Nearest(name, s.Names()); near != "" {
		return "did you mean " + near + "?"
	}
	var within []string
	for _, outer := range s.Names() {
		field, _ := s.Field(outer)
		if field.Schema.Kind == Map && field.Schema.Elem.Kind == Quantity && isResource(name) {
			within = append(within, outer+"."+name)
		} else if _, has := field.Schema.Field(name); has && field.Schema.Kind == Object {
			within = append(within, outer+"."+name)
		}
	}
	if len(within) == 0 || len(within) > 2 {
		return ""
	}
	return "did you mean " + strings.Join(within, " or ") + "?"
}

// isResource reports whether a name is that of a resource that containers have amounts of.
func isResource(name string) bool {
	return name == "cpu" || name == "memory" || name == "ephemeral-storage" || strings.HasPrefix(name, "hugepages-")
}

// ShapeHint returns how a value of the schema is written, for one who wrote another kind of value; "" if that is
// plain from the kind.
func (s *Schema) ShapeHint() string {
	item := s
	if s.Kind == List {
		item = s.Elem
	}
	example := map[string]string{
		"core/v1.EnvVar":        "{name: NAME, value: VALUE}",
		"core/v1.ContainerPort": "{containerPort: 8080}",
		"core/v1.VolumeMount":   "{name: VOLUME, mountPath: /PATH}",
		"core/v1.Volume":        "{name: VOLUME, emptyDir: {}}",

		"core/v1.ConfigMapEnvSource":    "{name: CONFIGMAP}",
		"core/v1.ConfigMapVolumeSource": "{name: CONFIGMAP}",
		"core/v1.ConfigMapKeySelector":  "{name: CONFIGMAP, key: KEY}",
		"core/v1.SecretEnvSource":       "{name: SECRET}",
		"core/v1.SecretVolumeSource":    "{secretName: SECRET}",
		"core/v1.SecretKeySelector":     "{name: SECRET, key: KEY}",
		"core/v1.EmptyDirVolumeSource":  "{sizeLimit: 64Mi}",
		"core/v1.HostPathVolumeSource":  "{path: /PATH}",
		"core/v1.ObjectFieldSelector":   "{fieldPath: metadata.name}",
		"core/v1.SeccompProfile":        "{type: RuntimeDefault}",
		"core/v1.PodDNSConfigOption":    "{name: NAME, value: VALUE}",
		"core/v1.LocalObjectReference":  "{name: SECRET}",
	}[item.Type]
	switch {
	case s.Kind != List && example == "":
		return ""
	case s.Kind != List:
		return "write it as " + example
	case example != "":
		return "write it as [" + example + "]"
	case item.Kind == String:
		return "write it as [a, b]"
	}
	return "write each item behind a hyphen"
}

// scalarFault checks a value that is neither null, list nor object. If s is a list or object, the result is
// WrongType.
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
			if _, err := ParseQuantity(text); err != nil {
				return &Fault{
					Reason: BadValue, Message: message.Brief(text) + " is no quantity",
					Hint: "write a number with a unit such as m, k, M, Ki or Mi: 100m, 64Mi",
				}
			}
			return nil
		}
	case List, Map, Object:
	}
	return s.wrongType(value)
}

// whole returns a whole number; a float64 counts only in the range in which it is exact.
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
		_, err = base64.StdEncoding.DecodeString(text)
	case TimeFormat:
		_, err = time.Parse(time.RFC3339, text)
	case DurationFormat:
		_, err = time.ParseDuration(text)
	}
	if err != nil {
		return &Fault{Reason: BadValue, Message: message.Brief(text) + " is no " + s.Type}
	}
	return nil
}

// quantityText returns the text of a value for resource.ParseQuantity.
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

// longestScalar is the maximum length in bytes of a string that is tried as a number or boolean for a hint.
const longestScalar = 60

func (s *Schema) wrongType(value any) *Fault {
	fault := &Fault{Reason: WrongType, Message: "want " + message.Article(s.Type) + ", got " + describe(value)}
	if value != nil {
		fault.Hint = s.ShapeHint()
	}
	if text, ok := value.(string); ok && s.Kind == List && s.Elem.Kind == String && plainWord(text) {
		fault.Hint = "write it as [" + text + "]"
	}
	if s.Kind == String {
		switch value.(type) {
		case bool, int64, int, float64:
			fault.Hint = "put it in quotes"
		}
	}
	if text, ok := value.(string); ok && len(text) < longestScalar {
		switch s.Kind {
		case Integer, Number:
			digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				fault.Hint = "write it without quotes"
			} else if slices.Contains([]string{"s", "sec", "%"}, text[len(digits):]) && digits != "" {
				fault.Hint = "write the number alone: " + digits
			}
		case Boolean:
			if text == "true" || text == "false" {
				fault.Hint = "write it without quotes"
			}
		}
	}
	return fault
}

// plainWord reports whether a text needs no quotes in a list of YAML.
func plainWord(text string) bool {
	return text != "" && len(text) < longestScalar && strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz/") == ""
}

// describe names a value for a message.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return "the string " + message.Brief(v)
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
