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
	// settle is how long a directory has to be quiet before it is read: programs that
	// copy or save files write them piece by piece.
	settle = 100 * time.Millisecond
	// settleLimit bounds the wait in a directory that is never quiet.
	settleLimit = 2 * time.Second
	// rescan finds what the watch missed: network file systems, a directory that was
	// removed and made anew, links outside the directory.
	rescan = 10 * time.Second
)

// Directory is the source of the templates in directories and the folders in
// them: files that end in .yaml, .yml or .json. It understands mounted ConfigMaps.
type Directory struct {
	tree
	paths  []string
	rescan time.Duration
}

// NewDirectory reads paths as one source: a template must be in only one of them.
func NewDirectory(paths ...string) *Directory {
	roots := make([]root, len(paths))
	for i, path := range paths {
		roots[i] = root{name: "directory " + strconv.Quote(path), prefix: path, fsys: os.DirFS(path)}
	}
	return &Directory{tree: newTree(templates.SourceDirectory, roots...), paths: paths, rescan: rescan}
}

// For has the templates checked for a release of Kubernetes, and gives the Directory back. It is called before Read.
func (d *Directory) For(kubernetes *version.Version) *Directory {
	d.memory.loader.For(kubernetes)
	return d
}

// Name is that of the source for people.
func (d *Directory) Name() string { return "template directory " + strings.Join(d.paths, ", ") }

// Watch follows the directories and every folder in them. Where the node has no
// watches left, the rescan alone finds what changes.
func (d *Directory) Watch(ctx context.Context, changed func()) error {
	ticker := time.NewTicker(d.rescan)
	defer ticker.Stop()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return onlyRescan(ctx, ticker.C, changed)
	}
	defer watcher.Close()
	d.follow(watcher)
	changed() // for what happened between the first read and now

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-watcher.Errors: // an overflow, say: read everything
		case <-watcher.Events:
			if !quiet(ctx, watcher) {
				return nil
			}
		}
		d.follow(watcher)
		changed()
	}
}

// onlyRescan reads again at every tick.
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

// quiet waits until nothing has happened for a while; false when ctx is done.
func quiet(ctx context.Context, watcher *fsnotify.Watcher) bool {
	limit := time.After(settleLimit)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-limit:
			return true
		case <-time.After(settle):
			return true
		case <-watcher.Events:
		case <-watcher.Errors:
		}
	}
}

// follow watches exactly the folders that there are now. What cannot be watched is
// found by the rescan.
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
