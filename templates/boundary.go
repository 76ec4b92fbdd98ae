package templates

import (
	"fmt"
	"runtime/debug"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Loading and rendering one template happen behind a boundary: a panic, which is a bug of
// the injector, becomes a fault of that template alone, and every other template and pod
// goes on. Whoever logs finds the stack beside the fault; nobody else is shown it.

// Contain calls do and gives what a panic in it left: its value, then the stack; "" if there was none.
func Contain(do func()) (stack string) {
	defer func() {
		if p := recover(); p != nil {
			stack = stackOf(p)
		}
	}()
	do()
	return ""
}

// longestStack bounds the text of a panic in bytes; a recursion has thousands of frames.
const longestStack = 16 << 10

func stackOf(p any) string {
	return message.Cut(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), longestStack)
}

// containRender is deferred where a template is rendered.
func (t *Template) containRender(err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = &program.Error{
		File: t.Origin.File, Line: t.Origin.Line, Column: min(t.Origin.Line, 1), Path: "spec",
		Message: "rendering it ended in an internal error of the injector, whose log has the stack",
		Stack:   stackOf(p),
	}
}
