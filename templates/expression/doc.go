// Package expression compiles and evaluates the ${…} of templates.
//
// A scalar of a template is a text with expressions in it. Scan splits it. A
// Compiler, one per process, gives an Environment to each template: the variables
// that its expressions may use, with their types. Environment.Compile checks a
// text against them and against the schema of the place where its value goes, so
// that what can be wrong is wrong when the template is loaded. Expression.Evaluate
// gives the value for one pod.
//
// The language is CEL with the library of Kubernetes. A bare variable or
// selection, ${params.x} or ${pod.spec.nodeName}, which is what nearly all
// expressions are, is looked up without CEL; every other expression is a CEL
// program, and equal programs are shared by all templates.
//
// Templates may be written by people who must not be able to stop the injector:
// the work of an expression, of a rendering, and the memory of a single call are limited.
package expression
