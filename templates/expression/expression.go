// Package expression compiles and evaluates the ${…} of templates.
package expression

import (
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Compiler makes environments and keeps compiled programs, so that equal expressions
// over equal types, of whatever template, are compiled once. One Compiler serves a
// process. It is safe for concurrent use.
type Compiler struct{}

// NewCompiler gives an empty Compiler.
func NewCompiler() *Compiler { return &Compiler{} }

// Parameter declares params.<Name>.
type Parameter struct {
	Name string
	Type v1alpha1.ParameterType
}

// Environment is what the expressions of one template may refer to.
type Environment struct{}

// Environment declares the parameters; of two with one name, the first counts. A type
// that is none is taken as a string: the caller reports it.
func (c *Compiler) Environment(parameters []Parameter) *Environment { return &Environment{} }

// Expression is a text that has been compiled for its place. It is immutable and
// safe for concurrent use.
type Expression struct{}

// Compile checks the expressions of a text against the types of the variables and
// the schema of the place; a nil want accepts every value.
//
// A text that is one expression keeps its type; in all others, and where a string is
// wanted, numbers and booleans become text. The value of a single optional may be absent.
func (e *Environment) Compile(text Text, want *schema.Schema) (*Expression, *Error) {
	return &Expression{}, nil
}

// Uses says what an expression reads.
type Uses struct {
	// Parameters by name, sorted.
	Parameters []string
	Instance   bool
	Index      bool
	// AppName: app.name and nothing else of app; App: any more of it.
	AppName, App bool
	// PodName and PodNamespace: those two fields of pod.metadata; Pod: any more of it.
	PodName, PodNamespace, Pod bool
	// Namespace: anything of namespaceObject.
	Namespace bool
	Cluster   bool
}

// Uses says what the expression may read, whatever its conditions come to.
func (x *Expression) Uses() Uses { return Uses{} }

// Optional says that Evaluate may find the value absent.
func (x *Expression) Optional() bool { return false }

// Evaluate gives the value: string, bool, int64, float64, []any or map[string]any,
// with elements of those types or nil, and false when an optional has none. An error is always *Error.
// The value may share memory with the activation's and must not be changed.
func (x *Expression) Evaluate(in *Activation, budget *Budget) (value any, present bool, err error) {
	return nil, false, nil
}
