// Package release says what each Kubernetes release has of what a template may add to pods.
//
// The types of k8s.io/api are those of the newest release. An older API server drops the fields that it
// does not know, and those whose feature gate is off, without a word.
package release

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/util/version"
)

// Oldest is the oldest Kubernetes that is supported: the first whose native sidecars are switched on.
const Oldest = "1.29"

// Field is a field, or a value of one, that not every supported release has by default.
type Field struct {
	// Type, Name and Value identify it: core/v1.Lifecycle, stopSignal. Value is "" for all values.
	Type, Name, Value string
	// Since is the first minor version that has it, Default the first that has it without being
	// told to; 0 where none has so far.
	Since, Default int
	// Gate is the feature gate that switches it on before that; "" where there is none.
	Gate string
}

// Find gives the field, or the value, that a release does not have by default. kubernetes nil is a
// release that nobody knows, which has everything.
func Find(kubernetes *version.Version, typeName, name string, value any) (Field, bool) {
	if kubernetes == nil {
		return Field{}, false
	}
	text, _ := value.(string)
	for _, f := range known()[key{typeName, name}] {
		if (f.Value == "" || f.Value == text) && !f.isDefault(kubernetes) {
			return f, true
		}
	}
	return Field{}, false
}

type key struct{ typeName, name string }

var known = sync.OnceValue(func() map[key][]Field {
	all := map[key][]Field{}
	for _, f := range fields() {
		k := key{f.Type, f.Name}
		all[k] = append(all[k], f)
	}
	return all
})

func (f Field) isDefault(kubernetes *version.Version) bool {
	return f.Default > 0 && kubernetes.AtLeast(version.MajorMinor(1, uint(f.Default)))
}

// Lacks says that the release cannot have it, whatever its feature gates.
func (f Field) Lacks(kubernetes *version.Version) bool {
	return kubernetes.LessThan(version.MajorMinor(1, uint(f.Since)))
}

// Breaks says that the release, whatever its feature gates, refuses a pod with it or makes something else
// of it. What it only drops leaves a pod that works without.
func (f Field) Breaks(kubernetes *version.Version) bool {
	return f.Lacks(kubernetes) && f.effect(kubernetes) != "drops %s"
}

// effect is what the API server does with a pod that has it, the subject left out.
func (f Field) effect(kubernetes *version.Version) string {
	switch {
	case f.Value != "":
		return "refuses a pod with %s"
	case f.Type == "core/v1.EnvVarSource", f.Type == "core/v1.LifecycleHandler":
		return "drops %s and refuses the pod for what is left"
	case f.Type == "core/v1.Volume" && f.Lacks(kubernetes):
		return "drops %s and makes the volume an emptyDir" // before its own validation
	case f.Type == "core/v1.Volume":
		return "drops %s and refuses the pod for what is left"
	}
	return "drops %s"
}

// Text is one sentence about a release that does not have it by default.
func (f Field) Text(kubernetes *version.Version) string {
	what := f.Name
	if f.Value != "" {
		what += " " + f.Value
	}
	does := fmt.Sprintf("Kubernetes %d.%d ", kubernetes.Major(), kubernetes.Minor()) + fmt.Sprintf(f.effect(kubernetes), what)
	if f.Lacks(kubernetes) {
		return does
	}
	return does + ", unless its feature gate " + f.Gate + " is on"
}

// Hint says which releases have it.
func (f Field) Hint(kubernetes *version.Version) string {
	switch {
	case f.Default == 0 && f.Lacks(kubernetes):
		return fmt.Sprintf("1.%d has it with the feature gate %s, no release by default", f.Since, f.Gate)
	case f.Default == 0:
		return "no release has it by default"
	case f.Since < f.Default && f.Lacks(kubernetes):
		return fmt.Sprintf("1.%d has it, and 1.%d with the feature gate %s", f.Default, f.Since, f.Gate)
	}
	return fmt.Sprintf("1.%d has it", f.Default)
}
