// Package templates defines sidecar templates: their identity, their parameters, what they add to a pod, and
// which template a name stands for.
//
// Package load makes a Template from YAML, and a Finding for every fault in it, with its place, its field and
// a reason from a closed list. Bind turns the texts of annotations into checked Parameters; Render evaluates
// a template for one instance in one pod. A Set holds the templates of all sources: it finds the template of
// a name in a namespace, and those that select a pod by themselves.
//
// The package and those below it, except source, are pure: they use no file, clock or environment, and all
// their values may be shared between goroutines.
package templates
