package templates

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// MaxName is the maximum length of the name of a template or instance, in characters.
const MaxName = 30

// ValidName reports whether name is valid for a template or an instance: a DNS label of at most MaxName
// characters that is not true, false or none.
func ValidName(name string) bool {
	return len(name) <= MaxName && len(validation.IsDNS1123Label(name)) == 0 && !slices.Contains([]string{"true", "false", "none"}, name)
}
