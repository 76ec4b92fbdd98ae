// Package source is where templates come from. A Source reads one place: files
// embedded in the binary, a directory such as a mounted ConfigMap, the custom
// resources of a cluster. A Library merges all of them into one immutable
// templates.Set, which is swapped whole.
//
// Whatever a source reads, it keeps one promise: nothing that goes wrong removes
// the last good version of a template. A template that turns broken, a file that
// can no longer be parsed or read, a directory that vanishes: all leave what was,
// and say so. Only a document that is taken out, or a file that is deleted, removes
// its templates.
package source

import (
	"context"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Source is one place that templates come from. A Library calls Read from one
// goroutine at a time.
type Source interface {
	// Name tells people which source it is: built-in, directory "/etc/templates".
	Name() string
	// Read gives the templates as of now, all from one state of the source. An entry
	// that is broken holds the last good template if there was one. With an error the
	// entries are those of the last state that could be read, for the part of the
	// source that the error is about; nil means that there never was one. Without an error
	// nil means: not known yet, Watch will tell.
	Read() ([]templates.Entry, error)
	// Watch calls changed when Read may have something new to say, until ctx is
	// done. An error says that changes will go unnoticed.
	Watch(ctx context.Context, changed func()) error
}
