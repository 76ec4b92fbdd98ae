package expression

import (
	"regexp/syntax"

	"github.com/google/cel-go/common/types/ref"
)

// A regular expression of a few KB can stand for a program of hundreds of MB: a{0,1000} are a
// thousand instructions. So its size is told from the syntax tree, before it is compiled.

const (
	// LongestPattern is how long a regular expression may be, in bytes. Reading one takes memory
	// for each character class, of which \pL alone is 5 KB.
	LongestPattern = 1024
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

// regexWork is that of reading the pattern, a unit for each byte, and of running its program
// over the text, where a unit is a hundred steps.
func regexWork(args []ref.Val) int {
	if len(args) < 2 {
		return tooMuch
	}
	pattern := textOf(args[1])
	if len(pattern) > LongestPattern {
		return tooMuch
	}
	size := ProgramSize(pattern)
	if size > LargestProgram {
		return tooMuch
	}
	return min(1+len(pattern)+(1+size)*(1+textLength(args[0]))/bytesPerUnit, tooMuch)
}
