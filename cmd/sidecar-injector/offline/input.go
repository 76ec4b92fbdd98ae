// Package offline decides on the pods in manifests as the webhook would when they are created, and edits
// the manifests accordingly. It accesses no cluster and no files; manifests that were read from a cluster
// are treated alike.
package offline

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Input holds the manifests, and the templates and settings for the decision.
type Input struct {
	Set      *templates.Set
	Settings *inject.Settings
	// Given are the known namespaces by name. Fallback is the namespace of objects that name none.
	Given    map[string]inject.Namespace
	Fallback string
	// Streams are the manifests, Pods what Collect found in them.
	Streams []*manifest.Stream
	Pods    []manifest.Pod
	// Evaluations requests the values of variables and expressions.
	Evaluations bool
	// Live is true if the manifests were read from a cluster.
	Live bool
	// Doubt, if not nil, returns why it is unknown what the injector does with a template for pods of a
	// namespace; "" if Set is sufficient. always is true if even what it injects is in doubt.
	Doubt func(namespace, template string) (why string, always bool)
	// Progress, if not nil, is called with the number of documents or pods that are done, and their total.
	Progress func(what string, done, of int)
	// Stop, if not nil, is called before each decision about a pod and each edit of a document; its error ends
	// Answers and Edit, which return it.
	Stop func() error

	texts map[string]manifest.Namespace // of Given, those whose text is known
}

func (in *Input) stop() error {
	if in.Stop == nil {
		return nil
	}
	return in.Stop()
}

func (in *Input) progress(what string, done, of int) {
	if in.Progress != nil {
		in.Progress(what, done, of)
	}
}

// Collect finds the pods and Namespaces in the streams. The error lists all faults of the manifests.
func (in *Input) Collect() error {
	var faults []error
	for i, stream := range in.Streams {
		in.progress("looking for pods in files", i, len(in.Streams))
		for _, document := range stream.Documents {
			alone := single(stream, document)
			found, err := alone.Namespaces()
			if err != nil {
				faults = append(faults, err)
				continue
			}
			in.Read(found...)
			pods, err := alone.Pods()
			if err != nil {
				faults = append(faults, err)
			}
			in.Pods = append(in.Pods, pods...)
		}
	}
	return errors.Join(faults...)
}

// single returns a stream of one of the documents, so that a fault in one does not hide those in others.
func single(stream *manifest.Stream, document *manifest.Document) *manifest.Stream {
	return &manifest.Stream{File: stream.File, Documents: []*manifest.Document{document}}
}

// Namespaces converts namespaces of manifests for the decision.
func Namespaces(found []manifest.Namespace) []inject.Namespace {
	all := make([]inject.Namespace, len(found))
	for i, n := range found {
		all[i] = inject.Namespace{Name: n.Name, Labels: n.Labels, Annotations: n.Annotations}
	}
	return all
}

// Read adds namespaces of manifests to Given, replacing those of the same names.
func (in *Input) Read(found ...manifest.Namespace) {
	in.Give(Namespaces(found)...)
	if in.texts == nil {
		in.texts = map[string]manifest.Namespace{}
	}
	for _, n := range found {
		in.texts[n.Name] = n
	}
}

// Give adds namespaces to Given, replacing those of the same names.
func (in *Input) Give(namespaces ...inject.Namespace) {
	if in.Given == nil {
		in.Given = map[string]inject.Namespace{}
	}
	for _, n := range namespaces {
		in.Given[n.Name] = n
	}
}

// namespace returns the namespace of that name, and whether it was given; if not, it counts as enabled.
func (in *Input) namespace(name string) (inject.Namespace, bool) {
	if name == "" {
		name = in.Fallback
	}
	if n, ok := in.Given[name]; ok {
		return n, true
	}
	return inject.EnabledNamespace(name), false
}
