package source

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// tree reads the files of one or more file systems and caches their templates.
type tree struct {
	roots  []root
	memory memory
}

// root is one file system.
type root struct {
	// name is the name for messages.
	name string
	// prefix is put before the names of its files in origins and findings; "" for none.
	prefix string
	fsys   fs.FS
	// files are the names found by the last read, nil before the first.
	files []string
}

// newTree returns the tree that reads roots as one source; source is one of the templates.Source constants.
func newTree(source string, roots ...root) tree {
	return tree{roots: roots, memory: memory{source: source, loader: load.NewLoader()}}
}

// Read implements Source.
func (t *tree) Read() ([]templates.Entry, error) {
	var all []file
	var errs []error
	unknown := false
	for i := range t.roots {
		files, err := t.roots[i].read()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.roots[i].name, err))
		}
		unknown = unknown || files == nil
		all = append(all, files...)
	}
	err := errors.Join(errs...)
	if unknown {
		return nil, err
	}
	return t.memory.update(all), err
}

// read returns the root's files. If it cannot be read, it returns the previous files marked unread; nil if it
// never could be read.
func (r *root) read() ([]file, error) {
	files, err := readFiles(r.fsys)
	if files == nil {
		if r.files == nil {
			return nil, err
		}
		files = make([]file, len(r.files))
		for i, name := range r.files {
			files[i] = file{name: name, unread: true}
		}
		return files, err
	}
	r.files = make([]string, len(files))
	for i := range files {
		files[i].name = filepath.Join(r.prefix, files[i].name)
		r.files[i] = files[i].name
	}
	return files, err
}
