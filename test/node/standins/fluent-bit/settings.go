package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings returns the values of a section, converted. It collects errors for err, so that a caller can read
// all values in one expression.
type settings struct {
	section
	wrong []error
}

func (s *settings) fail(key, value, want string) {
	s.wrong = append(s.wrong, fmt.Errorf("%s: %s: want %s, got %q", s.name, key, want, value))
}

func (s *settings) text(key, fallback string) string {
	if value := s.take(key); value != "" {
		return value
	}
	return fallback
}

// choice returns one of a list of texts; the first is the default.
func (s *settings) choice(key string, of ...string) string {
	value := s.text(key, of[0])
	if !slices.Contains(of, value) {
		s.fail(key, value, "one of "+strings.Join(of, ", "))
	}
	return value
}

// list returns a text split at its commas.
func (s *settings) list(key string) (all []string) {
	for part := range strings.SplitSeq(s.take(key), ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

func (s *settings) boolean(key string, fallback bool) bool {
	switch value := strings.ToLower(s.take(key)); value {
	case "":
		return fallback
	case "on", "true", "yes":
		return true
	case "off", "false", "no":
		return false
	default:
		s.fail(key, value, "on or off")
		return false
	}
}

func (s *settings) integer(key string, fallback, lowest int) int {
	value := s.take(key)
	if value == "" {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < lowest {
		s.fail(key, value, fmt.Sprintf("an integer of at least %d", lowest))
	}
	return n
}

// interval returns a number of seconds; the digits after a point are nanoseconds: as in Fluent Bit, 0.5 is
// five nanoseconds.
func (s *settings) interval(key string, fallback time.Duration) time.Duration {
	value := s.take(key)
	if value == "" {
		return fallback
	}
	whole, rest, fraction := strings.Cut(value, ".")
	seconds, err := strconv.Atoi(whole)
	nanoseconds := 0
	if fraction && err == nil {
		nanoseconds, err = strconv.Atoi(rest)
	}
	d := time.Duration(seconds)*time.Second + time.Duration(nanoseconds)
	if err != nil || seconds < 0 || nanoseconds < 0 || d == 0 {
		s.fail(key, value, "seconds, and behind a point nanoseconds")
		return fallback
	}
	return d
}

// seconds returns a number of seconds, which may have a fraction.
func (s *settings) seconds(key string, fallback float64) time.Duration {
	n := fallback
	if value := s.take(key); value != "" {
		var err error
		if n, err = strconv.ParseFloat(value, 64); err != nil || n <= 0 {
			s.fail(key, value, "a positive number of seconds")
		}
	}
	return time.Duration(n * float64(time.Second))
}

var sizeText = regexp.MustCompile(`^([0-9]+)(|[kKmMgG][bB]?)$`)

// size returns a number of bytes, written as 256k or 16MB.
func (s *settings) size(key string, fallback int) int {
	value := s.take(key)
	if value == "" {
		return fallback
	}
	match := sizeText.FindStringSubmatch(value)
	if match == nil {
		s.fail(key, value, "a size such as 256k")
		return fallback
	}
	n, _ := strconv.Atoi(match[1])
	if match[2] == "" {
		return n
	}
	return n << (10 * (1 + strings.IndexByte("kmg", match[2][0]|0x20)))
}

// retries returns the number of retries; below 0 there is no limit.
func (s *settings) retries() int {
	switch value := s.text("retry_limit", "1"); value {
	case "no_limits", "false":
		return -1
	case "no_retries":
		return 0
	default:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			s.fail("retry_limit", value, "no_limits, no_retries or a number")
		}
		return n
	}
}

// err returns the errors of invalid values and of keys that were not read.
func (s *settings) err() error {
	for _, p := range s.properties {
		s.wrong = append(s.wrong, fmt.Errorf("line %d: %s: property %q is unknown, or not in this stand-in", p.line, s.name, p.key))
	}
	return errors.Join(s.wrong...)
}

// pattern compiles a shell pattern with the semantics of fnmatch: * and ? also match a slash.
func pattern(glob string) (*regexp.Regexp, error) {
	text := regexp.QuoteMeta(glob)
	for _, r := range [][2]string{{`\*`, `.*`}, {`\?`, `.`}, {`\[!`, `[^`}, {`\[\^`, `[^`}, {`\[`, `[`}, {`\]`, `]`}} {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	return regexp.Compile(`^` + text + `$`)
}
