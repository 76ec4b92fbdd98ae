package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/fsnotify/fsnotify"

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

// Directory is the source of the templates in a directory and the folders in it:
// files that end in .yaml, .yml or .json. It understands mounted ConfigMaps.
type Directory struct {
	tree
	path   string
	rescan time.Duration
}

// NewDirectory reads path, which need not exist yet.
func NewDirectory(path string) *Directory {
	return &Directory{
		path:   path,
		rescan: rescan,
		tree: tree{
			name:   "directory " + strconv.Quote(path),
			prefix: path,
			fsys:   os.DirFS(path),
			memory: memory{source: templates.SourceDirectory},
		},
	}
}

// Watch follows the directory and every folder in it.
func (d *Directory) Watch(ctx context.Context, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("%s: watch: %w", d.name, err)
	}
	defer watcher.Close()
	d.follow(watcher)
	changed() // for what happened between the first read and now

	ticker := time.NewTicker(d.rescan)
	defer ticker.Stop()
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
	for _, folder := range listFolders(d.fsys) {
		if real, err := filepath.EvalSymlinks(filepath.Join(d.path, folder)); err == nil {
			wanted[real] = true
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
