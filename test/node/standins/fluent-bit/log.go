package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// levels are the values of log_level, in order of increasing verbosity.
var levels = []string{"off", "error", "warn", "info", "debug", "trace"}

// log writes the process's own log, one line per message.
type log struct {
	mu    sync.Mutex
	to    io.Writer
	level int
}

func newLog(to io.Writer, level string) *log {
	return &log{to: to, level: slices.Index(levels, level)}
}

func (l *log) write(level, part, format string, args ...any) {
	if slices.Index(levels, level) > l.level {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	stamp := time.Now().Format("2006/01/02 15:04:05.000000000")
	fmt.Fprintf(l.to, "[%s] [%5s] [%s] %s\n", stamp, level, part, fmt.Sprintf(format, args...))
}

// logger is the log of one part, such as output:http:http.0.
type logger struct {
	*log
	part string
}

func (l *log) of(part string) *logger { return &logger{l, part} }

func (l *logger) errorf(format string, args ...any) { l.write("error", l.part, format, args...) }
func (l *logger) warnf(format string, args ...any)  { l.write("warn", l.part, format, args...) }
func (l *logger) infof(format string, args ...any)  { l.write("info", l.part, format, args...) }
