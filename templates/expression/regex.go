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

// A regular expression of a few KB can stand for a program of hundreds of MB: a{0,1000} are a
// thousand instructions. So its size is told from the syntax tree, before it is compiled.

const (
	// LongestPattern is how long a regular expression may be, in bytes. Reading one takes memory
	// for each character class, of which \pL alone is 5 KB.
	LongestPattern = 1024
	// instructionsPerUnit is how many instructions are compiled in the time of a unit.
	instructionsPerUnit = 10
	// LargestProgram is how many instructions it may become: about 1 MB. Names, paths and
	// versions take tens to a few thousands.
	LargestProgram = 10_000
)

// PatternTooLarge reports that a regular expression is longer, or would become a larger
// program, than is allowed. It is false for one that cannot be read: compiling it says why.
func PatternTooLarge(pattern string) bool {
	return len(pattern) > LongestPattern || ProgramSize(pattern) > LargestProgram
}

// ProgramSize is about how many instructions a pattern becomes; 0 if it cannot be read.
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
		// Matching searches the ranges; a class for all letters has hundreds.
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

// regexWork is that of reading the pattern, a unit for each byte, of compiling it, and of running its
// program over the text, where a unit is a hundred steps.
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

// patternWork counts as if each call compiled the pattern, so that what an expression costs does not
// depend on what was evaluated before.
func patternWork(length, size int, args []ref.Val) int {
	if size > LargestProgram {
		return tooMuch
	}
	return min(1+length+size/instructionsPerUnit+(1+size)*(1+textLength(args[0]))/bytesPerUnit, tooMuch)
}

// constantPattern makes matches and its measure of those with a constant pattern: it is read once, and
// compiled once, when it is first needed.
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
				return matches(args...) // which says what is wrong
			}
			return types.Bool(re.MatchString(string(matched)))
		}
}

// plain hides that an argument is a constant.
type plain struct{ interpreter.InterpretableV2 }
