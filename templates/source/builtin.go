package source

import (
	"context"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
)

// BuiltIn is the source of the templates that are compiled into the binary.
type BuiltIn struct{ tree }

// NewBuiltIn returns the source of the built-in templates. Their tests check them, so that reading them does not.
func NewBuiltIn() *BuiltIn {
	built := newTree(templates.SourceBuiltIn, root{name: "built-in", fsys: builtin.FS})
	built.memory.loader.Trust()
	return &BuiltIn{built}
}

// Name returns the name of the source for messages.
func (b *BuiltIn) Name() string { return "built-in templates" }

// Watch compiles the templates, so that no pod waits for that, and waits until ctx is done: embedded files never
// change.
func (b *BuiltIn) Watch(ctx context.Context, _ func()) error {
	if _, err := b.Compiled(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// Compiled returns what Read returns, with the templates compiled now and not when each is first needed.
func (b *BuiltIn) Compiled() ([]templates.Entry, error) {
	entries, err := b.Read()
	for _, e := range entries {
		e.Template.Program()
	}
	b.memory.loader.Settle()
	return entries, err
}

// Usual returns the sources that every command has: the built-in templates, those of directories, then the
// further ones. A later source hides templates of an earlier one. Templates of directories are checked for a
// release of Kubernetes, nil if unknown; the built-in ones support every supported release.
func Usual(kubernetes *version.Version, directories []string, further ...Source) []Source {
	sources := []Source{NewBuiltIn()}
	if len(directories) > 0 {
		sources = append(sources, NewDirectory(directories...).For(kubernetes))
	}
	return append(sources, further...)
}
