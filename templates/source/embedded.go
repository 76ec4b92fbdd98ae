package source

import (
	"context"
	"io/fs"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
)

// Embedded is the source of the templates that are compiled into the binary.
type Embedded struct{ tree }

// NewEmbedded returns the source of the template files in fsys, usually an embed.FS.
func NewEmbedded(fsys fs.FS) *Embedded {
	return &Embedded{newTree(templates.SourceBuiltIn, root{name: "built-in", fsys: fsys})}
}

// Name returns the name of the source for messages.
func (e *Embedded) Name() string { return "built-in templates" }

// Watch waits until ctx is done: embedded files never change.
func (e *Embedded) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// Usual returns the sources that every command has: the built-in templates, those of directories, then the
// further ones. A later source hides templates of an earlier one. Templates of directories are checked for a
// release of Kubernetes, nil if unknown; the built-in ones support every supported release.
func Usual(kubernetes *version.Version, directories []string, further ...Source) []Source {
	sources := []Source{NewEmbedded(builtin.FS)}
	if len(directories) > 0 {
		sources = append(sources, NewDirectory(directories...).For(kubernetes))
	}
	return append(sources, further...)
}
