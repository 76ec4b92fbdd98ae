// Package templates is what a sidecar template is: who it is, which parameters it takes, what
// it adds to a pod, and which one a pod gets by a name.
//
// Package load makes a Template of the YAML that a person wrote, and a Finding of everything
// that is wrong with it, with its place, its field and a reason from a closed list. Bind turns
// the texts of annotations into checked Parameters, Render evaluates a template for one
// instance in one pod. A Set holds the templates of all sources, answers which one a name
// stands for in a namespace, and which ones select a pod without being asked.
//
// The package is pure, and so are those below it but source: they read no file, clock or
// environment, and all their values may be shared between goroutines.
package templates
