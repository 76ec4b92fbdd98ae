package expression

import (
	"fmt"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// CEL's type check formats types again and again, so that its work for [[[x]]] grows at least with the third
// power of the depth; and in {a: a}.map(b, {b: b}.map(c, …)) each step doubles the type, so that the check of
// 700 bytes does not end. So the size of types is estimated from the tree before the check.

const (
	// largestType is the maximum size of the type of any part of an expression: a list counts one more than
	// its items, a map one more than its keys and values together. Expressions in practice have 2 to 6.
	largestType = 16
	// mostOpenMaps is the maximum number of maps whose keys may have any type. Each can double a type without
	// being counted for largestType: the type of [] or {} is determined only by its use.
	mostOpenMaps = 8
	// deepestLoop is the maximum nesting of loops, whose variables' types depend on each other.
	deepestLoop = 64
	// mostLoops is the maximum number of loops in an expression: CEL's type check copies its type information
	// at each, so that its work grows with the square of their number. optMap and optFlatMap count as two.
	mostLoops = 64
	// largestTree is the maximum number of nodes of an expression with its macros expanded. The longest source
	// has 8,192 characters; a macro takes at least four and expands to about ten nodes.
	largestTree = 50_000
)

// typeSizes estimates how large the types in an expression are.
type typeSizes struct {
	largest, openMaps, deepest, loops, nodes int
	keys                                     bool // a map has keys that are larger than scalars
}

// sizedScope holds the variables of comprehensions with the size of their types, innermost first.
type sizedScope struct {
	outer *sizedScope
	name  string
	size  int
	depth int
}

func (s *sizedScope) with(name string, size int) *sizedScope {
	depth := 1
	if s != nil {
		depth = s.depth + 1
	}
	return &sizedScope{outer: s, name: name, size: size, depth: depth}
}

func (s *sizedScope) find(name string) *sizedScope {
	for ; s != nil && s.name != name; s = s.outer {
	}
	return s
}

// tooLongToCheck returns the error of an expression whose type check would take too long; nil if it would not.
func tooLongToCheck(e ast.Expr) *Error {
	var t typeSizes
	t.of(e, nil)
	err := &Error{Reason: ExpressionCost, Hint: "make several of it, with fewer levels"}
	switch {
	case t.nodes > largestTree:
		err.Message, err.Hint = "the expression is too large once its macros are written out", "make several of it"
	case t.largest > largestType || t.openMaps > mostOpenMaps || t.deepest > 3*deepestLoop:
		err.Message = "lists and maps within each other make its types too large"
	case t.loops > mostLoops:
		err.Message = fmt.Sprintf("the expression has %d loops, more than %d", t.loops, mostLoops)
	default:
		return nil
	}
	return err
}

// of returns an upper bound for the size of an expression's type. It stops counting soon after largestType, and
// walking after largestTree.
func (t *typeSizes) of(e ast.Expr, in *sizedScope) int {
	if t.nodes++; t.nodes > largestTree {
		return 1
	}
	size := min(t.measure(e, in), largestType+1)
	t.largest = max(t.largest, size)
	return size
}

func (t *typeSizes) measure(e ast.Expr, in *sizedScope) int {
	switch e.Kind() {
	case ast.IdentKind:
		if s := in.find(e.AsIdent()); s != nil {
			return s.size
		}
	case ast.SelectKind:
		return within(t.of(e.AsSelect().Operand(), in))
	case ast.CallKind:
		return t.call(e.AsCall(), in)
	case ast.ListKind:
		items := 1
		for _, item := range e.AsList().Elements() {
			items = max(items, t.of(item, in))
		}
		return 1 + items
	case ast.MapKind:
		return t.mapping(e.AsMap(), in)
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			t.of(field.AsStructField().Value(), in)
		}
	case ast.ComprehensionKind:
		return t.comprehension(e.AsComprehension(), in)
	case ast.LiteralKind, ast.UnspecifiedExprKind:
	}
	return 1
}

// within returns the size of the element type of a list, map or optional type of the given size.
func within(size int) int { return max(size-1, 1) }

func (t *typeSizes) mapping(m ast.MapExpr, in *sizedScope) int {
	open := len(m.Entries()) == 0
	keys, values := 1, 1
	for _, entry := range m.Entries() {
		key := entry.AsMapEntry().Key()
		open = open || key.Kind() != ast.LiteralKind
		keys = max(keys, t.of(key, in))
		values = max(values, t.of(entry.AsMapEntry().Value(), in))
	}
	if open {
		t.openMaps++
	}
	t.keys = t.keys || keys > 1
	return 1 + keys + values
}

func (t *typeSizes) call(call ast.CallExpr, in *sizedScope) int {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if call.FunctionName() == "orValue" && len(args) == 2 && emptyMap(args[1]) && declaredField(args[0], in) {
		args = args[:1] // {} has the type of the field
	}
	sizes := make([]int, len(args))
	most := 1
	for i, arg := range args {
		sizes[i] = t.of(arg, in)
		most = max(most, sizes[i])
	}
	switch call.FunctionName() {
	case "optional.of", "optional.ofNonZeroValue", "of", "ofNonZeroValue": // the last two before CEL has resolved them
		return 1 + most
	case operators.Index:
		if len(sizes) == 2 {
			return within(sizes[0])
		}
	case "value":
		return within(most)
	case "orValue":
		if len(sizes) == 2 {
			return max(within(sizes[0]), sizes[1])
		}
	case "cel.@mapInsert":
		if len(sizes) == 3 {
			t.openMaps++
			t.keys = t.keys || sizes[1] > 1
			return max(sizes[0], 1+sizes[1]+sizes[2])
		}
	}
	return most
}

func emptyMap(e ast.Expr) bool { return e.Kind() == ast.MapKind && e.AsMap().Size() == 0 }

// declaredField reports whether an expression selects from a variable that is not one of a loop.
func declaredField(e ast.Expr, in *sizedScope) bool {
	for {
		switch e.Kind() {
		case ast.SelectKind:
			e = e.AsSelect().Operand()
		case ast.CallKind:
			call := e.AsCall()
			if name := call.FunctionName(); name != operators.OptSelect && name != operators.OptIndex && name != operators.Index || len(call.Args()) != 2 {
				return false
			}
			e = call.Args()[0]
		case ast.IdentKind:
			return in.find(e.AsIdent()) == nil
		default:
			return false
		}
	}
}

func (t *typeSizes) comprehension(c ast.ComprehensionExpr, in *sizedScope) int {
	t.loops++
	over, initial := t.of(c.IterRange(), in), 3
	if !emptyMap(c.AccuInit()) { // the accumulator of transformMap gets its types from cel.@mapInsert
		initial = t.of(c.AccuInit(), in)
	}
	accumulator := in.with(c.AccuVar(), initial)
	inside := accumulator.with(c.IterVar(), within(over))
	if c.HasIterVar2() {
		if !t.keys {
			inside.size = 1 // an index, or the key of a map that has been counted
		}
		inside = inside.with(c.IterVar2(), within(over))
	}
	t.deepest = max(t.deepest, inside.depth)
	t.of(c.LoopCondition(), inside)
	accumulator.size = max(accumulator.size, t.of(c.LoopStep(), inside))
	return t.of(c.Result(), accumulator)
}
