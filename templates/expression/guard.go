package expression

import (
	"bytes"
	"encoding/json"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// CEL adds the cost of a call after the call, by the length of the outermost list or text. That is too late
// for a call that fills the memory (a replace in a text of 8 KB can make 8 GB), and too little for nested
// values that contain one list a thousand times. So the work of every call is estimated before the call (see
// measure); a call that would exceed ExpressionLimit is refused, and the estimate is its cost.

// guard returns the program option that wraps all calls of an environment.
func guard(env *cel.Env) cel.ProgramOption {
	implementations := map[string]functions.FunctionOp{}
	for name := range env.Functions() {
		addImplementations(implementations, env, name)
	}
	implementations[operators.Equals] = func(args ...ref.Val) ref.Val { return types.Equal(args[0], args[1]) }
	implementations[operators.NotEquals] = func(args ...ref.Val) ref.Val {
		return types.Bool(types.Equal(args[0], args[1]) != types.True)
	}
	return cel.CustomDecorator(func(i interpreter.Interpretable) (interpreter.Interpretable, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok {
			return i, nil
		}
		name, args := call.Function(), call.Args()
		work := measureOf(name)
		zoned := len(args) == 2 && slices.Contains(accessors, name)
		if work == nil && !zoned {
			return i, nil
		}
		implementation := implementations[call.OverloadID()]
		if implementation == nil {
			implementation = implementations[name]
		}
		if implementation == nil {
			return i, nil // CEL has no implementation either: evaluating the call is an error
		}
		if zoned {
			return interpreter.NewCall(call.ID(), name, call.OverloadID(), args, inZone(implementation)), nil
		}
		if name == "matches" && len(args) == 2 {
			// CEL would replace a call with a constant pattern by its own implementation.
			work, implementation = constantPattern(args[1], work, implementation)
			args = []interpreter.InterpretableV2{args[0], plain{args[1]}}
		}
		switch name {
		case "quantity", "isQuantity":
			implementation = shortQuantity(name, implementation)
		case jsonFunction:
			implementation = compactJSON(implementation)
		}
		guarded := func(args ...ref.Val) ref.Val {
			if work(args) > ExpressionLimit {
				return types.WrapErr(&limitError{name})
			}
			return implementation(args...)
		}
		return interpreter.NewCall(call.ID(), name, call.OverloadID(), args, guarded), nil
	})
}

// addImplementations adds a function's implementations, by overload and, for calls
// whose overload is known only at run time, by name.
func addImplementations(all map[string]functions.FunctionOp, env *cel.Env, name string) {
	bindings, err := env.Functions()[name].Bindings()
	if err != nil {
		return // the environment could not have been built with this error
	}
	for _, b := range bindings {
		implementation := func(args ...ref.Val) ref.Val {
			if b.OperandTrait != 0 && len(args) > 0 && !args[0].Type().HasTrait(b.OperandTrait) {
				if receiver, ok := args[0].(traits.Receiver); ok {
					return receiver.Receive(b.Operator, "", args[1:])
				}
				return types.NewErr("no such overload: %s", name)
			}
			switch {
			case len(args) == 1 && b.Unary != nil:
				return b.Unary(args[0])
			case len(args) == 2 && b.Binary != nil:
				return b.Binary(args[0], args[1])
			case b.Function != nil:
				return b.Function(args...)
			}
			return types.NewErr("no such overload: %s", name)
		}
		if name == operators.Add {
			implementation = concatenated(implementation)
		}
		all[b.Operator] = implementation
	}
}

// concatenated copies two lists into one. CEL's own implementation keeps both and walks them at each access,
// which never ends for a list that was added to itself sixty times.
func concatenated(add functions.FunctionOp) functions.FunctionOp {
	return func(args ...ref.Val) ref.Val {
		if len(args) != 2 {
			return add(args...)
		}
		left, isList := args[0].(traits.Lister)
		right, areLists := args[1].(traits.Lister)
		if _, grows := left.(traits.MutableLister); grows || !isList || !areLists {
			return add(args...) // CEL appends to the accumulator of a loop in place
		}
		size := func(l traits.Lister) types.Int { n, _ := l.Size().(types.Int); return n }
		items := make([]ref.Val, 0, size(left)+size(right))
		return types.NewRefValList(types.DefaultTypeAdapter, appendItems(appendItems(items, left), right))
	}
}

func appendItems(items []ref.Val, list traits.Lister) []ref.Val {
	if made, ok := list.Value().([]ref.Val); ok {
		return append(items, made...)
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		items = append(items, it.Next())
	}
	return items
}

// inZone refuses named time zones in the accessors of a timestamp: which zones exist, and what Local means,
// depends on the machine.
func inZone(implementation functions.FunctionOp) functions.FunctionOp {
	return func(args ...ref.Val) ref.Val {
		if zone, ok := args[1].(types.String); ok && zone != "" && zone != "UTC" && !strings.Contains(string(zone), ":") {
			return types.NewErr("time zone %s: want UTC or an offset such as +01:00", quote(string(zone)))
		}
		return implementation(args...)
	}
}

// shortQuantity refuses long texts as quantities, because parsing takes time quadratic in the number of
// digits.
func shortQuantity(name string, implementation functions.FunctionOp) functions.FunctionOp {
	return func(args ...ref.Val) ref.Val {
		switch {
		case len(args) != 1 || textLength(args[0]) <= schema.LongestQuantity:
			return implementation(args...)
		case name == "isQuantity":
			return types.False
		}
		return types.NewErr("a quantity has at most %d bytes", schema.LongestQuantity)
	}
}

// jsonFunction is the name of the function that encodes a value as JSON.
const jsonFunction = "json.encode"

// compactJSON removes insignificant blanks from the result of encode. protojson adds them or not depending on
// the build, so that no program depends on its exact output.
func compactJSON(encode functions.FunctionOp) functions.FunctionOp {
	return func(args ...ref.Val) ref.Val {
		made := encode(args...)
		text, ok := made.(types.String)
		if !ok {
			return made
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(text)); err != nil {
			return types.WrapErr(err)
		}
		return types.String(compact.String())
	}
}

// limitError is the error of a call that was refused because of its work.
type limitError struct{ function string }

func (e *limitError) Error() string {
	return "the operands or the result of " + e.function + " are too large"
}

// longestResult is the maximum size in bytes of a text made by one call. More does not fit into a Kubernetes
// object, which etcd limits to 1.5 MiB by default.
const longestResult = 1 << 20

// mostDigits is the maximum precision of a format clause.
const mostDigits = 100

// tooLong returns the offset of the first format clause with a precision of more than mostDigits, or -1. Go
// cannot print some of them and writes %!(NOVERB) instead.
func tooLong(format string) int {
	for at := 0; at+1 < len(format); at++ {
		if format[at] != '%' {
			continue
		}
		if format[at+1] != '.' {
			at++ // %% or a clause without a precision
			continue
		}
		end := at + 2
		for end < len(format) && format[end] >= '0' && format[end] <= '9' {
			end++
		}
		if digits, err := strconv.Atoi(format[at+2 : end]); err != nil && end > at+2 || digits > mostDigits {
			return at
		}
		at = end - 1
	}
	return -1
}

// logarithm returns how often n can be halved, at least 1.
func logarithm(n int) int { return max(bits.Len(uint(n)), 1) }
