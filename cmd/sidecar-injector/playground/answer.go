// Package playground answers what a page asks about a pod: what it becomes, why, and where a text
// is at fault. The page's server calls it, and so does the page itself, compiled to WebAssembly:
// both with one Request and one Answer, as JSON. It reads no file, no cluster and no clock.
package playground

import (
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

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
	// Steps asks for the Steps of each pod, which take longer than all the rest.
	Steps bool `json:"steps,omitempty"`
}

// Answer is what became of a Request. What cannot be said for a fault of the texts is left out.
type Answer struct {
	// Error is a sentence on why there is no answer at all; "" if there is one.
	Error string `json:"error,omitempty"`
	// Findings are the faults of the texts and of what they ask for, each with its place.
	Findings []Finding `json:"findings,omitempty"`
	// Pods are those that the text holds, each with what became of it.
	Pods []Pod `json:"pods,omitempty"`
	// Diff shows what changes in the text of the pods, as a unified diff; "" if nothing does.
	Diff string `json:"diff,omitempty"`
	// Limits are how much expressions may cost.
	Limits Limits `json:"limits"`
}

// Limits are in CEL's units of work.
type Limits struct {
	Expression uint64 `json:"expression"`
	Instance   uint64 `json:"instance"`
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
	// Reason is from the closed lists of reasons, "" for a text that cannot be read.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Pod is what became of one pod.
type Pod struct {
	// Title is its kind and name, Verdict what became of it in a sentence.
	Title       string               `json:"title"`
	Verdict     string               `json:"verdict"`
	Outcome     inject.Outcome       `json:"outcome"`
	Reason      inject.Reason        `json:"reason"`
	Explanation *explain.Explanation `json:"explanation"`
	// Patch is the JSON patch of the text's document; "" without operations.
	Patch string `json:"patch,omitempty"`
	// Steps are the pod as it came, and after each instance, where the Request asked for them.
	Steps []Step `json:"steps,omitempty"`
	// Values are what the templates of its instances come to.
	Values []Values `json:"values,omitempty"`
}

// Step is the pod after one instance.
type Step struct {
	// Instance is its name; "" for the pod as it came.
	Instance string `json:"instance,omitempty"`
	YAML     string `json:"yaml"`
}

// Values are what the variables and expressions of one instance come to.
type Values struct {
	Instance    string       `json:"instance"`
	Template    string       `json:"template"`
	Variables   []Variable   `json:"variables"`
	Expressions []Expression `json:"expressions"`
	// Cost is that of all expressions together.
	Cost uint64 `json:"cost"`
}

// Variable is one variable of expressions.
type Variable struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	// Message says why it could not be evaluated; "" if it could.
	Message string `json:"message,omitempty"`
}

// Expression is one text with expressions, in the order of evaluation.
type Expression struct {
	Path   string `json:"path"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Source string `json:"source"`
	Value  any    `json:"value"`
	Cost   uint64 `json:"cost"`
	// Message says why it failed; "" if it did not.
	Message string `json:"message,omitempty"`
}
