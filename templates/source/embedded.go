package source

import (
	"context"
	"io/fs"

	"github.com/sidecar-injector/sidecar-injector/templates"
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
