package expression

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// CEL reports issues in terms of its grammar. The first issue is turned into one sentence for authors of
// YAML. If a new version of CEL words an issue differently, CEL's own message is shown: only its clarity
// depends on these patterns.
var (
	expecting     = regexp.MustCompile(`^(?:mismatched|extraneous) input '(.*)' expecting .*$`)
	noViable      = regexp.MustCompile(`^no viable alternative at input '(.*)'$`)
	unrecognised  = regexp.MustCompile(`^token recognition error at: '(.*)'$`)
	reserved      = regexp.MustCompile(`^reserved identifier: (.*)$`)
	undeclared    = regexp.MustCompile(`^undeclared reference to '(.*)' \(in container '.*'\)$`)
	noOverload    = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
	undefined     = regexp.MustCompile(`^undefined field '(.*)'$`)
	wrongElement  = regexp.MustCompile(`^expected type '(.*)' but found '(.*)'$`)
	noSelection   = regexp.MustCompile(`^type '(.*)' does not support field selection$`)
	invalidValue  = regexp.MustCompile(`^invalid (\w+) argument$`)
	ternaryBranch = regexp.MustCompile(`^\(bool, (.*)\)$`)
	noRange       = regexp.MustCompile(`^expression of type '(.*)' cannot be range of a comprehension`)
)

// shellWord matches shell parameter expansions: ${HOME}, ${HOME:-x}, ${#list}, ${list[@]}.
var shellWord = regexp.MustCompile(`^\s*(?:[#!]?[A-Z_][A-Z0-9_]*|[#!]?[A-Za-z_][A-Za-z0-9_]*(?:\[[@*0-9]+\])?(?:\s*$|:?[-=?+]|[%#/^,@])|[0-9@*?#$!-]\s*$)`)

// onParameter matches a text that ends where a method of a parameter is called.
var onParameter = regexp.MustCompile(`\bparams\.[a-z][A-Za-z0-9]*\.orValue$`)

// comparison matches a text that ends with an operator that compares.
var comparison = regexp.MustCompile(`[=!]= *$`)

const literalHint = `write "$${" for a literal "${"`

// shellHint returns a hint for an expression that looks like a shell variable; else "".
func shellHint(source string) string {
	if !shellWord.MatchString(source) {
		return ""
	}
	return "write $${" + strings.TrimSpace(cut(source)) + "} if a shell is to expand it"
}

func cut(text string) string { return message.Bare(text) }

func (l *language) syntaxError(source string, issues *cel.Issues) *Error {
	issue := firstIssue(issues)
	err := &Error{Offset: issueOffset(source, issue), Reason: ExpressionSyntax}
	text := strings.TrimPrefix(issue.Message, "Syntax error: ")
	var m []string
	is := func(known *regexp.Regexp) bool { m = known.FindStringSubmatch(text); return m != nil }
	switch {
	case is(reserved):
		err.Reason = UnknownVariable
		err.Message = quote(m[1]) + " is a reserved word of CEL"
		switch m[1] {
		case "namespace":
			err.Hint = "the pod's namespace is " + namespaceVariable + ", its name pod.metadata.namespace"
		case "if", "else":
			err.Hint = conditionalHint
		case "for":
			err.Hint = "write LIST.map(x, …)"
		}
		return err
	case text == "invalid argument to has() macro":
		err.Message, err.Hint = "has(…) asks for a field that is selected by a point", "write has(app.NAME), or app.?NAME.hasValue()"
		return err
	case is(expecting), is(noViable), is(unrecognised):
		err.Message = unexpected(m[1])
	default:
		err.Message = oneLine(text)
	}
	err.Hint = cmp.Or(shellHint(source), spelling(source, err.Offset))
	return err
}

func unexpected(token string) string {
	if token == "<EOF>" {
		return "the expression ends too early"
	}
	return "unexpected " + quote(token)
}

// checkError returns the first issue of CEL's type check.
func (l *language) checkError(source string, tree *ast.AST, issues *cel.Issues, now *declared) *Error {
	issue := firstIssue(issues)
	err := &Error{Offset: issueOffset(source, issue), Reason: ExpressionType, Message: oneLine(issue.Message)}
	var m []string
	is := func(known *regexp.Regexp) bool { m = known.FindStringSubmatch(issue.Message); return m != nil }
	switch {
	case is(undeclared):
		l.undeclared(err, source, m[1], now, tree, issue.ExprID)
	case is(noOverload):
		err.Message, err.Hint = overloadMessage(m[1], m[2])
		if m[1] == "orValue" && onParameter.MatchString(source[:err.Offset]) {
			err.Hint = "a parameter is always there: compare it, as with != \"\", or let it have a default"
		}
	case is(undefined):
		err.Reason = UnknownField
		name := untypedName(m[1])
		err.Offset = after(source, err.Offset, name)
		err.Message = "field " + quote(name) + " is unknown"
	case is(noSelection):
		err.Message = "a " + m[1] + " has no fields"
	case is(wrongElement):
		err.Message = "want " + m[1] + ", got " + m[2]
		if m[1] == "bool" {
			err.Hint = "conditions stand beside && and ||; what counts in the place of an absent value is orValue(…)"
		}
	case is(noRange):
		err.Message = "want a list or map to go through, got " + m[1]
	case is(invalidValue) && m[1] == "matches":
		err.Message = "the argument is no valid regular expression"
	case is(invalidValue):
		err.Message = "the argument is no valid " + m[1]
	}
	return err
}

func (l *language) undeclared(err *Error, source, name string, now *declared, tree *ast.AST, id int64) {
	err.Reason = UnknownVariable
	isCall := false
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() == id && e.Kind() == ast.CallKind {
			isCall = true
		}
	}))
	if isCall {
		if i := strings.LastIndex(source[:err.Offset], name); i >= 0 {
			err.Offset = i
		}
		err.Message = "function " + quote(name) + " is unknown"
		if call := macroCalls[name]; call != "" {
			err.Hint = "write " + call
		} else if near := cmp.Or(functionsElsewhere[name], message.Nearest(name, Functions())); near != "" {
			err.Hint = "did you mean " + near + "?"
		}
		return
	}
	err.Message = "variable " + quote(name) + " is unknown"
	names := now.names()
	near, shell := cmp.Or(variablesElsewhere[strings.ToLower(strings.TrimPrefix(name, "."))], message.Nearest(name, names)), shellHint(source)
	if own := now.member(name); own != "" {
		near = own
	}
	switch {
	case near != "" && (shell == "" || name != strings.ToUpper(name)):
		err.Hint = "did you mean " + near + "?"
	case shell != "":
		err.Hint = shell
	default:
		err.Hint = "there are " + strings.Join(names, ", ")
		if comparison.MatchString(source[:err.Offset]) {
			err.Hint = "put a text in quotes: " + quote(name) + "; " + err.Hint
		}
	}
}

// firstIssue returns the issue that comes first in the source.
func firstIssue(issues *cel.Issues) *common.Error {
	all := issues.Errors()
	if len(all) == 0 {
		return common.NewError(0, oneLine(issues.Err().Error()), common.NewLocation(1, 0))
	}
	return slices.MinFunc(all, func(a, b *common.Error) int {
		return cmp.Or(cmp.Compare(a.Location.Line(), b.Location.Line()), cmp.Compare(a.Location.Column(), b.Location.Column()))
	})
}

// issueOffset converts an issue's line and column, counted in characters, to a byte offset.
func issueOffset(source string, issue *common.Error) int {
	start := 0
	for line := 1; line < issue.Location.Line(); line++ {
		next := strings.IndexByte(source[start:], '\n')
		if next < 0 {
			break
		}
		start += next + 1
	}
	return start + byteOffset(source[start:], max(issue.Location.Column(), 0))
}

// after returns the offset of a name at or after an offset; that offset if the name is not found.
func after(source string, offset int, name string) int {
	if i := strings.Index(source[offset:], name); i >= 0 {
		return offset + i
	}
	return offset
}

// oneLine replaces each run of white space by one blank.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
