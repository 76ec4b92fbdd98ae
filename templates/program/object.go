package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Object is a JSON object that keeps the order of its members. Its methods never
// change it: Without and With return copies. A nil Object is empty.
type Object []Member

// Member is one member of an Object. Value is nil, string, bool, int64, float64,
// []any or Object; the elements of a []any are of the same types.
type Member struct {
	Name  string
	Value any
}

// Get returns the value of a member, and whether there is one of that name.
func (o Object) Get(name string) (any, bool) {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// All yields the members in order.
func (o Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i := range o {
			if !yield(o[i].Name, o[i].Value) {
				return
			}
		}
	}
}

// Text returns the member's value if it is a string, else "".
func (o Object) Text(name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// True reports whether the member's value is true.
func (o Object) True(name string) bool {
	v, _ := o.Get(name)
	return v == true
}

// Object returns the member's value if it is an object, else nil.
func (o Object) Object(name string) Object {
	v, _ := o.Get(name)
	m, _ := v.(Object)
	return m
}

// List returns the member's value if it is a list, else nil. The slice must not be changed.
func (o Object) List(name string) []any {
	v, _ := o.Get(name)
	l, _ := v.([]any)
	return l
}

// Objects yields the items of a list as objects; an item of another kind is an empty object.
func Objects(list []any) iter.Seq2[int, Object] {
	return func(yield func(int, Object) bool) {
		for i, item := range list {
			if o, _ := item.(Object); !yield(i, o) {
				return
			}
		}
	}
}

// Without returns a copy without the named members.
func (o Object) Without(names ...string) Object {
	return slices.DeleteFunc(slices.Clone(o), func(m Member) bool { return slices.Contains(names, m.Name) })
}

// With returns a copy in which the member has the value: at its place if it exists, else at the end.
func (o Object) With(name string, value any) Object {
	out := make(Object, len(o), len(o)+1)
	copy(out, o)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append(out, Member{Name: name, Value: value})
}

// AppendJSON appends the object as compact JSON, members in order, HTML
// characters as they are, invalid UTF-8 as U+FFFD.
func (o Object) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, o[i].Name)
		dst = append(dst, ':')
		dst = AppendJSON(dst, o[i].Value)
	}
	return append(dst, '}')
}

// MarshalJSON implements json.Marshaler. The error is always nil.
func (o Object) MarshalJSON() ([]byte, error) { return o.AppendJSON(nil), nil }

// Map returns the object as decoded JSON, with map[string]any instead of Object at every depth.
func (o Object) Map() map[string]any {
	out := make(map[string]any, len(o))
	for _, m := range o {
		out[m.Name] = plain(m.Value)
	}
	return out
}

func plain(v any) any {
	switch v := v.(type) {
	case Object:
		return v.Map()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}

// Sorted returns a value of an Object with the members of all objects sorted by name.
func Sorted(value any) any {
	switch v := value.(type) {
	case Object:
		out := make(Object, len(v))
		for i, m := range v {
			out[i] = Member{Name: m.Name, Value: Sorted(m.Value)}
		}
		slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = Sorted(v[i])
		}
		return out
	default:
		return v
	}
}

// AppendJSON appends a value of an Object as compact JSON. A value of a type that
// an Object cannot hold is written as null.
func AppendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return AppendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...)
		}
		return append(dst, jsontext.Float(v).String()...)
	case Object:
		return v.AppendJSON(dst)
	case []any:
		dst = append(dst, '[')
		for i := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, v[i])
		}
		return append(dst, ']')
	case map[string]any: // of an expression or a parameter
		members := make(Object, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, Member{Name: name, Value: v[name]})
		}
		return members.AppendJSON(dst)
	default:
		return append(dst, "null"...)
	}
}

// AppendString appends a text as a JSON string: HTML characters as they are, invalid UTF-8 as U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// ObjectFromJSON reads one JSON object. Integers become int64 where they fit,
// other numbers float64. A member given twice, anything after the object, and any
// other kind of value are errors.
func ObjectFromJSON(data []byte) (Object, error) {
	v, err := ValueFromJSON(data)
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return nil, fmt.Errorf("JSON: want an object, got %s", KindOf(v))
	}
	return o, nil
}

// maxDepth is the maximum nesting of JSON that is read.
const maxDepth = 1000

// ValueFromJSON reads one JSON value, as ObjectFromJSON reads an object.
func ValueFromJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := readValue(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("JSON: text after the value")
	}
	return v, nil
}

func readValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		return number(t.String())
	case json.Delim:
		if t == '[' {
			list := []any{}
			for dec.More() {
				v, err := readValue(dec, depth+1)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err := dec.Token()
			return list, err
		}
		return readObject(dec, depth)
	default:
		return t, nil
	}
}

func readObject(dec *json.Decoder, depth int) (any, error) {
	object := Object{}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		if seen[name] {
			return nil, fmt.Errorf("member %s is there twice", message.Quote(name))
		}
		seen[name] = true
		v, err := readValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		object = append(object, Member{Name: name, Value: v})
	}
	_, err := dec.Token()
	return object, err
}

func number(text string) (any, error) {
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("number %s is out of range", message.Quote(text))
	}
	return f, nil
}

// KindOf returns the kind of a decoded value, for a message.
func KindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64, int:
		return "integer"
	case float64:
		return "number"
	case []any:
		return "list"
	default:
		return "mapping"
	}
}
