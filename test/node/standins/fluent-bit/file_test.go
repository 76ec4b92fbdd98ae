package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	tests := map[string]struct {
		pieces []string
		want   []string
		long   string
		done   int64
	}{
		"whole lines":                   {[]string{"a\nb\n"}, []string{"a", "b"}, "", 4},
		"a line in pieces":              {[]string{"a", "b", "\n"}, []string{"ab"}, "", 3},
		"the last one is not complete":  {[]string{"a\nb"}, []string{"a"}, "", 2},
		"a carriage return":             {[]string{"a\r\n"}, []string{"a"}, "", 3},
		"an empty line":                 {[]string{"\n"}, []string{""}, "", 1},
		"one that is too long":          {[]string{"12345678901\nb\n"}, []string{"b"}, "1234567890", 14},
		"one that is too long in parts": {[]string{"123456789", "0123", "456", "7\nb\n"}, []string{"b"}, "1234567890", 20},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var f file
			var got []string
			long := ""
			for _, piece := range test.pieces {
				f.take([]byte(piece), 10, func(line string) { got = append(got, line) }, func(beginning string) { long += beginning })
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if long != test.long || f.done() != test.done {
				t.Errorf("too long %q, done %d", long, f.done())
			}
		})
	}
}

func TestLinesOfOneMessageAreJoined(t *testing.T) {
	trace := "Exception in thread \"main\" X: boom\n\tat a.B.c(B.java:1)\nCaused by: Y: disk\n\tat d.E.f(E.java:2)\n\t... 3 more"
	var f file
	var got []string
	for line := range strings.SplitSeq("started\n"+trace+"\nstopped", "\n") {
		if message, complete := f.join(line, time.Now()); complete {
			got = append(got, message)
		}
	}
	last, _ := f.rest()
	if diff := cmp.Diff([]string{"started", trace, "stopped"}, append(got, last)); diff != "" {
		t.Error(diff)
	}
}
