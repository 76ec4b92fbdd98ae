package expression

import (
	"regexp"
	"strconv"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// CEL counts the cost of a call when the call is done. That is too late for one
// that fills the memory, as a replace in a text of 8 KB can make 8 GB, and wrong for
// comparisons, which it counts by the length of the outermost list: lists in which one
// list stands a thousand times, a few levels deep, take days to compare. So the calls that
// can do such things are measured before they are made.
const (
	// longestResult bounds what one call makes: bytes of a string, items of a list.
	longestResult = 1 << 20
	// heaviestOperand bounds what one call compares or walks through, in values and
	// hundreds of bytes.
	heaviestOperand = 10_000
)

// tooMuch says of each guarded function whether a call with the arguments would
// go beyond the bounds.
func tooMuch() map[string]func(args []ref.Val) bool {
	makes := func(size func(args []ref.Val) int) func(args []ref.Val) bool {
		return func(args []ref.Val) bool { return size(args) > longestResult }
	}
	return map[string]func(args []ref.Val) bool{
		"replace":           makes(replacedSize),
		"join":              makes(joinedSize),
		"lists.range":       makes(rangeSize),
		"format":            func(args []ref.Val) bool { return tooPrecise(args) || formattedSize(args) > longestResult },
		"flatten":           tooHeavy,
		"distinct":          tooHeavy,
		"indexOf":           tooHeavy,
		"lastIndexOf":       tooHeavy,
		"sets.contains":     tooHeavy,
		"sets.equivalent":   tooHeavy,
		"sets.intersects":   tooHeavy,
		operators.In:        tooHeavy,
		operators.Equals:    tooHeavy,
		operators.NotEquals: tooHeavy,
	}
}

// mostDigits bounds the precision of a format's clause.
const mostDigits = 100

var precision = regexp.MustCompile(`%%|%\.([0-9]+)`)

// tooLong gives the place of the first clause of a format that asks for more digits, or -1.
// Go gives up on some of them and writes %!(NOVERB) instead.
func tooLong(format string) int {
	for _, at := range precision.FindAllStringSubmatchIndex(format, -1) {
		if at[2] < 0 {
			continue // %%
		}
		if digits, err := strconv.Atoi(format[at[2]:at[3]]); err != nil || digits > mostDigits {
			return at[0]
		}
	}
	return -1
}

func tooPrecise(args []ref.Val) bool {
	format, ok := args[0].(types.String)
	return ok && tooLong(string(format)) >= 0
}

// guard wraps the calls of those functions so that they fail instead.
func guard(env *cel.Env) cel.ProgramOption {
	checks := tooMuch()
	implementations := map[string]functions.FunctionOp{}
	for name := range checks {
		for id, implementation := range implementationsOf(env, name) {
			implementations[id] = implementation
		}
	}
	return cel.CustomDecorator(func(i interpreter.Interpretable) (interpreter.Interpretable, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok {
			return i, nil
		}
		check := checks[call.Function()]
		if check == nil {
			return i, nil
		}
		if call.Function() == operators.Equals || call.Function() == operators.NotEquals {
			return &comparison{InterpretableCall: call, equal: call.Function() == operators.Equals}, nil
		}
		implementation := implementations[call.OverloadID()]
		if implementation == nil {
			implementation = implementations[call.Function()]
		}
		if implementation == nil {
			return i, nil
		}
		guarded := func(args ...ref.Val) ref.Val {
			if check(args) {
				return types.WrapErr(&limitError{call.Function()})
			}
			return implementation(args...)
		}
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), guarded), nil
	})
}

// implementationsOf gives a function's implementations, by overload and, for calls
// whose overload is known only at run time, by name.
func implementationsOf(env *cel.Env, name string) map[string]functions.FunctionOp {
	declared, ok := env.Functions()[name]
	if !ok {
		return nil
	}
	bindings, err := declared.Bindings()
	if err != nil {
		// The same error would have kept the environment from being built.
		return nil
	}
	implementations := map[string]functions.FunctionOp{}
	for _, b := range bindings {
		implementations[b.Operator] = func(args ...ref.Val) ref.Val {
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
	}
	return implementations
}

// limitError is the error of a call that was not made.
type limitError struct{ function string }

func (e *limitError) Error() string {
	return "the operands or the result of " + e.function + " are too large"
}

// comparison is == or != with operands that are weighed first.
type comparison struct {
	interpreter.InterpretableCall
	equal bool
}

// Exec implements interpreter.InterpretableV2.
func (c *comparison) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	args := c.Args()
	left, right := args[0].Exec(frame), args[1].Exec(frame)
	switch {
	case types.IsUnknownOrError(left):
		return left
	case types.IsUnknownOrError(right):
		return right
	case weight(left, heaviestOperand)+weight(right, heaviestOperand) > heaviestOperand:
		return types.WrapErr(&limitError{c.Function()})
	}
	return types.Bool((types.Equal(left, right) == types.True) == c.equal)
}

// Eval implements interpreter.Interpretable.
func (c *comparison) Eval(vars interpreter.Activation) ref.Val {
	frame := interpreter.AsFrame(vars)
	return c.Exec(frame)
}
