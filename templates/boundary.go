package templates

import (
	"fmt"
	"runtime/debug"
)

// Loading and rendering one template happen behind a boundary: a panic, which is a bug of
// the injector, becomes a fault of that template alone, and every other template and pod
// goes on. Whoever logs finds the stack beside the fault; nobody else is shown it.

// contain calls do and gives what a panic in it left: its value, then the stack; "" if there was none.
func contain(do func()) (stack string) {
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

func stackOf(p any) string { return cut(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), longestStack) }

// internalError is the finding of a template, or of a file that cannot be read, in which something panicked.
func internalError(origin Origin, stack string) Finding {
	f := Finding{
		File: origin.File, Line: origin.Line, Reason: InternalError, Severity: SeverityError,
		Message: "checking it ended in an internal error of the injector",
		Hint:    "report it with the template; the injector's log has the stack",
		Stack:   stack,
	}
	if f.Line > 0 {
		f.Column = 1
	}
	return f
}

// containRender is deferred where a template is rendered.
func (t *Template) containRender(err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = &RenderError{
		File: t.Origin.File, Line: t.Origin.Line, Column: min(t.Origin.Line, 1), Path: specPath().String(),
		Message: "rendering it ended in an internal error of the injector, whose log has the stack",
		Stack:   stackOf(p),
	}
}
