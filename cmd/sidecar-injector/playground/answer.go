// Package playground answers what a page asks about a pod: what it becomes, why, and where a text
// is at fault. The page's server calls it, and so does the page itself, compiled to WebAssembly:
// both with one Request and one Answer, as JSON. It reads no file, no cluster and no clock.
package playground

import "github.com/sidecar-injector/sidecar-injector/webhook/inject"

// The texts of a Request, as Findings name them.
const (
	PodFile       = "pod.yaml"
	NamespaceFile = "namespace.yaml"
	TemplatesFile = "templates.yaml"
)

// MaxText bounds one text of a Request in bytes. It is a little more than the API server takes.
const MaxText = 3 << 20

// Request is what stands in the page's editors.
type Request struct {
	// Pod is a pod, or anything that makes pods, as YAML or JSON.
	Pod string `json:"pod"`
	// Namespace is the Namespace that the pod is created in; without one it counts as enabled.
	Namespace string `json:"namespace"`
	// Templates are used beside the built-in ones, and instead of those of the same name.
	Templates string `json:"templates"`
}

// Answer is what became of a Request. What cannot be said for a fault of the texts is left out.
type Answer struct {
	// Error is a sentence on why there is no answer at all; "" if there is one.
	Error string `json:"error,omitempty"`
	// Findings are the faults of the texts, each with its place.
	Findings []Finding `json:"findings,omitempty"`
	// Pods are those that the text holds, each with what became of it.
	Pods []Pod `json:"pods,omitempty"`
	// Diff shows what changes in the text of the pods, as a unified diff; "" if nothing does.
	Diff string `json:"diff,omitempty"`
}

// Finding is a fault at a place of one of the texts.
type Finding struct {
	// File is one of the names of the texts. Line and Column count from 1, columns in characters;
	// 0 when unknown.
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Severity is error or warning.
	Severity string `json:"severity"`
	// Reason is from the closed list of reasons, "" for a text that cannot be read.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Pod is what became of one pod.
type Pod struct {
	// Title is its kind and name.
	Title   string         `json:"title"`
	Outcome inject.Outcome `json:"outcome"`
	Reason  inject.Reason  `json:"reason"`
	// Patch is the JSON patch of the pod, as the API server gets it, laid out; "" without operations.
	Patch string `json:"patch,omitempty"`
	// Steps are the pod as it came, and after each instance.
	Steps []Step `json:"steps"`
}

// Step is the pod after one instance.
type Step struct {
	// Instance is its name; "" for the pod as it came.
	Instance string `json:"instance,omitempty"`
	YAML     string `json:"yaml"`
}
