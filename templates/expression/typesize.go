package expression

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// CEL's check writes types out again and again: that of [[[x]]] three times, so that its work grows with
// the third power of the depth and more; and of {a: a}.map(b, {b: b}.map(c, …)) each step doubles the type, so
// that 700 bytes take for ever. So how large types will be is told from the tree before it is checked.

// largestType bounds the type of any part of an expression: a list counts one more than its items, a
// map one more than its keys and values together. Expressions that people write have 2 to 6.
const largestType = 16

// typeSizes tells how large the types in an expression are.
type typeSizes struct {
	largest int
	// walkedEmpty counts the empty maps within what comprehensions walk. Their keys and values are of
	// any type, and which that is shows only where the variable is used.
	walkedEmpty int
}

// sized are the variables of comprehensions with the size of their types, innermost first.
type sizedScope struct {
	outer *sizedScope
	name  string
	size  int
}

// tooLargeTypes says whether the check of an expression would take too long.
func tooLargeTypes(e ast.Expr) bool {
	var t typeSizes
	t.of(e, nil, false)
	return t.largest > largestType || t.walkedEmpty > largestType/4
}

// of is the size of an expression's type, or more. It stops counting soon after largestType.
func (t *typeSizes) of(e ast.Expr, in *sizedScope, walked bool) int {
	size := min(t.measure(e, in, walked), largestType+1)
	t.largest = max(t.largest, size)
	return size
}

func (t *typeSizes) measure(e ast.Expr, in *sizedScope, walked bool) int {
	switch e.Kind() {
	case ast.IdentKind:
		for s := in; s != nil; s = s.outer {
			if s.name == e.AsIdent() {
				return s.size
			}
		}
	case ast.SelectKind:
		return within(t.of(e.AsSelect().Operand(), in, walked))
	case ast.CallKind:
		return t.call(e.AsCall(), in, walked)
	case ast.ListKind:
		items := 1
		for _, item := range e.AsList().Elements() {
			items = max(items, t.of(item, in, walked))
		}
		return 1 + items
	case ast.MapKind:
		entries := e.AsMap().Entries()
		if len(entries) == 0 && walked {
			t.walkedEmpty++
		}
		keys, values := 1, 1
		for _, entry := range entries {
			keys = max(keys, t.of(entry.AsMapEntry().Key(), in, walked))
			values = max(values, t.of(entry.AsMapEntry().Value(), in, walked))
		}
		return 1 + keys + values
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			t.of(field.AsStructField().Value(), in, walked)
		}
	case ast.ComprehensionKind:
		return t.comprehension(e.AsComprehension(), in, walked)
	case ast.LiteralKind, ast.UnspecifiedExprKind:
	}
	return 1
}

// within is the size of what a list, map or optional holds.
func within(size int) int { return max(size-1, 1) }

func (t *typeSizes) call(call ast.CallExpr, in *sizedScope, walked bool) int {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	sizes := make([]int, len(args))
	most := 1
	for i, arg := range args {
		// The empty map of x.?y.orValue({}) has the type of y.
		sizes[i] = t.of(arg, in, walked && !(call.FunctionName() == "orValue" && i == 1))
		most = max(most, sizes[i])
	}
	switch call.FunctionName() {
	case "optional.of", "optional.ofNonZeroValue", "of", "ofNonZeroValue": // the latter before CEL has resolved them
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
			return max(sizes[0], 1+sizes[1]+sizes[2])
		}
	}
	return most
}

func (t *typeSizes) comprehension(c ast.ComprehensionExpr, in *sizedScope, walked bool) int {
	over := t.of(c.IterRange(), in, true)
	accumulator := &sizedScope{outer: in, name: c.AccuVar(), size: t.of(c.AccuInit(), in, walked)}
	inside := &sizedScope{outer: accumulator, name: c.IterVar(), size: within(over)}
	if c.HasIterVar2() {
		inside = &sizedScope{outer: inside, name: c.IterVar2(), size: within(over)}
	}
	t.of(c.LoopCondition(), inside, walked)
	accumulator.size = max(accumulator.size, t.of(c.LoopStep(), inside, walked))
	return t.of(c.Result(), accumulator, walked)
}
