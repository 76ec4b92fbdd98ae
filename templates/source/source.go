// Package source reads templates. A Source reads one place: files embedded in the binary, a directory such as
// a mounted ConfigMap, or the custom resources of a cluster. A Library merges all of them into one immutable
// templates.Set, which is replaced atomically.
//
// All sources guarantee that no failure removes the last good version of a template. If a template becomes
// invalid, a file can no longer be parsed or read, or a directory disappears, the last version stays in use,
// and the failure is reported. Only deleting a document or a file removes its templates.
package source

import (
	"context"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Source is one place from which templates are read. A Library calls Read from one goroutine at a time.
type Source interface {
	// Name returns the name of the source for messages: built-in, directory "/etc/templates".
	Name() string
	// Read returns the current templates, all from one state of the source. A broken entry holds the last
	// good template if there was one. With an error, the entries of the part of the source that the error is
	// about are those of the last state that could be read; nil entries mean that there never was one. Nil
	// without an error means that the templates are not known yet; Watch will call changed.
	Read() ([]templates.Entry, error)
	// Watch calls changed when the result of Read may have changed, until ctx is done. An error means that
	// changes will not be noticed.
	Watch(ctx context.Context, changed func()) error
}
