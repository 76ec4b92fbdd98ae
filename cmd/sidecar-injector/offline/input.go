// Package offline decides about the pods of manifests as the webhook would decide when they are
// created, and puts what it adds into their text. It needs no cluster and no file; manifests
// that were read from a cluster are input like any other.
package offline

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Input is what is decided about, and what decides.
type Input struct {
	Set      *templates.Set
	Settings *inject.Settings
	// Given are the namespaces that count as they stand, by name; Fallback is that of
	// objects that name none.
	Given    map[string]inject.Namespace
	Fallback string
	// Streams are the manifests, Pods what Collect found in them.
	Streams []*manifest.Stream
	Pods    []manifest.Pod
	// Evaluations asks for what variables and expressions come to.
	Evaluations bool
	// Live says that the manifests were read from a cluster.
	Live bool
	// Doubt says why nobody can tell what the injector makes of a template for pods of a namespace, "" where
	// the set tells. It may be nil.
	Doubt func(namespace, template string) string
	// Progress hears how many documents or pods are done, and of how many. It may be nil.
	Progress func(what string, done, of int)
}

func (in *Input) progress(what string, done, of int) {
	if in.Progress != nil {
		in.Progress(what, done, of)
	}
}

// Collect finds the pods of the streams, and the Namespaces wherever they stand. Faults of the
// manifests come all at once.
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
			in.Give(Namespaces(found)...)
			pods, err := alone.Pods()
			if err != nil {
				faults = append(faults, err)
			}
			in.Pods = append(in.Pods, pods...)
		}
	}
	return errors.Join(faults...)
}

// single is a stream of one of the documents, so that a fault in one hides none in another.
func single(stream *manifest.Stream, document *manifest.Document) *manifest.Stream {
	return &manifest.Stream{File: stream.File, Documents: []*manifest.Document{document}}
}

// Namespaces are those of manifests as the decision takes them.
func Namespaces(found []manifest.Namespace) []inject.Namespace {
	all := make([]inject.Namespace, len(found))
	for i, n := range found {
		all[i] = inject.Namespace{Name: n.Name, Labels: n.Labels, Annotations: n.Annotations}
	}
	return all
}

// Give makes namespaces count as they stand, instead of any of the same names so far.
func (in *Input) Give(namespaces ...inject.Namespace) {
	if in.Given == nil {
		in.Given = map[string]inject.Namespace{}
	}
	for _, n := range namespaces {
		in.Given[n.Name] = n
	}
}

// namespace is what counts of the namespace of that name, and whether somebody gave it.
func (in *Input) namespace(name string) (inject.Namespace, bool) {
	if name == "" {
		name = in.Fallback
	}
	if n, ok := in.Given[name]; ok {
		return n, true
	}
	return inject.Namespace{Name: name, Labels: map[string]string{inject.InjectionLabel: "enabled"}}, false
}
