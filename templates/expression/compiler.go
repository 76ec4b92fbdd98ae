package expression

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/google/cel-go/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Compiler makes environments and remembers compiled programs, so that equal
// expressions over parameters of equal types, of whatever template, are compiled once
// and held once. One Compiler serves a process. It is safe for concurrent use.
//
// Programs are held weakly: they go when the last Expression that uses them
// goes, so that templates which are edited all day long do not fill the memory.
type Compiler struct {
	language *language
	plans    plans

	mu       sync.Mutex
	programs map[string][]weak.Pointer[program] // by source; one for each choice of parameter types
}

// NewCompiler gives an empty Compiler.
func NewCompiler() *Compiler {
	return &Compiler{language: theLanguage(), programs: map[string][]weak.Pointer[program]{}}
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
	params   *schema.Schema
}

// Environment declares the parameters; of two with one name, the first counts. A type
// that is none is taken as a string: the caller reports it.
func (c *Compiler) Environment(parameters []Parameter) *Environment {
	return &Environment{compiler: c, params: paramsSchema(parameters)}
}

// program is one compiled CEL expression.
type program struct {
	compiler *Compiler
	source   string
	params   []schema.Field // that it uses, with the types it was compiled for
	uses     Uses
	output   *cel.Type
	plan     atomic.Pointer[cel.Program] // nil while it is not kept: see planned
}

// suits reports whether the program was compiled for parameters of these types.
func (p *program) suits(params *schema.Schema) bool {
	for _, used := range p.params {
		field, ok := params.Field(used.Name)
		if !ok || field.Schema.Kind != used.Schema.Kind {
			return false
		}
	}
	return true
}

// program compiles an expression, or gives the one compiled before. Offsets of
// the error are within the source.
func (c *Compiler) program(source string, params *schema.Schema) (*program, *Error) {
	if p := c.remembered(source, params); p != nil {
		return p, nil
	}
	p, err := c.compile(source, params)
	if err != nil {
		return nil, err
	}
	return c.remember(p, params), nil
}

func (c *Compiler) remembered(source string, params *schema.Schema) *program {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(source, params)
}

func (c *Compiler) find(source string, params *schema.Schema) *program {
	for _, held := range c.programs[source] {
		if p := held.Value(); p != nil && p.suits(params) {
			return p
		}
	}
	return nil
}

// remember keeps a program, unless another goroutine was quicker: then that one counts.
func (c *Compiler) remember(p *program, params *schema.Schema) *program {
	c.mu.Lock()
	defer c.mu.Unlock()
	if earlier := c.find(p.source, params); earlier != nil {
		return earlier
	}
	c.programs[p.source] = append(c.programs[p.source], weak.Make(p))
	runtime.AddCleanup(p, c.forget, p.source)
	return p
}

// forget drops the programs of a source that nobody uses any more.
func (c *Compiler) forget(source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var alive []weak.Pointer[program]
	for _, held := range c.programs[source] {
		if held.Value() != nil {
			alive = append(alive, held)
		}
	}
	if len(alive) == 0 {
		delete(c.programs, source)
		return
	}
	c.programs[source] = alive
}

func (c *Compiler) compile(source string, params *schema.Schema) (*program, *Error) {
	p, plan, err := c.plan(source, params)
	if err != nil {
		return nil, err
	}
	p.plan.Store(&plan)
	c.plans.keep(p)
	return p, nil
}

// plan compiles an expression; the program does not hold its plan yet.
func (c *Compiler) plan(source string, params *schema.Schema) (*program, cel.Program, *Error) {
	l := c.language
	if strings.TrimSpace(source) == "" {
		return nil, nil, &Error{Reason: ExpressionSyntax, Message: "the expression is empty", Hint: literalHint}
	}
	parsed, issues := l.env.Parse(source)
	if issues.Err() != nil {
		return nil, nil, l.syntaxError(source, issues)
	}
	tree := parsed.NativeRep()
	a := &analysis{source: source, info: tree.SourceInfo(), variables: l.variables, params: params}
	a.visit(tree.Expr(), nil)
	checked, issues := l.env.Check(parsed)
	if err := issues.Err(); err != nil || a.err != nil {
		if err != nil {
			a.report(l.checkError(source, tree, issues, a.err))
		}
		return nil, nil, a.err
	}
	p := &program{compiler: c, source: source, uses: a.uses.result(), output: checked.OutputType()}
	for _, name := range p.uses.Parameters {
		if field, ok := params.Field(name); ok {
			p.params = append(p.params, schema.Field{Name: name, Schema: field.Schema})
		}
	}
	plan, err := l.env.Program(checked, l.options...)
	if err != nil {
		return nil, nil, &Error{Reason: ExpressionSyntax, Message: "the expression cannot be compiled: " + oneLine(err.Error())}
	}
	return p, plan, nil
}
