// Package schema describes Go API types by the JSON that they accept.
//
// One walk by reflection over a type such as core/v1.Pod makes a Schema: its kind, its fields by their JSON
// names, and the schemas of their values. It is the single source of the types of variables in expressions,
// of the strict checks of YAML and of rendered templates, and of the JSON Schema for editors, so that these
// three always agree. Only the types of k8s.io/api are read, so that a new Kubernetes version needs no
// changes here.
package schema

import (
	"math"
	"slices"
)

// Kind says which JSON values a Schema accepts.
type Kind int

// The kinds. JSON null means absent and is accepted by all of them, except as an item of a list.
const (
	Any         Kind = iota // every value
	Boolean                 // true, false
	Integer                 // a whole number between Min and Max
	Number                  // any number
	String                  // a string, in Format if that is not ""
	Quantity                // a string or number that resource.Quantity parses
	IntOrString             // a 32-bit whole number or a string
	List                    // a list of Elem
	Map                     // an object with any keys; the values are Elem
	Object                  // an object with Fields and no others
)

// Format narrows a String.
type Format string

// The formats.
const (
	NoFormat       Format = ""
	ByteFormat     Format = "byte"      // base64
	TimeFormat     Format = "date-time" // RFC 3339
	DurationFormat Format = "duration"  // as time.ParseDuration reads it
)

// Schema describes one type. It is immutable, may be recursive, and is compared
// by pointer: within one walk each Go type has one Schema.
type Schema struct {
	Kind Kind
	// Type is the name of the type in messages: "core/v1.Container", "string", "list of string".
	Type string
	// Format is that of a String.
	Format Format
	// Min and Max bound an Integer.
	Min, Max int64
	// Fields are those of an Object, in the order of the Go struct, with embedded ones in place.
	Fields []Field
	// Elem is the schema of the values of a List or Map.
	Elem *Schema

	index map[string]int // of Fields
	// quantities says that a Quantity is somewhere below; Canonical skips all other values.
	quantities bool
}

// Field is a member of an Object.
type Field struct {
	Name   string
	Schema *Schema
	// Description is the type's documentation of the field; "" if it has none.
	Description string
}

// Field returns the field with that JSON name. ok is false if the Object does not have it, and for every
// other kind.
func (s *Schema) Field(name string) (*Field, bool) {
	i, ok := s.index[name]
	if !ok {
		return nil, false
	}
	return &s.Fields[i], true
}

// Names returns the JSON names of an Object's fields, sorted; nil for other kinds.
func (s *Schema) Names() []string {
	if len(s.Fields) == 0 {
		return nil
	}
	names := make([]string, len(s.Fields))
	for i := range s.Fields {
		names[i] = s.Fields[i].Name
	}
	slices.Sort(names)
	return names
}

// String returns Type.
func (s *Schema) String() string { return s.Type }

// NewObject returns the schema of an object with these fields.
func NewObject(typeName string, fields ...Field) *Schema {
	s := &Schema{Kind: Object, Type: typeName, Fields: fields}
	s.seal()
	return s
}

// NewList returns the schema of a list.
func NewList(elem *Schema) *Schema {
	return &Schema{Kind: List, Type: "list of " + elem.Type, Elem: elem, quantities: elem.quantities}
}

// NewMap returns the schema of an object with arbitrary keys.
func NewMap(elem *Schema) *Schema {
	return &Schema{Kind: Map, Type: "map of " + elem.Type, Elem: elem, quantities: elem.quantities}
}

// NewScalar returns the schema of a kind that has no further properties; it must not be List, Map or Object.
// An Integer has 64 bits.
func NewScalar(kind Kind) *Schema {
	s := &Schema{Kind: kind, Type: kind.String(), quantities: kind == Quantity}
	switch kind {
	case Integer:
		s.Min, s.Max = math.MinInt64, math.MaxInt64
	case IntOrString:
		s.Min, s.Max = math.MinInt32, math.MaxInt32
	}
	return s
}

func (s *Schema) seal() {
	s.index = make(map[string]int, len(s.Fields))
	for i := range s.Fields {
		s.index[s.Fields[i].Name] = i
	}
}

var kindNames = [...]string{
	Any: "any value", Boolean: "boolean", Integer: "integer", Number: "number", String: "string",
	Quantity: "quantity", IntOrString: "integer or string", List: "list", Map: "map", Object: "object",
}

// String returns the name of the kind for messages, without an article.
func (k Kind) String() string { return kindNames[k] }

// TokenVolume is the prefix of the volume with a service account's token, which the API server adds to every
// pod under a random name, before webhooks are called.
const TokenVolume = "kube-api-access-"
