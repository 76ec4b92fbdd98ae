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
	// maxFile bounds a template file in bytes; a ConfigMap holds at most 1 MiB.
	maxFile = 32 << 20
	// maxDepth bounds folders within folders, and so links that lead in circles.
	maxDepth = 16
	// maxAttempts is how often a directory is read again because it changed meanwhile.
	maxAttempts = 10

	// dataLink is the kubelet's link to the folder with the present version of all
	// files of a mounted ConfigMap; it is swapped whole.
	dataLink = "..data"
)

// errUnsettled says that a directory changed during every attempt to read it.
var errUnsettled = errors.New("the directory keeps changing while it is read")

// readFiles gives the template files below the root of fsys, by name. Names that
// begin with two dots, the kubelet's own, are left out. In a mounted ConfigMap all
// files are of one version: they are taken from the folder that the kubelet's link
// leads to, and that link was the same before and after. An error that concerns
// single files comes together with files, those among them marked unread; after any
// other error files is nil.
func readFiles(fsys fs.FS) (files []file, err error) {
	for range maxAttempts {
		w := walk{fsys: fsys, links: map[string]string{}, files: []file{}}
		err := w.folder(".", ".", nil)
		switch {
		case errors.Is(err, fs.ErrNotExist) && exists(fsys, "."):
			continue // something went away between being listed and being read
		case err != nil:
			return nil, err
		case w.changed():
			continue
		}
		return w.files, errors.Join(w.faults...)
	}
	return nil, errUnsettled
}

// listFolders gives the folders that readFiles looks into, as far as it gets.
func listFolders(fsys fs.FS) []string {
	w := walk{fsys: fsys, links: map[string]string{}, foldersOnly: true}
	_ = w.folder(".", ".", nil)
	return w.folders
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// walk is one attempt.
type walk struct {
	fsys    fs.FS
	links   map[string]string // the kubelet's links and where they led
	files   []file
	folders []string
	faults  []error
	// foldersOnly leaves the files unread.
	foldersOnly bool
}

// folder reads the folder at place; shown is its name in front of the user, and
// above are the folders that it lies in.
func (w *walk) folder(place, shown string, above []fs.FileInfo) error {
	info, err := fs.Stat(w.fsys, place)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: not a directory", place)
	}
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return nil // a link that leads back up
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
		return nil // the kubelet makes and removes these one by one, after the swap
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

// dangling tells a link that leads nowhere from a file that has just been removed.
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
		// Thousands of files are read every few seconds: no more garbage than there are bytes.
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

// changed says whether a link was swapped since the walk came by.
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
