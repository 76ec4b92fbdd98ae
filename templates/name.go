package templates

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// MaxName is how many characters the name of a template or instance may have.
const MaxName = 30

// ValidName says whether a text may name a template or an instance: a DNS label of
// at most MaxName characters that is not true, false or none.
func ValidName(name string) bool {
	return len(name) <= MaxName && len(validation.IsDNS1123Label(name)) == 0 && !slices.Contains([]string{"true", "false", "none"}, name)
}
