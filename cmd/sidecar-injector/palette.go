package main

import (
	"fmt"
	"io"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
)

// palette colours the output to one stream.
type palette = terminal.Palette

// newPalette implements --color: always, never, or auto, which colours a terminal but nothing under CI.
func newPalette(choice string, out io.Writer, getenv func(string) string) (palette, error) {
	switch choice {
	case "always":
		return palette{On: true}, nil
	case "never":
		return palette{}, nil
	case "auto":
		return palette{On: getenv("NO_COLOR") == "" && progress.Watched(out, getenv)}, nil
	}
	return palette{}, fmt.Errorf("--color %q: want auto, always or never", choice)
}
