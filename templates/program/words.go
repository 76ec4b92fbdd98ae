package program

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// The $ words, which control the rendering of a template and are not part of the pod.
const (
	WhenWord     = "$when"
	EachWord     = "$each"
	PositionWord = "$position"
	AppendWord   = "$append"
	PrependWord  = "$prepend"
)

// Hint says which positions are valid for an item of the list.
func (l List) Hint() string {
	if l == AppVariables {
		return "want first"
	}
	return "want first, last, before:NAME or after:NAME"
}

// Takes reports whether text is a valid position: first, last, before:NAME or after:NAME; for the app's
// variables only first.
func (l List) Takes(text string) bool {
	if text == "first" || text == "last" && l != AppVariables {
		return true
	}
	word, name, ok := strings.Cut(text, ":")
	return ok && (word == "before" || word == "after") && l != AppVariables && ValidContainer(name)
}

// ValidContainer reports whether name is valid for a container: a DNS label.
func ValidContainer(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

// ReservedKey reports whether templates may not set a label or annotation: any under sidecar-injector.dev
// except config.<instance>.
func ReservedKey(key, instance string) bool {
	prefix, name, _ := strings.Cut(key, "/")
	if prefix != v1alpha1.Domain && !strings.HasSuffix(prefix, "."+v1alpha1.Domain) {
		return false
	}
	return prefix != v1alpha1.Domain || instance == "" || name != "config."+instance
}
