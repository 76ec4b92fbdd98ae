package manifest

import (
	"strconv"
	"strings"
)

// Tokens splits a path within a pod in the notation of messages, such as spec.containers[web].env or
// metadata.annotations["key"]; nil if it is invalid.
func Tokens(place string) []string {
	var list []string
	for rest := place; rest != ""; {
		token := rest
		switch {
		case strings.HasPrefix(rest, `["`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil {
				return nil
			}
			token, _ = strconv.Unquote(quoted)
			rest = strings.TrimPrefix(rest[1+len(quoted):], "]")
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil
			}
			token, rest = rest[1:end], rest[end+1:]
		default:
			if end := strings.IndexAny(rest, ".["); end >= 0 {
				token = rest[:end]
			}
			if token == "" || strings.ContainsAny(token, " :") {
				return nil
			}
			rest = rest[len(token):]
		}
		list = append(list, token)
		rest = strings.TrimPrefix(rest, ".")
	}
	return list
}
