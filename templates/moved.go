package templates

import (
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Names of before the program and the messages had packages of their own.
type (
	Object      = program.Object
	Member      = program.Member
	RenderError = program.Error
)

// AppendJSON is program.AppendJSON.
func AppendJSON(dst []byte, v any) []byte { return program.AppendJSON(dst, v) }

// ObjectFromJSON is program.ObjectFromJSON.
func ObjectFromJSON(data []byte) (Object, error) { return program.ObjectFromJSON(data) }

// Quote is message.Quote.
func Quote(text string) string { return message.Quote(text) }

// Printable is message.Printable.
func Printable(text string) string { return message.Printable(text) }

// Nearest is message.Nearest.
func Nearest(name string, known []string) string { return message.Nearest(name, known) }
