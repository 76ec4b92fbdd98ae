package program

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// The words that steer a template and never reach the pod.
const (
	WhenWord     = "$when"
	EachWord     = "$each"
	PositionWord = "$position"
	AppendWord   = "$append"
	PrependWord  = "$prepend"
)

// Hint says which positions an item of the list may want.
func (l List) Hint() string {
	if l == AppVariables {
		return "want first"
	}
	return "want first, last, before:NAME or after:NAME"
}

// Takes reads first, last, before:NAME, after:NAME; of the app's variables only first.
func (l List) Takes(text string) bool {
	if text == "first" || text == "last" && l != AppVariables {
		return true
	}
	word, name, ok := strings.Cut(text, ":")
	return ok && (word == "before" || word == "after") && l != AppVariables && ValidContainer(name)
}

// ValidContainer says whether a text can be the name of a container: a DNS label.
func ValidContainer(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

// ReservedKey says whether the key of a label or annotation is one that templates
// may not set: any under sidecar-injector.dev but config.<instance>.
func ReservedKey(key, instance string) bool {
	prefix, name, _ := strings.Cut(key, "/")
	if prefix != v1alpha1.Domain && !strings.HasSuffix(prefix, "."+v1alpha1.Domain) {
		return false
	}
	return prefix != v1alpha1.Domain || instance == "" || name != "config."+instance
}
