package source

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

const (
	// settle is the time without events after which a directory is read: programs that copy or save files
	// write them in several steps.
	settle = 100 * time.Millisecond
	// settleLimit is the maximum wait if events never stop.
	settleLimit = 2 * time.Second
	// rescan is the interval of reading everything again, for changes that the watch misses: network file
	// systems, a directory that was removed and created again, links to outside the directory.
	rescan = 10 * time.Second
)

// Directory is the source of the templates in directories, recursively: files that end in .yaml, .yml or
// .json. It supports mounted ConfigMaps.
type Directory struct {
	tree
	paths  []string
	rescan time.Duration
}

// NewDirectory returns the source that reads paths as one: a template must be in only one of them.
func NewDirectory(paths ...string) *Directory {
	roots := make([]root, len(paths))
	for i, path := range paths {
		roots[i] = root{name: "directory " + strconv.Quote(path), prefix: path, fsys: os.DirFS(path)}
	}
	return &Directory{tree: newTree(templates.SourceDirectory, roots...), paths: paths, rescan: rescan}
}

// For sets the release of Kubernetes for which the templates are checked, and returns the Directory. It is
// called before Read.
func (d *Directory) For(kubernetes *version.Version) *Directory {
	d.memory.loader.For(kubernetes)
	return d
}

// Name returns the name of the source for messages.
func (d *Directory) Name() string { return "template directory " + strings.Join(d.paths, ", ") }

// Watch watches the directories recursively. If the node's limit of inotify watches is reached, changes are
// found by the rescan only.
func (d *Directory) Watch(ctx context.Context, changed func()) error {
	ticker := time.NewTicker(d.rescan)
	defer ticker.Stop()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return onlyRescan(ctx, ticker.C, changed)
	}
	defer watcher.Close()
	d.follow(watcher)
	changed() // changes between the first read and now

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-watcher.Errors: // for example an overflow of events: read everything
		case <-watcher.Events:
			if !quiet(ctx, watcher.Events) {
				return nil
			}
		}
		d.follow(watcher)
		changed()
	}
}

// onlyRescan calls changed at every tick.
func onlyRescan(ctx context.Context, ticks <-chan time.Time, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
			changed()
		}
	}
}

// quiet waits until there has been no event for the time settle, at most settleLimit; false if ctx is done.
func quiet[T any](ctx context.Context, events <-chan T) bool {
	limit := time.After(settleLimit)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-limit:
			return true
		case <-time.After(settle):
			return true
		case <-events:
		}
	}
}

// follow sets the watches to the folders that exist now. Folders that cannot be watched are left to the
// rescan.
func (d *Directory) follow(watcher *fsnotify.Watcher) {
	wanted := map[string]bool{}
	for i, path := range d.paths {
		for _, folder := range listFolders(d.roots[i].fsys) {
			if real, err := filepath.EvalSymlinks(filepath.Join(path, folder)); err == nil {
				wanted[real] = true
			}
		}
	}
	for _, watched := range watcher.WatchList() {
		if !wanted[watched] {
			_ = watcher.Remove(watched)
		}
	}
	for folder := range wanted {
		_ = watcher.Add(folder)
	}
}
