package main

import (
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
)

// palette colours what goes to one stream.
type palette = terminal.Palette

// newPalette heeds --color: always, never, or auto, which colours what a person
// reads on a terminal and nothing under CI.
func newPalette(choice string, out io.Writer, getenv func(string) string) (palette, error) {
	switch choice {
	case "always":
		return palette{On: true}, nil
	case "never":
		return palette{}, nil
	case "auto":
		return palette{On: isTerminal(out) && getenv("NO_COLOR") == "" && getenv("CI") == "" && getenv("TERM") != "dumb"}, nil
	}
	return palette{}, fmt.Errorf("--color %q: want auto, always or never", choice)
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}
