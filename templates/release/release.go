// Package release knows which fields and values of pods are not available in every supported Kubernetes
// release.
//
// The types of k8s.io/api are those of the newest release. An older API server silently drops fields that it
// does not know, and those whose feature gate is off.
package release

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/util/version"
)

// Oldest is the oldest supported Kubernetes release: the first in which native sidecars are enabled by
// default.
const Oldest = "1.29"

// Field is a field, or a value of one, that not every supported release has by default.
type Field struct {
	// Type, Name and Value identify it: core/v1.Lifecycle, stopSignal. Value is "" for the field as a whole.
	Type, Name, Value string
	// Since is the first minor version that has it, Default the first that enables it by default; 0 if no
	// release does so far.
	Since, Default int
	// Gate is the feature gate that enables it before Default; "" if there is none.
	Gate string
}

// Find returns the Field if the release does not have the field, or its value, by default. A nil kubernetes
// is an unknown release: nothing is found.
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

// Lacks reports whether the release does not have it with any setting of feature gates.
func (f Field) Lacks(kubernetes *version.Version) bool {
	return kubernetes.LessThan(version.MajorMinor(1, uint(f.Since)))
}

// Breaks reports whether the release, with any setting of feature gates, refuses a pod that has it, or
// changes the pod's meaning. It is false if the field is only dropped, because the pod then works without it.
func (f Field) Breaks(kubernetes *version.Version) bool {
	return f.Lacks(kubernetes) && f.effect(kubernetes) != "drops %s"
}

// effect returns the API server's reaction to a pod that has it, as a format without subject.
func (f Field) effect(kubernetes *version.Version) string {
	switch {
	case f.Value != "":
		return "refuses a pod with %s"
	case f.Type == "core/v1.EnvVarSource", f.Type == "core/v1.LifecycleHandler":
		return "drops %s and refuses the pod for what is left"
	case f.Type == "core/v1.Volume" && f.Lacks(kubernetes):
		return "drops %s and makes the volume an emptyDir" // the volume then passes validation
	case f.Type == "core/v1.Volume":
		return "drops %s and refuses the pod for what is left"
	}
	return "drops %s"
}

// Text returns one sentence about a release that does not have it by default.
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
