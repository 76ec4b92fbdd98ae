package source

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Embedded is the source of the templates that come with the binary.
type Embedded struct{ tree }

// NewEmbedded reads the template files of fsys, as a rule an embed.FS.
func NewEmbedded(fsys fs.FS) *Embedded {
	return &Embedded{tree{
		name:   templates.SourceBuiltIn,
		fsys:   fsys,
		memory: memory{source: templates.SourceBuiltIn},
	}}
}

// Watch waits: what is embedded never changes.
func (e *Embedded) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// tree reads the files of a file system and remembers what they held.
type tree struct {
	name string
	// prefix stands before the files' names in origins and findings.
	prefix string
	fsys   fs.FS
	memory memory
}

// Name is that of the source for people.
func (t *tree) Name() string { return t.name }

// Read gives the templates: see Source.
func (t *tree) Read() ([]templates.Entry, error) {
	files, err := readFiles(t.fsys)
	if err != nil {
		err = fmt.Errorf("%s: %w", t.name, err)
	}
	if files == nil {
		return t.memory.entries, err
	}
	for i := range files {
		files[i].name = filepath.Join(t.prefix, files[i].name)
	}
	return t.memory.update(files), err
}
