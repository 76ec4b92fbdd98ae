package main

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// update writes the files of an object and removes those that it no longer has.
func (y *syncer) update(o object) (changed bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	paths := y.paths(o)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		changed = y.write(path, o.data[paths[path]]) || changed
	}
	for _, old := range y.written[o.key()] {
		if _, still := paths[old]; !still {
			changed = y.erase(old) || changed
		}
	}
	y.written[o.key()] = slices.Collect(maps.Keys(paths))
	return changed
}

// remove deletes the files of an object.
func (y *syncer) remove(o object) (changed bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for path := range y.paths(o) {
		changed = y.erase(path) || changed
	}
	delete(y.written, o.key())
	return changed
}

// sweep deletes the files of objects at p that this process has seen and that are no longer listed.
func (y *syncer) sweep(p place, listed map[string]bool) (changed bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	prefix := p.kind + "/"
	if p.namespace != everywhere {
		prefix += p.namespace + "/"
	}
	for key, paths := range y.written {
		if listed[key] || !strings.HasPrefix(key, prefix) {
			continue
		}
		for _, path := range paths {
			changed = y.erase(path) || changed
		}
		delete(y.written, key)
	}
	return changed
}

// paths returns the key of the object's data for each file.
func (y *syncer) paths(o object) map[string]string {
	folder := y.folder
	if other, ok := o.annotations[y.folderAnnotation]; ok {
		if folder = other; !filepath.IsAbs(other) {
			folder = filepath.Join(y.folder, other)
		}
	}
	paths := map[string]string{}
	for key := range o.data {
		if strings.HasSuffix(key, ".url") {
			y.log.Error("Error when updating from '" + key + "': downloads are not in this stand-in")
			continue
		}
		name := key
		if y.unique {
			name = "namespace_" + o.namespace + "." + o.kind + "_" + o.name + "." + key
		}
		paths[filepath.Join(folder, name)] = key
	}
	return paths
}

// write writes a file, and reports whether its content has changed.
func (y *syncer) write(path string, content []byte) bool {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		y.log.Debug("Contents of " + filepath.Base(path) + " haven't changed. Not overwriting existing file")
		return false
	}
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, content, 0o666)
	}
	if err == nil && y.fileMode != 0 {
		err = os.Chmod(path, y.fileMode)
	}
	if err != nil {
		y.log.Error("Error when updating " + path + ": " + err.Error())
		return false
	}
	y.log.Info("Writing " + path)
	return true
}

func (y *syncer) erase(path string) bool {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		y.log.Error("Error: " + path + " file not found")
	} else if err != nil {
		y.log.Error("Error when removing " + path + ": " + err.Error())
	} else {
		y.log.Info("Deleting " + path)
	}
	return err == nil
}
