package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"time"
)

// file is a file that the tail input follows.
type file struct {
	*os.File
	inode   uint64
	watch   int
	offset  int64     // where the next read begins
	partial []byte    // bytes before offset that have no line break yet
	skip    bool      // the rest of a line that is too long is being skipped
	rotated time.Time // when it was renamed, or zero

	joined []string  // lines of one message, to which the next line may belong
	since  time.Time // when the last of them was read
}

// done returns the offset at which a restart has to begin.
func (f *file) done() int64 { return f.offset - int64(len(f.partial)) }

// rewind starts over, for a file that has become shorter.
func (f *file) rewind() {
	f.offset, f.partial, f.skip = 0, nil, false
}

// take adds bytes and calls line for each completed line. For a line longer than most it instead calls long,
// once, with the beginning of the line, and skips the rest.
func (f *file) take(data []byte, most int, line, long func(string)) {
	f.offset += int64(len(data))
	data = append(f.partial, data...)
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			break
		}
		if f.skip {
			f.skip = false
		} else if end > most {
			long(string(data[:most]))
		} else {
			line(strings.TrimSuffix(string(data[:end]), "\r"))
		}
		data = data[end+1:]
	}
	if len(data) > most && !f.skip {
		long(string(data[:most]))
		f.skip = true
	}
	if f.skip {
		data = nil
	}
	f.partial = bytes.Clone(data)
}

var continues = regexp.MustCompile(`^(\s|at |\.\.\.|Caused by)`)

// join adds a line and returns the previous message if the line shows that it is complete.
func (f *file) join(line string, now time.Time) (message string, complete bool) {
	f.since = now
	if len(f.joined) > 0 && continues.MatchString(line) {
		f.joined = append(f.joined, line)
		return "", false
	}
	message, complete = f.rest()
	f.joined = []string{line}
	return message, complete
}

// rest returns the message that is waiting for more lines.
func (f *file) rest() (message string, left bool) {
	message, left = strings.Join(f.joined, "\n"), len(f.joined) > 0
	f.joined = nil
	return message, left
}
