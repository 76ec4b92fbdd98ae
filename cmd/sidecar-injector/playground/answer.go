// Package playground computes what the playground's page shows about a pod: the injected pod, the reasons,
// and the positions of faults in the input. It runs in the page's server, and in the page itself when
// compiled to WebAssembly, with one Request and one Answer as JSON. It reads no files, no cluster and no
// clock.
package playground

import (
	"encoding/json"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// The texts of a Request, as Findings name them.
const (
	PodFile       = "pod.yaml"
	NamespaceFile = "namespace.yaml"
	TemplatesFile = "templates.yaml"
)

// MaxText is the largest size of one text of a Request in bytes, slightly more than the API server accepts.
const MaxText = 3 << 20

// Request is the content of the page's editors.
type Request struct {
	// Pod is a pod, or anything that makes pods, as YAML or JSON.
	Pod string `json:"pod"`
	// Namespace is the manifest of the pod's Namespace; without one it counts as enabled.
	Namespace string `json:"namespace"`
	// Templates are used in addition to the built-in ones, and replace those of the same name.
	Templates string `json:"templates"`
	// Steps requests the Steps of each pod, which take longer than everything else.
	Steps bool `json:"steps,omitempty"`
}

// Answer is the result of a Request. Parts that cannot be computed because of faults in the input are left
// out.
type Answer struct {
	// Error is why there is no result at all; "" if there is one.
	Error string `json:"error,omitempty"`
	// Findings are the faults of the texts and of the requests in them, with their positions.
	Findings []Finding `json:"findings,omitempty"`
	// Pods are the results for the pods in the text.
	Pods []Pod `json:"pods,omitempty"`
	// Diff is a unified diff of the pods' text; "" if nothing changes.
	Diff string `json:"diff,omitempty"`
	// Limits are the cost limits of expressions.
	Limits Limits `json:"limits"`
}

// Limits are cost limits in CEL's units.
type Limits struct {
	Expression uint64 `json:"expression"`
	Instance   uint64 `json:"instance"`
}

// Finding is a fault at a place of one of the texts.
type Finding struct {
	// File is one of the names of the texts. Line and Column count from 1, columns in characters; they are
	// 0 if unknown.
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Severity is error or warning.
	Severity string `json:"severity"`
	// Reason is one of the reasons of decisions or findings; "" for a text that cannot be read.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Pod is the result for one pod.
type Pod struct {
	// Title is its kind and name, Verdict the result in a sentence.
	Title       string               `json:"title"`
	Verdict     string               `json:"verdict"`
	Outcome     inject.Outcome       `json:"outcome"`
	Reason      inject.Reason        `json:"reason"`
	Explanation *explain.Explanation `json:"explanation"`
	// Patch is the JSON patch of the text's document; "" without operations.
	Patch string `json:"patch,omitempty"`
	// Steps are the pod before injection and after each instance, if the Request asks for them.
	Steps []Step `json:"steps,omitempty"`
	// Values are the values of the variables and expressions of its instances.
	Values []Values `json:"values,omitempty"`

	text []byte // as JSON; nil until it is complete
}

// MarshalJSON implements json.Marshaler.
func (p Pod) MarshalJSON() ([]byte, error) {
	if p.text != nil {
		return p.text, nil
	}
	type fields Pod
	return json.Marshal(fields(p))
}

// Step is the pod after one instance.
type Step struct {
	// Instance is the instance's name; "" for the pod before injection.
	Instance string `json:"instance,omitempty"`
	YAML     string `json:"yaml"`
}

// Values are the values of the variables and expressions of one instance.
type Values struct {
	Instance    string       `json:"instance"`
	Template    string       `json:"template"`
	Variables   []Variable   `json:"variables"`
	Expressions []Expression `json:"expressions"`
	// Cost is the cost of all expressions together.
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
