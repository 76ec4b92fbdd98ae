package offline

import (
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// tooLarge returns a fault for a number of the pod that no float holds, in a field that is no string: Kubernetes
// reads a string there.
func tooLarge(a *Answer) error {
	pod := manifest.At(a.Pod.Document.Root, a.Pod.Pointer)
	if manifest.FindTooLarge(pod) == nil {
		return nil
	}
	for _, f := range schema.Pod().CheckYAML(pod, nil) {
		if f.Reason != schema.UnknownField && manifest.TooLarge(f.Node) {
			return &manifest.Error{File: a.Pod.Document.File, Line: f.Node.Line, Column: f.Node.Column, Message: a.Title() + ": " + f.Error(), Hint: f.Hint}
		}
	}
	return nil
}
