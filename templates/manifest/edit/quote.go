package edit

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// quote writes a string as a YAML scalar on one line: plain if YAML 1.1, which Kubernetes reads, and YAML 1.2
// both read it as the same string.
func quote(s string) string {
	switch {
	case isPlain(s):
		return s
	case strings.ContainsAny(s, `"\`) && isPrintable(s):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return doubleQuote(s)
}

// doubleQuote writes a string in double quotes such that JSON and YAML read it alike.
func doubleQuote(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r <= 0xFFFF && !isGraphic(r):
			b = append(b, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}

const hexDigits = "0123456789abcdef"

// isGraphic reports whether a character may be written as it is.
func isGraphic(r rune) bool { return r == ' ' || r != '\ufffd' && unicode.IsPrint(r) }

func isPrintable(s string) bool {
	for _, r := range s {
		if !isGraphic(r) {
			return false
		}
	}
	return true
}

// ambiguous matches the numbers and dates of YAML 1.1 and 1.2 that Kubernetes' library does not know (base
// 60, octal in both notations), and anything similar.
var ambiguous = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`[-+]?[0-9][0-9_,]*(?::[0-9_]+)+(?:\.[0-9_]*)?`,
	`[-+]?0[oOxXbB]?[0-9a-fA-F_]+`,
	`[-+]?[0-9][0-9_,]*\.?[0-9_]*(?:[eE][-+]?[0-9_]+)?`,
	`[-+]?\.[0-9_]+(?:[eE][-+]?[0-9_]+)?`,
	`[-+]?\.(?i:inf|nan)`,
	`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*`,
	`=|<<|(?i:y|n|yes|no|on|off|true|false|null)`,
}, "|") + `)$`)

// isPlain reports whether a string may be written without quotes.
func isPlain(s string) bool {
	if s == "" || !manifest.PlainString(s) || ambiguous.MatchString(s) || !isPrintable(s) {
		return false
	}
	if strings.ContainsAny(s[:1], ",[]{}#&*!|>'\"%@`?: ") || strings.HasSuffix(s, " ") || strings.HasSuffix(s, ":") {
		return false
	}
	if s[0] == '-' && (len(s) == 1 || s[1] == ' ' || strings.HasPrefix(s, "---")) || strings.HasPrefix(s, "...") {
		return false
	}
	return !strings.Contains(s, ": ") && !strings.Contains(s, " #")
}

// literal writes a string of several lines as a block scalar, header and lines without
// indentation; false where that could change it.
func literal(s string) (header string, lines []string, ok bool) {
	text := strings.TrimSuffix(s, "\n")
	if !strings.Contains(s, "\n") || text == "" || strings.ContainsAny(text[:1], " \t\n") || strings.HasSuffix(text, "\n") {
		return "", nil, false
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && !isGraphic(r) {
			return "", nil, false
		}
	}
	header = "|"
	if text == s {
		header = "|-"
	}
	return header, strings.Split(text, "\n"), true
}
