package source

import (
	"context"
	"io/fs"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
)

// Embedded is the source of the templates that come with the binary.
type Embedded struct{ tree }

// NewEmbedded reads the template files of fsys, as a rule an embed.FS.
func NewEmbedded(fsys fs.FS) *Embedded {
	return &Embedded{newTree(templates.SourceBuiltIn, root{name: "built-in", fsys: fsys})}
}

// Name is that of the source for people.
func (e *Embedded) Name() string { return "built-in templates" }

// Watch waits: what is embedded never changes.
func (e *Embedded) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// Usual are the sources that every command has, the built-in templates and those of directories, and then the
// further ones. A later source hides templates of an earlier one. Those of directories are checked for a release
// of Kubernetes, nil where nobody knows; the built-in ones are for every supported one.
func Usual(kubernetes *version.Version, directories []string, further ...Source) []Source {
	sources := []Source{NewEmbedded(builtin.FS)}
	if len(directories) > 0 {
		sources = append(sources, NewDirectory(directories...).For(kubernetes))
	}
	return append(sources, further...)
}
