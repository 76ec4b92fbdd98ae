// Package progress shows the progress of long operations: one line on a terminal's standard error, which is
// erased again. Nothing is shown in a pipe, a file or under CI.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

const (
	// patience is how long an operation takes before its progress is shown.
	patience = time.Second
	// pause is the time between two updates of the line.
	pause = 100 * time.Millisecond
)

// Watched reports whether out is a terminal with cursor control, and not under CI.
func Watched(out io.Writer, getenv func(string) string) bool {
	if l, ok := out.(*over); ok {
		out = l.Writer
	}
	f, ok := out.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())) && getenv("CI") == "" && getenv("TERM") != "dumb"
}

// Line is the progress line. A nil *Line shows nothing.
type Line struct {
	out *os.File

	mutex sync.Mutex // guards the fields below and writing
	text  string
	shown string        // the text on the terminal, "" if there is none
	stop  chan struct{} // ends the present operation's goroutine; nil if there is no operation
}

// Over wraps the streams of a program so that writing to them erases the line first. The streams are
// returned unchanged if errOut is not Watched.
func Over(out, errOut io.Writer, getenv func(string) string) (newOut, newErrOut io.Writer) {
	if !Watched(errOut, getenv) {
		return out, errOut
	}
	l := &Line{out: errOut.(*os.File)}
	newErrOut = &over{errOut, l}
	if Watched(out, getenv) {
		out = &over{out, l}
	}
	return out, newErrOut
}

// On returns the line of a stream that Over returned; nil for any other stream.
func On(errOut io.Writer) *Line {
	if o, ok := errOut.(*over); ok {
		return o.line
	}
	return nil
}

// over is a stream to the terminal on which the line is shown.
type over struct {
	io.Writer
	line *Line
}

func (o *over) Write(text []byte) (int, error) {
	o.line.mutex.Lock()
	defer o.line.mutex.Unlock()
	o.line.clear()
	return o.Writer.Write(text)
}

// Show sets the progress of an operation. what is a verb and a noun, such as "reading files"; of is the
// total, 0 if unknown. The first call begins the operation, and Done ends it.
func (l *Line) Show(what string, done, of int) {
	if l == nil {
		return
	}
	text := what
	switch {
	case of > 0:
		text = fmt.Sprintf("%s: %d of %d", what, done, of)
	case done > 0:
		text = fmt.Sprintf("%s: %d", what, done)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.text = text
	if l.stop == nil {
		l.stop = make(chan struct{})
		go l.draw(l.stop)
	}
}

// Done erases the line. A later operation is shown only after a second again.
func (l *Line) Done() {
	if l == nil {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.stop != nil {
		close(l.stop)
		l.stop = nil
	}
	l.clear()
}

// draw updates the line until the operation is done.
func (l *Line) draw(stop chan struct{}) {
	for next := time.After(patience); ; next = time.After(pause) {
		select {
		case <-stop:
			return
		case <-next:
		}
		l.mutex.Lock()
		if l.stop == stop && l.shown != l.text {
			l.clear()
			fmt.Fprint(l.out, fit(l.text, l.out))
			l.shown = l.text
		}
		l.mutex.Unlock()
	}
}

// clear erases the line. The mutex must be held.
func (l *Line) clear() {
	if l.shown != "" {
		fmt.Fprint(l.out, "\r\x1b[K")
		l.shown = ""
	}
}

// fit truncates a text to the terminal's width, because only a single line can be erased.
func fit(text string, out *os.File) string {
	width, _, err := term.GetSize(int(out.Fd()))
	if err != nil || width <= 0 || utf8.RuneCountInString(text) < width {
		return text
	}
	return string([]rune(text)[:width-1])
}
