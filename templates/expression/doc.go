// Package expression compiles and evaluates the ${…} expressions of templates.
//
// A scalar of a template is a text that may contain expressions. Scan splits it. A Compiler, one per process,
// makes an Environment for each template: the variables that its expressions may use, with their types.
// Environment.Compile checks a text against them and against the schema of the field that receives the value,
// so that errors are found when the template is loaded. Expression.Evaluate computes the value for one pod.
//
// The language is CEL with the library of Kubernetes. A plain variable or selection, such as ${params.x} or
// ${pod.spec.nodeName}, is the most common expression and is looked up without CEL. Every other expression is
// a CEL program; equal programs are shared by all templates.
//
// Templates may come from authors who must not be able to stop the injector: the cost of an expression and of
// a rendering, and the memory of a single call, are limited.
package expression
