package templates

import (
	"fmt"
	"runtime/debug"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Loading and rendering one template recover from panics: a panic, which is a bug of the injector, becomes an
// error of that template alone, and all other templates and pods are still processed. The stack is returned
// beside the error, for the log; it is not part of the message that users see.

// Contain calls do and recovers a panic in it. stack is the panic's value followed by the stack trace, "" if
// do returned normally.
func Contain(do func()) (stack string) {
	defer func() {
		if p := recover(); p != nil {
			stack = stackOf(p)
		}
	}()
	do()
	return ""
}

// longestStack is the maximum length of a panic's text in bytes; a runaway recursion has thousands of frames.
const longestStack = 16 << 10

func stackOf(p any) string {
	return message.Cut(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), longestStack)
}

// containRender is deferred by functions that render a template; it turns a panic into a *program.Error.
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
