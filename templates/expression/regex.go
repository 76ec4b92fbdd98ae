package expression

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// A regular expression of a few KB can compile to a program of hundreds of MB: a{0,1000} is a thousand
// instructions. So the program's size is estimated from the syntax tree before it is compiled.

const (
	// LongestPattern is the maximum length of a regular expression in bytes. Parsing takes memory for each
	// character class; \pL alone takes 5 KB.
	LongestPattern = 1024
	// instructionsPerUnit is the number of instructions that are compiled in the time of one unit of work.
	instructionsPerUnit = 10
	// LargestProgram is the maximum number of instructions of a compiled pattern: about 1 MB. Patterns for
	// names, paths and versions have tens to a few thousand.
	LargestProgram = 10_000
)

// PatternTooLarge reports whether a regular expression is longer, or would compile to a larger program, than
// is allowed. It is false for one that cannot be parsed: compiling it returns the error.
func PatternTooLarge(pattern string) bool {
	return len(pattern) > LongestPattern || ProgramSize(pattern) > LargestProgram
}

// ProgramSize estimates the number of instructions of a compiled pattern; 0 if it cannot be parsed.
func ProgramSize(pattern string) int {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	return instructions(tree)
}

func instructions(re *syntax.Regexp) int {
	total := 1
	switch re.Op {
	case syntax.OpLiteral:
		return total + len(re.Rune)
	case syntax.OpCharClass:
		// Matching searches the ranges of a class; one for all letters has hundreds.
		return total + len(re.Rune)/16
	}
	for _, sub := range re.Sub {
		total = min(total+1+instructions(sub), LargestProgram+1)
	}
	if re.Op == syntax.OpRepeat {
		times := max(re.Min, re.Max, 1)
		total = min(total*times, LargestProgram+1)
	}
	return total
}

// regexWork is the work of a match: one unit per byte of the pattern for parsing, then compiling, then
// running the program over the text, where one unit is a hundred steps.
func regexWork(args []ref.Val) int {
	if len(args) < 2 {
		return tooMuch
	}
	pattern := textOf(args[1])
	if len(pattern) > LongestPattern {
		return tooMuch
	}
	return patternWork(len(pattern), ProgramSize(pattern), args)
}

// patternWork assumes that each call compiles the pattern, so that the cost of an expression does not depend
// on earlier evaluations.
func patternWork(length, size int, args []ref.Val) int {
	if size > LargestProgram {
		return tooMuch
	}
	return min(1+length+size/instructionsPerUnit+(1+size)*(1+textLength(args[0]))/bytesPerUnit, tooMuch)
}

// constantPattern returns the measure and the implementation of matches for a constant pattern: it is parsed
// once, and compiled on first use. Both are returned unchanged for any other pattern.
func constantPattern(argument interpreter.InterpretableV2, work measure, matches functions.FunctionOp) (measure, functions.FunctionOp) {
	constant, ok := argument.(interpreter.InterpretableConst)
	if !ok {
		return work, matches
	}
	text, ok := constant.Value().(types.String)
	if !ok || PatternTooLarge(string(text)) {
		return work, matches
	}
	pattern, size := string(text), ProgramSize(string(text))
	compiled := sync.OnceValues(func() (*regexp.Regexp, error) { return regexp.Compile(pattern) })
	return func(args []ref.Val) int { return patternWork(len(pattern), size, args) },
		func(args ...ref.Val) ref.Val {
			matched, isText := args[0].(types.String)
			re, err := compiled()
			if !isText || err != nil {
				return matches(args...) // returns the error
			}
			return types.Bool(re.MatchString(string(matched)))
		}
}

// plain hides that an argument is a constant.
type plain struct{ interpreter.InterpretableV2 }
