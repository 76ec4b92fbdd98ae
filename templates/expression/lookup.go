package expression

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// lookup is a plain variable or a selection from one. It has the type and the value that CEL would compute,
// without a CEL program.
type lookup struct {
	root    string
	fields  []string
	offsets []int // of the fields in the source
}

// lookup parses a source as a lookup; nil if it is another expression.
func (e *Environment) lookup(source string) *lookup {
	path := strings.TrimSpace(source)
	start := strings.Index(source, path)
	root, rest, dotted := strings.Cut(path, ".")
	l := &lookup{root: root}
	if e.variable(root) == nil || declares(root) && !dotted {
		return nil
	}
	offset := start + len(root) + 1
	for dotted {
		var field string
		field, rest, dotted = strings.Cut(rest, ".")
		if !selectable(field) {
			return nil
		}
		l.fields = append(l.fields, field)
		l.offsets = append(l.offsets, offset)
		offset += len(field) + 1
	}
	return l
}

// selectable reports whether CEL accepts the text as the name of a field.
func selectable(field string) bool {
	if field == "" || !nameStart(field[0]) {
		return false
	}
	for i := 1; i < len(field); i++ {
		if !namePart(field[i]) {
			return false
		}
	}
	switch field {
	case "true", "false", "null", "in":
		return false
	}
	return true
}

// variable returns the schema of a variable; nil if there is none of that name.
func (e *Environment) variable(name string) *schema.Schema {
	if e.onlyPod && !slices.Contains(podVariables(), name) {
		return nil
	}
	switch name {
	case paramsVariable:
		return e.params
	case variablesVariable:
		return e.variables
	case targetVariable:
		if !e.target {
			return nil
		}
	case eachVariable:
		return e.each
	case eachIndexVariable:
		if e.each == nil {
			return nil
		}
	}
	return e.compiler.language.variables[name]
}

// check returns the type of the value; s is the schema of the root.
func (l *lookup) check(s *schema.Schema) (*cel.Type, *Error) {
	for i, field := range l.fields {
		next, err := selectField(s, field)
		if err != nil {
			err.Offset = l.offsets[i]
			return nil, err
		}
		if next == nil {
			return cel.DynType, nil
		}
		s = next
	}
	return celType(s), nil
}

// value returns the value. The error's offset is within the source.
func (l *lookup) value(in *Activation, budget *Budget) (any, *Error) {
	value, at, err := l.find(in)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, l.absent(at)
	}
	cost := 1 + len(l.fields)
	switch v := value.(type) {
	case string:
		cost += len(v) / 10
	case []any: // the items are checked when the list is converted
		cost += len(v)
	case map[string]any:
		cost += len(v)
	}
	return value, budget.spend(uint64(cost))
}

// find returns the value, or nil and the index of the field that is absent.
func (l *lookup) find(in *Activation) (any, int, *Error) {
	switch l.root {
	case clusterVariable:
		return l.texts(in.Cluster, 0)
	case namespaceVariable:
		return l.namespace(in)
	case appVariable:
		return l.container(&in.app, in.App)
	case targetVariable:
		return l.container(&in.targeted, in.target)
	case podVariable:
	default:
		value, _ := (&bindings{Activation: in}).ResolveName(l.root)
		return l.from(value)
	}
	if in.Pod != nil && len(l.fields) == 2 && l.fields[0] == "metadata" {
		switch l.fields[1] {
		case "name":
			return in.Pod.Name(), 1, nil
		case "namespace":
			return in.Pod.Namespace(), 1, nil
		}
	}
	pod, err := in.pod()
	if err != nil {
		return nil, 0, unreadable(err)
	}
	return l.from(pod)
}

func (l *lookup) container(read *readObject, c App) (any, int, *Error) {
	if c != nil && len(l.fields) == 1 && l.fields[0] == "name" && c.Name() != "" {
		return c.Name(), 0, nil
	}
	object, err := read.container(c)
	if err != nil {
		return nil, 0, unreadable(err)
	}
	return l.from(object)
}

// texts looks a field up in a map of strings, which is the variable itself or its first at fields.
func (l *lookup) texts(m map[string]string, at int) (any, int, *Error) {
	if len(l.fields) == at {
		return anyMap(m), at, nil
	}
	if value, ok := m[l.fields[at]]; ok {
		return value, at, nil
	}
	return nil, at, nil
}

func (l *lookup) namespace(in *Activation) (any, int, *Error) {
	if len(l.fields) < 2 {
		return l.from(in.namespaceObject())
	}
	switch field := l.fields[1]; {
	case field == "name":
		return in.NamespaceName, 1, nil
	case field == "labels" && len(l.fields) > 2:
		return l.texts(in.NamespaceLabels, 2)
	case field == "annotations" && len(l.fields) > 2:
		return l.texts(in.NamespaceAnnotations, 2)
	}
	return l.from(in.namespaceObject()) // all of them are converted once for all expressions
}

// from selects the fields of decoded JSON, one after the other. If one is absent or null, it returns nil and the
// index of that field.
func (l *lookup) from(value any) (any, int, *Error) {
	for i, field := range l.fields {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, i, nil
		}
		if value = m[field]; value == nil {
			return nil, i, nil
		}
	}
	return value, max(len(l.fields)-1, 0), nil
}

// absent returns the error for the field with that index.
func (l *lookup) absent(at int) *Error {
	if len(l.fields) == 0 {
		return failed(l.root + " is absent")
	}
	before := strings.Join(append([]string{l.root}, l.fields[:at]...), ".")
	return &Error{
		Offset:  l.offsets[at],
		Reason:  ExpressionFailed,
		Message: before + "." + l.fields[at] + " is absent",
		Hint:    "where it may be absent, write " + before + ".?" + strings.Join(l.fields[at:], ".?") + ".orValue(…)",
	}
}
