package templates

import (
	"cmp"
	"strconv"
	"strings"
	"unicode"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// meant returns what to write instead of a text that is not of the type; "" if there is no good guess.
func meant(kind v1alpha1.ParameterType, text string) string {
	if fix := Unfilled(text); fix != "" {
		return fix
	}
	plain := bare(text)
	guess := plain
	switch kind {
	case v1alpha1.TypeDuration:
		guess = meantDuration(plain)
	case v1alpha1.TypeBoolean:
		guess = meantBoolean(plain)
	case v1alpha1.TypeQuantity:
		guess = meantQuantity(plain)
	case v1alpha1.TypePort:
		guess, _, _ = strings.Cut(strings.TrimPrefix(plain, ":"), "/")
	case v1alpha1.TypeInteger:
		if f, err := strconv.ParseFloat(plain, 64); err == nil && strings.Trim(plain, "0123456789+-.") == "" {
			guess = strconv.FormatFloat(f, 'f', -1, 64)
		}
	case v1alpha1.TypeNumber:
		guess = strings.ReplaceAll(plain, ",", ".")
		if percent, ok := strings.CutSuffix(guess, "%"); ok {
			if f, err := strconv.ParseFloat(strings.TrimSpace(percent), 64); err == nil {
				guess = strconv.FormatFloat(f/100, 'f', -1, 64)
			}
		}
	case v1alpha1.TypeName:
		guess = strings.ReplaceAll(strings.ToLower(plain), "_", "-")
	case v1alpha1.TypeURL:
		if !goodPort(portOf(plain)) {
			return "write the port as a number from 1 to 65535"
		}
		guess = meantURL(plain)
		if _, ok := read(kind, "http://"+plain); ok && guess == plain && !strings.Contains(plain, ":/") {
			return "begin with http:// or https://"
		}
	}
	if _, ok := read(kind, guess); !ok || guess == text || message.Word(guess) != guess {
		return ""
	}
	return "write " + strconv.Quote(guess)
}

// bare returns a text without the blanks and quotes around it, which YAML or a shell would have taken off.
func bare(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		text = strings.TrimSpace(text[1 : n-1])
	}
	return text
}

// Unfilled says what is wrong with a text in which something was to be filled in; "" if nothing was.
func Unfilled(text string) string {
	switch _, rest, found := strings.Cut(text, "$"); {
	case strings.Contains(text, "{{") && strings.Contains(text, "}}"):
		return "nobody has rendered what stands between {{ and }}: Helm does so only in the templates of a chart"
	case found && rest != "" && (rest[0] == '{' || unicode.IsUpper(rune(rest[0]))):
		return "nobody fills in what begins with $ here: write the value itself"
	}
	return ""
}

// number splits a text into its leading number and what follows, in lower case and without blanks.
func number(text string) (digits, unit string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "_", "")
	end := len(text) - len(strings.TrimLeft(text, "0123456789.,"))
	return strings.ReplaceAll(text[:end], ",", "."), strings.ToLower(text[end:])
}

func meantDuration(text string) string {
	text = strings.ToLower(strings.ReplaceAll(text, " ", ""))
	text = strings.TrimPrefix(text, "pt") // ISO 8601: PT1H30M
	digits, unit := number(text)
	switch unit {
	case "", "sec", "secs", "second", "seconds":
		return digits + "s"
	case "min", "mins", "minute", "minutes":
		return digits + "m"
	case "hr", "hrs", "hour", "hours":
		return digits + "h"
	case "msec", "msecs", "millis", "millisecond", "milliseconds":
		return digits + "ms"
	case "d", "day", "days":
		if days, err := strconv.ParseUint(digits, 10, 16); err == nil {
			return strconv.FormatUint(24*days, 10) + "h"
		}
	}
	return text
}

func meantBoolean(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "1", "true", "enabled":
		return "true"
	case "no", "off", "n", "0", "false", "disabled":
		return "false"
	}
	return text
}

// meantQuantity knows bytes by the names that other programs have for them: 1GB, 500mb, 1 GiB.
func meantQuantity(text string) string {
	digits, unit := number(text)
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "ytes"), "b")
	switch unit {
	case "k":
		return digits + "k"
	case "m", "g", "t", "p", "ki", "mi", "gi", "ti", "pi":
		return digits + strings.ToUpper(unit[:1]) + unit[1:]
	}
	return digits + unit
}

// portOf returns what a URL has as its port; "" if it has none.
func portOf(text string) string {
	_, authority, _ := strings.Cut(text, "//")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	authority = authority[strings.LastIndex(authority, "@")+1:]
	authority = authority[strings.LastIndex(authority, "]")+1:]
	_, port, _ := strings.Cut(authority, ":")
	return port
}

func meantURL(text string) string {
	scheme, rest, found := strings.Cut(text, ":/")
	switch {
	case found && !strings.HasPrefix(rest, "/"):
		return scheme + "://" + rest
	case !found && (strings.HasPrefix(text, "localhost") || strings.HasPrefix(text, "127.0.0.1") || strings.HasPrefix(text, "[::1]")):
		return "http://" + text
	}
	return text
}

// schemed returns the URL to write for a text without a scheme: with that of the example or the default, or one
// that the pattern allows, or "" if none fits. Where these do not matter, it returns otherwise.
func (p *Parameter) schemed(text, otherwise string) string {
	text = bare(text)
	scheme, _, found := strings.Cut(cmp.Or(p.example, p.Text), "://")
	schemes := []string{"https", "http"}
	switch {
	case p.Type != v1alpha1.TypeURL || strings.Contains(text, ":/") || Unfilled(text) != "" || !found && p.pattern == nil:
		return otherwise
	case found:
		schemes = []string{scheme}
	}
	for _, scheme := range schemes {
		guess := scheme + "://" + strings.TrimPrefix(strings.TrimPrefix(text, scheme+":"), "//")
		if _, fault := p.parse(guess); fault == nil && message.Word(guess) == guess {
			return "write " + strconv.Quote(guess)
		}
	}
	return ""
}

// commas returns how to write a list that stands as YAML writes one: in brackets, with quotes, or a line for
// each value; "" if the values cannot be told.
func commas(text string) string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(rest, "]")
	}
	var words []string
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if word = plainItem(word); word == "" {
			continue
		}
		if strings.ContainsAny(word, "[]\"'") {
			return ""
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return ""
	}
	joined := strings.Join(words, ", ")
	if quoted := strconv.Quote(joined); quoted == message.Quote(joined) {
		return "write " + quoted
	}
	return "write the values alone, separated by commas"
}

// plainItem returns an item of a list without the quotes around it and the hyphen before it.
func plainItem(item string) string {
	return bare(strings.TrimPrefix(strings.TrimSpace(item), "- "))
}

// Doubts returns what is most likely not meant in values that Bind takes all the same, because they could be.
// lookup returns the text that a parameter was given.
func (t *Template) Doubts(lookup func(name string) (text string, given bool)) []ValidationFailure {
	var found []ValidationFailure
	for _, p := range t.parameters {
		text, given := lookup(p.Name)
		if !given {
			continue
		}
		if what := p.doubt(text); what != "" {
			found = append(found, ValidationFailure{Message: what, Parameter: p.Name})
		}
	}
	return found
}

// doubt says what is most likely not meant in a text; "" if nothing is.
func (p *Parameter) doubt(text string) string {
	if chartValue(text) {
		return "it holds " + message.Quote(text) + " as it is: " + Unfilled(text)
	}
	if p.Type == v1alpha1.TypePath && (strings.HasPrefix(text, "~") || Unfilled(text) != "") {
		return "the path is " + message.Quote(text) + " as it is: nobody fills in a home or a variable here"
	}
	// In a JSON list, quotes and hyphens are there on purpose.
	if p.Type != v1alpha1.TypeStringList || strings.HasPrefix(strings.TrimSpace(text), "[") {
		return ""
	}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" && plainItem(item) == item {
			return ""
		}
	}
	if fix := commas(text); fix != "" {
		return "quotes, and hyphens as of a YAML list, become part of the values: " + fix
	}
	return ""
}

// chartValue reports whether a text holds an expression of a Helm chart. Other programs have {{ }} as well, and
// their texts may be meant.
func chartValue(text string) bool {
	_, rest, found := strings.Cut(text, "{{")
	if !found || !strings.Contains(rest, "}}") {
		return false
	}
	for _, word := range []string{".Values.", ".Release.", ".Chart.", "include \""} {
		if strings.Contains(rest, word) {
			return true
		}
	}
	return false
}

// thousandths returns the fix for a quantity in thousandths that is below the minimum, and would not be in
// millions: who writes 500m of memory means 500M.
func (p *Parameter) thousandths(text string) string {
	digits, ok := strings.CutSuffix(text, "m")
	if p.Type != v1alpha1.TypeQuantity || !ok {
		return ""
	}
	if _, err := schema.ParseQuantity(digits + "M"); err != nil || p.minimum.compare(digits+"M", digits+"M") < 0 {
		return ""
	}
	return "m is a thousandth: write " + digits + "M or " + digits + "Mi"
}
