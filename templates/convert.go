package templates

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// convert reads a text in the form of an annotation's value. The result is a string, bool, int64, float64,
// []any of strings (a list), or map[string]any of strings (a map). The fault lacks the parameter's name and
// text, which the caller adds.
func convert(kind v1alpha1.ParameterType, text string) (any, *ParameterFault) {
	if kind == v1alpha1.TypeString {
		if strings.Contains(text, "\x00") {
			return nil, &ParameterFault{
				Message: fmt.Sprintf("want no character U+0000 in it, got %s", message.Quote(text)),
				Fix:     "no variable and no argument of a program can hold it",
			}
		}
		return text, nil
	}
	if kind == v1alpha1.TypeStringList {
		return convertList(text)
	}
	if kind == v1alpha1.TypeStringMap {
		return convertMap(text)
	}
	if fault := refuseHidden(text); fault != nil {
		return nil, fault
	}
	value, ok := read(kind, text)
	if !ok {
		return nil, &ParameterFault{Message: fmt.Sprintf("want %s, got %s", traitsOf(kind).wanted, message.Quote(text)), Fix: meant(kind, text)}
	}
	return value, nil
}

// read reads one value of a type other than string, list and map; ok is false if the text is none.
func read(kind v1alpha1.ParameterType, text string) (value any, ok bool) {
	switch kind {
	case v1alpha1.TypeInteger, v1alpha1.TypePort:
		i, ok := integer(text)
		return i, ok && (kind == v1alpha1.TypeInteger || isPort(i))
	case v1alpha1.TypeNumber:
		f, err := strconv.ParseFloat(text, 64)
		// Decimal digits only: no 0x10, inf or nan, which ParseFloat takes.
		return f, err == nil && strings.Trim(text, "0123456789+-.eE") == ""
	case v1alpha1.TypeBoolean:
		return text == "true", text == "true" || text == "false"
	case v1alpha1.TypeQuantity:
		_, err := schema.ParseQuantity(text)
		return text, err == nil
	case v1alpha1.TypeDuration:
		_, err := time.ParseDuration(text)
		return text, err == nil
	case v1alpha1.TypePath:
		return text, text != "" && !strings.Contains(text, ":") && !hasParent(text)
	case v1alpha1.TypeURL:
		u, err := url.Parse(text)
		return text, err == nil && u.Scheme != "" && u.Hostname() != "" && !strings.ContainsAny(text, " \"<>\\") && goodPort(u.Port())
	case v1alpha1.TypeName:
		return text, len(validation.IsDNS1123Subdomain(text)) == 0
	}
	return text, true
}

func isPort(i int64) bool { return i >= 1 && i <= 65535 }

// goodPort reports whether the digits of a URL's port, if any, are those of a port.
func goodPort(digits string) bool {
	i, err := strconv.ParseInt(digits, 10, 64)
	return digits == "" || err == nil && isPort(i)
}

// integer reads decimal digits with an optional minus, without leading zeros or a plus: the notation that
// YAML reads as the same number.
func integer(text string) (int64, bool) {
	i, err := strconv.ParseInt(text, 10, 64)
	return i, err == nil && strconv.FormatInt(i, 10) == text
}

func hasParent(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// refuseHidden refuses control characters, and $( which Kubernetes would expand.
func refuseHidden(text string) *ParameterFault {
	if strings.Contains(text, "$(") {
		return &ParameterFault{
			Message: fmt.Sprintf("want no $( in it, got %s", message.Quote(text)),
			Fix:     "Kubernetes would replace $(NAME) by a variable; only parameters of type string may hold it",
		}
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return &ParameterFault{
			Message: fmt.Sprintf("want no line breaks or other control characters in it, got %s", message.Quote(text)),
			Fix:     "write the value on one line",
		}
	}
	if strings.ContainsFunc(text, message.Turns) {
		return &ParameterFault{
			Message: fmt.Sprintf("want no characters that turn the direction of text in it, got %s", message.Quote(text)),
			Fix:     "remove them: people read the value otherwise than programs do",
		}
	}
	return nil
}

// convertList reads values separated by commas, with the blanks around them dropped, or, if the text begins
// with [, a JSON list of strings.
func convertList(text string) (any, *ParameterFault) {
	var texts []string
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "[") {
		if err := json.Unmarshal([]byte(trimmed), &texts); err != nil {
			return nil, &ParameterFault{
				Message: fmt.Sprintf("want a JSON list of strings, got %s", message.Quote(text)),
				Fix:     cmp.Or(commas(text), `write ["a", "b"], or a, b`),
			}
		}
	} else if trimmed != "" {
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				texts = append(texts, item)
			}
		}
	}
	items := make([]any, len(texts))
	for i, item := range texts {
		if fault := refuseHidden(item); fault != nil {
			if strings.Contains(item, "\n") {
				fault.Fix = cmp.Or(commas(text), fault.Fix)
			}
			return nil, fault
		}
		items[i] = item
	}
	return items, nil
}

// convertMap reads a JSON object of strings. Annotations that set single entries are merged into one object
// before.
func convertMap(text string) (any, *ParameterFault) {
	object, err := program.ObjectFromJSON([]byte(text))
	if err != nil {
		return nil, &ParameterFault{Message: fmt.Sprintf("want a mapping of texts, got %s", message.Quote(text))}
	}
	entries := make(map[string]any, len(object))
	for _, m := range object {
		value, ok := m.Value.(string)
		fault := refuseHidden(value)
		if keyFault := refuseHidden(m.Name); keyFault != nil {
			fault = keyFault
		}
		if !ok {
			fault = &ParameterFault{Message: fmt.Sprintf("want a text, got the %s %s", program.KindOf(m.Value), message.Quote(string(program.AppendJSON(nil, m.Value))))}
		}
		if fault != nil {
			fault.Key = m.Name
			return nil, fault
		}
		entries[m.Name] = value
	}
	return entries, nil
}

// listText returns a text that convertList reads as the items.
func listText(items []any) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i], _ = item.(string)
	}
	joined := strings.Join(texts, ",")
	if back, fault := convertList(joined); fault == nil && slices.Equal(back.([]any), items) {
		return joined
	}
	return string(program.AppendJSON(nil, items))
}
