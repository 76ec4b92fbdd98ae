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

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// MaxElements is the maximum number of elements of a $each. A pod with more containers or volumes than that
// is a mistake, and the number of elements, which determines the cost of a rendering, may be chosen by the
// pod's author.
const MaxElements = 64

// entryType is the type name of each if $each iterates over a mapping.
const entryType = "entry"

// CompileList compiles the text of a $each. It must be a single expression whose value is a list of scalars
// or of objects of the pod, or a mapping of scalars, whose entries are the elements. The returned Environment
// is for the item: it also has the variables each and eachIndex.
func (e *Environment) CompileList(text Text) (*Expression, *Environment, *Error) {
	if _, whole := text.whole(); !whole {
		return nil, nil, typeError("want one expression that gives a list", "write $each: ${LIST}")
	}
	x, err := e.Compile(text, nil)
	if err != nil {
		return nil, nil, err
	}
	element := e.compiler.language.element(x.output)
	if element == nil {
		err := typeError("want a list of scalars or of objects of the pod, got "+message.Article(typeName(x.output)), "")
		err.Offset = x.parts[0].start
		return nil, nil, err
	}
	within := *e
	within.each = element
	return x, &within, nil
}

// element returns the schema of the elements of a list or mapping; nil if the type has no usable elements.
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

// anyType is the type name of elements whose type is known only at run time.
const anyType = "any"

// elementType returns the name of the schema type for values of a CEL type.
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

// elementSchemas returns the schemas that each can have, by type name: scalars, all objects within the
// variables, and the entry of a mapping.
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

// typedEach returns the name under which each is declared in CEL: as with parameters, the type is part of the
// name, so that one CEL environment serves all templates. It contains a blank, so that no expression can
// contain it literally.
func typedEach(s *schema.Schema) string {
	return strings.NewReplacer(".", "_", "/", "_", " ", "_").Replace(s.Type) + " " + eachVariable
}

// Elements returns the elements of the value of a CompileList expression, in order: the items of a list, or
// the entries of a mapping sorted by key, as {key, value}. ok is false if the value is neither.
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

// orderedFunction is applied to the range of a comprehension. Go's maps have no order, so labels.map(…) would
// otherwise differ from call to call.
const orderedFunction = "@ordered"

// inOrder wraps the range of a comprehension in orderedFunction, unless the range is known to be a list.
func inOrder(e ast.Expr, over *schema.Schema) {
	c := e.AsComprehension()
	walked := c.IterRange()
	if walked.Kind() == ast.ListKind || over != nil && over.Kind == schema.List {
		return
	}
	factory := ast.NewExprFactory()
	// A node ID beyond those of any source of the allowed length.
	call := factory.NewCall(walked.ID()+1<<32, orderedFunction, factory.CopyExpr(walked))
	if c.HasIterVar2() {
		e.SetKindCase(factory.NewComprehensionTwoVar(e.ID(), call, c.IterVar(), c.IterVar2(), c.AccuVar(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
		return
	}
	e.SetKindCase(factory.NewComprehension(e.ID(), call, c.IterVar(), c.AccuVar(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
}

func declareOrdered() cel.EnvOption {
	anything := cel.TypeParamType("T")
	return cel.Function(orderedFunction, cel.Overload("ordered", []*cel.Type{anything}, anything, cel.UnaryBinding(func(v ref.Val) ref.Val {
		if m, ok := v.(traits.Mapper); ok {
			return &orderedMap{Mapper: m}
		}
		return v
	})))
}

// orderedMap iterates over a map in the order of its keys: numbers first, then all others by their text.
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

// orderedWork is the work of sorting the keys of a map; a list is passed through.
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
