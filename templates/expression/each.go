package expression

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// MaxElements is for how many elements a $each may make an item: of containers or volumes a
// pod with more is a mistake, and all of them together cost what the elements' author chose.
const MaxElements = 64

// entryType is the type of each where $each goes through a mapping.
const entryType = "entry"

// CompileList compiles the text of a $each, which has to be one expression that gives a list
// of scalars or of objects of the pod, or a mapping with scalars, whose entries are the elements. The
// Environment is that of the item: it has the variables each and eachIndex besides.
func (e *Environment) CompileList(text Text) (*Expression, *Environment, *Error) {
	if _, whole := text.whole(); !whole {
		return nil, nil, &Error{Reason: ExpressionType, Message: "want one expression that gives a list", Hint: "write $each: ${LIST}"}
	}
	x, err := e.Compile(text, nil)
	if err != nil {
		return nil, nil, err
	}
	element := e.compiler.language.element(x.output)
	if element == nil {
		return nil, nil, &Error{
			Offset: x.parts[0].offset, Reason: ExpressionType,
			Message: "want a list of scalars or of objects of the pod, got " + article(typeName(x.output)),
		}
	}
	within := *e
	within.each = element
	return x, &within, nil
}

// element describes the elements of a list or mapping; nil where there can be none.
func (l *language) element(t *cel.Type) *schema.Schema {
	if dynamic(t) {
		return l.elements[anyType]
	}
	switch t.Kind() {
	case types.ListKind:
		element, _ := unwrapOptional(t.Parameters()[0])
		return l.elements[elementType(element)]
	case types.MapKind:
		if key, value := t.Parameters()[0], t.Parameters()[1]; key.Kind() == types.StringKind && (value.Kind() == types.StringKind || dynamic(value)) {
			return l.elements[entryType]
		}
	}
	return nil
}

// anyType stands for elements whose type is known at run time only.
const anyType = "any"

// elementType is the type of a schema whose values a CEL type has.
func elementType(t *cel.Type) string {
	switch t.Kind() {
	case types.StringKind:
		return schema.String.String()
	case types.IntKind, types.UintKind:
		return schema.Integer.String()
	case types.DoubleKind:
		return schema.Number.String()
	case types.BoolKind:
		return schema.Boolean.String()
	case types.StructKind:
		return t.TypeName()
	}
	if dynamic(t) {
		return anyType
	}
	return ""
}

// elementSchemas are the schemas that each can have, by type: scalars, all objects within
// the variables, and the entries of a mapping.
func elementSchemas(objects map[string]*schema.Schema) map[string]*schema.Schema {
	all := maps.Clone(objects)
	text := schema.NewScalar(schema.String)
	for _, kind := range []schema.Kind{schema.String, schema.Integer, schema.Number, schema.Boolean, schema.Any} {
		s := schema.NewScalar(kind)
		name := kind.String()
		if kind == schema.Any {
			name = anyType
		}
		all[name] = s
	}
	all[entryType] = schema.NewObject(entryType, schema.Field{Name: "key", Schema: text}, schema.Field{Name: "value", Schema: text})
	return all
}

// typedEach is the name by which CEL knows each: as with parameters, the type is part of the
// name, so that one environment serves all. No expression can hold it as it stands.
func typedEach(s *schema.Schema) string {
	return strings.NewReplacer(".", "_", "/", "_", " ", "_").Replace(s.Type) + " " + eachVariable
}

// Elements are what a value of a CompileList expression stands for, in order: the items of a list,
// or the entries of a mapping by key, as {key, value}. It is false for what has none.
func Elements(value any) (elements []any, ok bool) {
	switch v := value.(type) {
	case []any:
		return v, true
	case map[string]any:
		out := make([]any, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(out, map[string]any{"key": key, "value": v[key]})
		}
		return out, true
	}
	return nil, false
}

// orderedFunction goes around what a comprehension walks. Go's maps have no order, so that
// labels.map(…) would differ from call to call.
const orderedFunction = "@ordered"

// inOrder puts orderedFunction around the range of a comprehension, unless that is known
// to be a list.
func inOrder(e ast.Expr, over *schema.Schema) {
	c := e.AsComprehension()
	walked := c.IterRange()
	if walked.Kind() == ast.ListKind || over != nil && over.Kind == schema.List {
		return
	}
	factory := ast.NewExprFactory()
	// An identifier that no node of a text of this length can have.
	call := factory.NewCall(walked.ID()+1<<32, orderedFunction, factory.CopyExpr(walked))
	if c.HasIterVar2() {
		e.SetKindCase(factory.NewComprehensionTwoVar(e.ID(), call, c.IterVar(), c.IterVar2(), c.AccuVar(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
		return
	}
	e.SetKindCase(factory.NewComprehension(e.ID(), call, c.IterVar(), c.AccuVar(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
}

// declareOrdered declares orderedFunction.
func declareOrdered() cel.EnvOption {
	anything := cel.TypeParamType("T")
	return cel.Function(orderedFunction, cel.Overload("ordered", []*cel.Type{anything}, anything, cel.UnaryBinding(func(v ref.Val) ref.Val {
		if m, ok := v.(traits.Mapper); ok {
			return &orderedMap{Mapper: m}
		}
		return v
	})))
}

// orderedMap walks a map by its keys: numbers first, then by their text.
type orderedMap struct{ traits.Mapper }

// Iterator implements traits.Iterable.
func (m *orderedMap) Iterator() traits.Iterator {
	size, _ := m.Size().(types.Int)
	keys := make([]ref.Val, 0, size)
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, compareKeys)
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}

func compareKeys(a, b ref.Val) int {
	if x, ok := a.(types.String); ok {
		if y, ok := b.(types.String); ok {
			return cmp.Compare(x, y)
		}
	}
	if order, ok := a.(traits.Comparer); ok {
		if n, ok := order.Compare(b).(types.Int); ok {
			return int(n)
		}
	}
	return cmp.Compare(a.Type().TypeName(), b.Type().TypeName())
}

// orderedWork is that of sorting the keys of a map; a list is given back as it is.
func orderedWork(args []ref.Val) int {
	m, ok := args[0].(traits.Mapper)
	if !ok {
		return 1
	}
	size, _ := m.Size().(types.Int)
	keys := 0
	for it := m.Iterator(); keys <= ExpressionLimit && it.HasNext() == types.True; {
		keys += 1 + textLength(it.Next())/bytesPerUnit
	}
	return min(product(keys, logarithm(int(size)))+1, tooMuch)
}
