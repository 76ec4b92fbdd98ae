package expression

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/cel-go/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Compiler makes Environments and caches what they compile, so that equal expressions over parameters of
// equal types are compiled and held once, across all templates. A process uses one Compiler. It is safe for
// concurrent use.
//
// The cache holds weak pointers: a program is collected after the last Expression that uses it, and an
// Expression after the last template, so that repeated edits of templates do not fill the memory.
type Compiler struct {
	language *language
	plans    plans

	// Keyed by source and by text; each key may have several values, one for each combination of parameter
	// types.
	programs    *pool[string, program]
	expressions *pool[expressionKey, Expression]
}

// expressionKey is a text together with the schema of the place where it stands.
type expressionKey struct {
	text string
	want *schema.Schema
}

// NewCompiler returns a Compiler with an empty cache.
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

// declared describes the variables that differ between templates and between places in one.
type declared struct {
	params, variables *schema.Schema
	// each is nil outside of an item with $each.
	each *schema.Schema
	// target says that the variable target exists.
	target bool
	// onlyPod says that no variable exists but those of podVariables.
	onlyPod bool
}

// needs are the declarations for which an expression was compiled.
type needs struct {
	params, variables []schema.Field // those that it uses
	each              *schema.Schema // nil if it does not use it
	target            bool           // it uses target
	onlyPod           bool           // it was compiled where only the pod exists
}

// needed returns those of the declarations that an expression uses.
func needed(uses *Uses, now declared) needs {
	n := needs{params: fieldsOf(uses.Parameters, now.params), variables: fieldsOf(uses.Variables, now.variables), target: uses.Target, onlyPod: now.onlyPod}
	if uses.Each {
		n.each = now.each
	}
	return n
}

// declared returns minimal declarations for which the expression compiles to the same program.
func (n *needs) declared() declared {
	return declared{
		params: schema.NewObject(paramsVariable, n.params...), variables: schema.NewObject(variablesVariable, n.variables...),
		each: n.each, target: n.target, onlyPod: n.onlyPod,
	}
}

// Environment returns an Environment with the parameters declared. Of two parameters with one name the first
// counts. An unknown type is treated as string, because the caller has reported it.
func (c *Compiler) Environment(parameters []Parameter) *Environment {
	return &Environment{compiler: c, declared: declared{params: paramsSchema(parameters), variables: schema.NewObject(variablesVariable)}}
}

// program is one compiled CEL expression.
type program struct {
	compiler *Compiler
	source   string
	needs    needs
	uses     Uses
	// references are the $(NAME) in the source; open says that the source also has a $( that is no such
	// reference.
	references []string
	open       bool
	presences  []Presence
	compared   []Comparison
	output     *cel.Type
	plan       atomic.Pointer[cel.Program] // nil while it is not kept: see planned
}

// suits reports whether an expression compiled for these needs can be used with the declarations now.
func (n *needs) suits(now declared) bool {
	if n.onlyPod != now.onlyPod || n.target && !now.target {
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

// fieldsOf returns the declarations of the names that are declared.
func fieldsOf(names []string, params *schema.Schema) []schema.Field {
	var fields []schema.Field
	for _, name := range names {
		if field, ok := params.Field(name); ok {
			fields = append(fields, schema.Field{Name: name, Schema: field.Schema})
		}
	}
	return fields
}

// program compiles an expression, or returns it from the cache. Offsets of the error are within the source.
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

// plan compiles an expression and returns the program and its executable plan; the program's plan field is
// not set. more are further options, such as decorators that observe the evaluation.
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
	if err := tooLongToCheck(tree.Expr()); err != nil {
		return nil, nil, err
	}
	a := &analysis{source: source, info: tree.SourceInfo(), variables: l.variables, declared: now}
	a.visit(tree.Expr(), nil)
	if a.err != nil {
		return nil, nil, a.err // clearer than what the type check would say, which might also take too long
	}
	checked, issues := l.env.Check(parsed)
	if issues.Err() != nil {
		return nil, nil, l.checkError(source, tree, issues, &now)
	}
	p := &program{compiler: c, source: source, uses: a.uses.result(), presences: a.presences.result(), compared: a.compared, output: checked.OutputType()}
	p.references, p.open = referencesIn(source)
	p.needs = needed(&p.uses, now)
	plan, err := l.env.Program(checked, slices.Concat(l.options, []cel.ProgramOption{loops(checked.NativeRep())}, more)...)
	if err != nil {
		return nil, nil, &Error{Reason: ExpressionSyntax, Message: "the expression cannot be compiled: " + oneLine(err.Error())}
	}
	return p, plan, nil
}
