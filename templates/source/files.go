package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	// maxFile is the maximum size of a template file in bytes; a ConfigMap holds at most 1 MiB.
	maxFile = 32 << 20
	// maxDepth is the maximum nesting of folders. It also ends cycles of links.
	maxDepth = 16
	// maxAttempts is how often a directory is read again if it changes while it is read.
	maxAttempts = 10

	// dataLink is the kubelet's link to the folder with the current version of all files of a mounted
	// ConfigMap; it is replaced atomically.
	dataLink = "..data"
)

// errUnsettled is returned if a directory changed during every attempt to read it.
var errUnsettled = errors.New("the directory keeps changing while it is read")

// readFiles returns the template files below the root of fsys, sorted by name. Names that begin with two
// dots, which the kubelet uses, are left out. In a mounted ConfigMap all files are of one version: they are
// read through the kubelet's link, which must lead to the same folder before and after. An error about single
// files is returned together with all files, those concerned marked unread; after any other error files is
// nil.
func readFiles(fsys fs.FS) (files []file, err error) {
	for range maxAttempts {
		w := walk{fsys: fsys, links: map[string]string{}, files: []file{}}
		err := w.folder(".", ".", nil)
		switch {
		case errors.Is(err, fs.ErrNotExist) && exists(fsys, "."):
			continue // a file was removed between being listed and being read
		case err != nil:
			return nil, err
		case w.changed():
			continue
		}
		return w.files, errors.Join(w.faults...)
	}
	return nil, errUnsettled
}

// listFolders returns the folders that readFiles reads, up to the first error.
func listFolders(fsys fs.FS) []string {
	w := walk{fsys: fsys, links: map[string]string{}, foldersOnly: true}
	_ = w.folder(".", ".", nil)
	return w.folders
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// walk is one attempt to read a file system.
type walk struct {
	fsys    fs.FS
	links   map[string]string // the kubelet's links and their targets
	files   []file
	folders []string
	faults  []error
	// foldersOnly skips the files.
	foldersOnly bool
}

// folder reads the folder at place; shown is its name in messages, above are the folders that contain it.
func (w *walk) folder(place, shown string, above []fs.FileInfo) error {
	info, err := fs.Stat(w.fsys, place)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: not a directory", place)
	}
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return nil // a link to a folder above
	}
	if len(above) > maxDepth {
		return fmt.Errorf("%s: more than %d folders deep", place, maxDepth)
	}
	above = append(above[:len(above):len(above)], info)
	w.folders = append(w.folders, place)

	link := path.Join(place, dataLink)
	if target, err := fs.ReadLink(w.fsys, link); err == nil {
		w.links[link] = target
		if err := w.folder(link, shown, above); err != nil {
			return err
		}
	}
	entries, err := fs.ReadDir(w.fsys, place)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		if err := w.entry(path.Join(place, entry.Name()), path.Join(shown, entry.Name()), above); err != nil {
			return err
		}
	}
	return nil
}

// entry reads a file or folder; links are followed.
func (w *walk) entry(place, shown string, above []fs.FileInfo) error {
	if target, err := fs.ReadLink(w.fsys, place); err == nil && strings.HasPrefix(target, dataLink+"/") {
		return nil // the kubelet creates and removes these one by one, after replacing the link
	}
	info, err := fs.Stat(w.fsys, place)
	switch {
	case err == nil && info.IsDir():
		return w.folder(place, shown, above)
	case w.foldersOnly || !isTemplateFile(shown) || err == nil && !info.Mode().IsRegular():
		return nil
	}
	var data []byte
	if err == nil {
		data, err = w.read(place)
	}
	if errors.Is(err, fs.ErrNotExist) && !w.dangling(place) {
		return err
	}
	if err != nil {
		w.faults = append(w.faults, err)
	}
	w.files = append(w.files, file{name: shown, data: data, unread: err != nil})
	return nil
}

// dangling reports whether place is a link without a target, as opposed to a file that has just been removed.
func (w *walk) dangling(place string) bool {
	_, err := fs.ReadLink(w.fsys, place)
	return err == nil
}

func (w *walk) read(name string) ([]byte, error) {
	f, err := w.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var data bytes.Buffer
	if info, err := f.Stat(); err == nil {
		// Thousands of files are read every few seconds: allocate no more than their size.
		data.Grow(int(min(info.Size(), maxFile)) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, err
	}
	if data.Len() > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return data.Bytes(), nil
}

// changed reports whether a link was replaced since the walk read it.
func (w *walk) changed() bool {
	for link, before := range w.links {
		if now, err := fs.ReadLink(w.fsys, link); err != nil || now != before {
			return true
		}
	}
	return false
}

func isTemplateFile(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
