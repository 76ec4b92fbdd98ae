// Package progress shows how far long work has come, to people who wait for it: one line on a terminal's
// standard error, which goes away again. In a pipe, a file or under CI there is none.
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
	// patience is how long work goes on before anything is shown of it.
	patience = time.Second
	// pause lies between two pictures of the line.
	pause = 100 * time.Millisecond
)

// Watched says whether a person looks at what is written to out: a terminal that can
// move its cursor, and not under CI.
func Watched(out io.Writer, getenv func(string) string) bool {
	if l, ok := out.(*over); ok {
		out = l.Writer
	}
	f, ok := out.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())) && getenv("CI") == "" && getenv("TERM") != "dumb"
}

// Line is the line. A nil one shows nothing.
type Line struct {
	out *os.File

	mutex sync.Mutex // of what follows, and of writing
	text  string
	shown string        // what stands on the terminal, "" if nothing does
	stop  chan struct{} // of the work that goes on; nil without any
}

// Over makes the streams of a program fit for a line: whatever is written to them takes it away first. The
// streams stay as they are where nobody watches errOut.
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

// On is the line of a stream that Over made, nil of any other.
func On(errOut io.Writer) *Line {
	if o, ok := errOut.(*over); ok {
		return o.line
	}
	return nil
}

// over is a stream to the terminal that has the line.
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

// Show says how much of some work is done: what is a verb and a noun, such as "reading files", and of is 0
// where nobody knows how much there is. The first call begins the work, and Done ends it.
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

// Done takes the line away. Work that begins afterwards is shown after a second again.
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

// draw shows the line again and again until the work is done.
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

// clear needs the mutex.
func (l *Line) clear() {
	if l.shown != "" {
		fmt.Fprint(l.out, "\r\x1b[K")
		l.shown = ""
	}
}

// fit cuts a text so that it takes one line: of two, only one could be taken away.
func fit(text string, out *os.File) string {
	width, _, err := term.GetSize(int(out.Fd()))
	if err != nil || width <= 0 || utf8.RuneCountInString(text) < width {
		return text
	}
	return string([]rune(text)[:width-1])
}
