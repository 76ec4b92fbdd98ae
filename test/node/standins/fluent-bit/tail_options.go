package main

import (
	"regexp"
	"slices"
	"time"
)

// tailOptions are the keys of the input tail.
type tailOptions struct {
	tag          string
	paths        []string
	exclude      []*regexp.Regexp
	fromHead     bool
	refresh      time.Duration
	rotateWait   time.Duration
	db           string
	longestLine  int
	skipLongLine bool
	cutLongLine  bool
	multiline    bool
}

func newTailOptions(s *settings) (tailOptions, error) {
	o := tailOptions{
		tag:          s.text("tag", "tail.0"),
		paths:        s.list("path"),
		fromHead:     s.boolean("read_from_head", false),
		refresh:      s.interval("refresh_interval", 60*time.Second),
		rotateWait:   time.Duration(s.integer("rotate_wait", 5, 1)) * time.Second,
		db:           s.take("db"),
		longestLine:  s.size("buffer_max_size", 32<<10),
		skipLongLine: s.boolean("skip_long_lines", false),
		cutLongLine:  s.boolean("truncate_long_lines", false),
	}
	s.boolean("db.locking", false)
	s.size("mem_buf_limit", 0)
	for _, glob := range s.list("exclude_path") {
		re, err := pattern(glob)
		if err != nil {
			s.fail("exclude_path", glob, "a pattern")
		}
		o.exclude = append(o.exclude, re)
	}
	for _, name := range s.list("multiline.parser") {
		if o.multiline = slices.Contains([]string{"go", "java", "python", "ruby"}, name); !o.multiline {
			s.fail("multiline.parser", name, "go, java, python or ruby in this stand-in")
		}
	}
	if len(o.paths) == 0 {
		s.fail("path", "", "a pattern of files")
	}
	return o, s.err()
}
