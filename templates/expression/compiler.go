package expression

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/cel-go/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Compiler makes environments and remembers what it compiled, so that equal
// expressions over parameters of equal types, of whatever template, are compiled once
// and held once. One Compiler serves a process. It is safe for concurrent use.
//
// They are held weakly: a program goes when the last Expression that uses it goes, and that
// with the last template, so that templates which are edited all day long do not fill the memory.
type Compiler struct {
	language *language
	plans    plans

	// By source and by text; one for each choice of parameter types.
	programs    *pool[string, program]
	expressions *pool[expressionKey, Expression]
}

// expressionKey is a text for a place.
type expressionKey struct {
	text string
	want *schema.Schema
}

// NewCompiler gives an empty Compiler.
func NewCompiler() *Compiler {
	return &Compiler{language: theLanguage(), programs: newPool[string, program](), expressions: newPool[expressionKey, Expression]()}
}

// Parameter declares params.<Name>.
type Parameter struct {
	Name string
	Type v1alpha1.ParameterType
}

// Environment is what the expressions of one template may refer to. It is
// immutable and safe for concurrent use.
type Environment struct {
	compiler *Compiler
	declared
}

// declared describes what differs from place to place.
type declared struct {
	params, variables *schema.Schema
	// each is nil outside of an item with $each.
	each *schema.Schema
	// target says that there is one.
	target bool
}

// needs are the declarations that an expression was compiled for.
type needs struct {
	params, variables []schema.Field // that it uses
	each              *schema.Schema // nil if it does not use it
	target            bool           // it uses it
}

// needed are the declarations that count for an expression.
func needed(uses *Uses, now declared) needs {
	n := needs{params: fieldsOf(uses.Parameters, now.params), variables: fieldsOf(uses.Variables, now.variables), target: uses.Target}
	if uses.Each {
		n.each = now.each
	}
	return n
}

// declared are declarations for which the expression compiles alike.
func (n *needs) declared() declared {
	return declared{
		params: schema.NewObject(paramsVariable, n.params...), variables: schema.NewObject(variablesVariable, n.variables...),
		each: n.each, target: n.target,
	}
}

// Environment declares the parameters; of two with one name, the first counts. A type
// that is none is taken as a string: the caller reports it.
func (c *Compiler) Environment(parameters []Parameter) *Environment {
	return &Environment{compiler: c, declared: declared{params: paramsSchema(parameters), variables: schema.NewObject(variablesVariable)}}
}

// program is one compiled CEL expression.
type program struct {
	compiler *Compiler
	source   string
	needs    needs
	uses     Uses
	// references are the $(NAME) that stand in the source; open says that it also has another $(.
	references []string
	open       bool
	output     *cel.Type
	plan       atomic.Pointer[cel.Program] // nil while it is not kept: see planned
}

// suits reports whether what was compiled for those needs can be used where these
// are declared.
func (n *needs) suits(now declared) bool {
	if n.target && !now.target {
		return false
	}
	if n.each != nil && (now.each == nil || n.each.Type != now.each.Type) {
		return false
	}
	return alike(n.params, now.params) && alike(n.variables, now.variables)
}

func alike(fields []schema.Field, now *schema.Schema) bool {
	for _, used := range fields {
		field, ok := now.Field(used.Name)
		if !ok || typeCode(field.Schema) != typeCode(used.Schema) {
			return false
		}
	}
	return true
}

// fieldsOf are the declarations of those names.
func fieldsOf(names []string, params *schema.Schema) []schema.Field {
	var fields []schema.Field
	for _, name := range names {
		if field, ok := params.Field(name); ok {
			fields = append(fields, schema.Field{Name: name, Schema: field.Schema})
		}
	}
	return fields
}

// program compiles an expression, or gives the one compiled before. Offsets of
// the error are within the source.
func (c *Compiler) program(source string, now declared) (*program, *Error) {
	suits := func(p *program) bool { return p.needs.suits(now) }
	if p := c.programs.find(source, suits); p != nil {
		return p, nil
	}
	p, err := c.compile(source, now)
	if err != nil {
		return nil, err
	}
	return c.programs.keep(source, p, suits), nil
}

func (c *Compiler) compile(source string, now declared) (*program, *Error) {
	p, plan, err := c.plan(source, now)
	if err != nil {
		return nil, err
	}
	p.plan.Store(&plan)
	c.plans.keep(p)
	return p, nil
}

// plan compiles an expression; the program does not hold its plan yet. More options may watch it.
func (c *Compiler) plan(source string, now declared, more ...cel.ProgramOption) (*program, cel.Program, *Error) {
	l := c.language
	if strings.TrimSpace(source) == "" {
		return nil, nil, &Error{Reason: ExpressionSyntax, Message: "the expression is empty", Hint: literalHint}
	}
	parsed, issues := l.env.Parse(source)
	if issues.Err() != nil {
		return nil, nil, l.syntaxError(source, issues)
	}
	tree := parsed.NativeRep()
	if tooManyNodes(tree.Expr()) {
		return nil, nil, &Error{Reason: ExpressionCost, Message: "the expression is too large once its macros are written out", Hint: "make several of it"}
	}
	if why := tooLongToCheck(tree.Expr()); why != "" {
		return nil, nil, &Error{Reason: ExpressionCost, Message: why, Hint: "make several of it, with fewer levels"}
	}
	a := &analysis{source: source, info: tree.SourceInfo(), variables: l.variables, declared: now}
	a.visit(tree.Expr(), nil)
	if a.err != nil && a.err.Reason == ExpressionCost {
		return nil, nil, a.err // the check would do what costs too much
	}
	checked, issues := l.env.Check(parsed)
	if err := issues.Err(); err != nil || a.err != nil {
		if err != nil {
			a.report(l.checkError(source, tree, issues, a.err))
		}
		return nil, nil, a.err
	}
	p := &program{compiler: c, source: source, uses: a.uses.result(), output: checked.OutputType()}
	p.references, p.open = referencesIn(source)
	p.needs = needed(&p.uses, now)
	plan, err := l.env.Program(checked, slices.Concat(l.options, more)...)
	if err != nil {
		return nil, nil, &Error{Reason: ExpressionSyntax, Message: "the expression cannot be compiled: " + oneLine(err.Error())}
	}
	return p, plan, nil
}
