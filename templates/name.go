package templates

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// IsLabel reports whether name is a DNS label (RFC 1123), like validation.IsDNS1123Label without the regular
// expression, which takes longer than all else that is done with the names of a pod.
func IsLabel(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && 0 < i && i < len(name)-1:
		default:
			return false
		}
	}
	return name != "" && len(name) <= validation.DNS1123LabelMaxLength
}

// MaxName is the maximum length of the name of a template or instance, in characters.
const MaxName = 30

// ValidName reports whether name is valid for a template or an instance: a DNS label of at most MaxName
// characters that is not true, false or none.
func ValidName(name string) bool {
	return len(name) <= MaxName && IsLabel(name) && !slices.Contains([]string{"true", "false", "none"}, name)
}
