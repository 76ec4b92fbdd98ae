package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// record is one message, with its fields in the order in which they were added.
type record struct {
	time   time.Time
	fields []field
}

type field struct{ key, value string }

// json returns the record as a JSON object on one line. If date is set, the first member is its time, in
// seconds.
func (r record) json(date bool) []byte {
	var b bytes.Buffer
	separator := byte('{')
	if date {
		fmt.Fprintf(&b, `{"date":%d.%06d`, r.time.Unix(), r.time.Nanosecond()/1000)
		separator = ','
	}
	for _, f := range r.fields {
		b.WriteByte(separator)
		writeText(&b, f.key)
		b.WriteByte(':')
		writeText(&b, f.value)
		separator = ','
	}
	b.WriteByte('}')
	return b.Bytes()
}

// writeText writes a JSON string with only the necessary escapes.
func writeText(b *bytes.Buffer, text string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // A string always encodes.
	b.Truncate(b.Len() - 1)
}

// modifier is the filter record_modifier: it adds the same fields to every record.
type modifier struct {
	match matcher
	add   []field
}

func newModifier(s *settings) (modifier, error) {
	m := modifier{match: newMatcher(s)}
	for _, text := range s.takeAll("record") {
		key, value, ok := strings.Cut(strings.TrimSpace(text), " ")
		if !ok {
			s.fail("record", text, "a key and a value")
		}
		m.add = append(m.add, field{key, strings.TrimSpace(value)})
	}
	return m, s.err()
}

func (m modifier) apply(tag string, r *record) {
	if m.match(tag) {
		r.fields = append(r.fields, m.add...)
	}
}

// matcher says whether a plugin is for the records of a tag.
type matcher func(tag string) bool

func newMatcher(s *settings) matcher {
	glob := s.take("match")
	re, err := pattern(glob)
	if glob == "" || err != nil {
		s.fail("match", glob, "a pattern of tags")
		return func(string) bool { return false }
	}
	return re.MatchString
}
