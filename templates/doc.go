// Package templates is what a sidecar template is: how it is read, checked and
// rendered, and which template a pod gets by a name.
//
// Load reads the documents of one file. Everything that is wrong with them becomes a
// Finding with its place, its field and a reason from a closed list; a document
// without errors becomes a Template. The YAML of app and pod is compiled into a
// tree in which only expressions are left to evaluate: each is checked against the type
// of its field, and the whole is rendered once with the defaults and once with each
// example, so that most mistakes are found before a pod meets them.
//
// Bind turns the texts of annotations into checked Parameters, Render evaluates
// a template for one instance in one pod. A Set holds the templates of all sources,
// answers which one a name stands for in a namespace, and which ones select a pod
// without being asked.
//
// The package is pure: it reads no file, clock or environment, and all its values
// may be shared between goroutines.
package templates
