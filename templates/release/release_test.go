package release_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates/release"
)

// told returns the text and hint about a field in a release, "" for none.
func told(kubernetes, typeName, name string, value any) string {
	var running *version.Version
	if kubernetes != "" {
		running = version.MustParseGeneric(kubernetes)
	}
	f, found := release.Find(running, typeName, name, value)
	if !found {
		return ""
	}
	text := f.Text(running) + " (" + f.Hint(running) + ")"
	if f.Breaks(running) {
		return "error: " + text
	}
	return text
}

func TestWhatAReleaseLacksIsToldWithTheReleaseThatHasIt(t *testing.T) {
	for _, row := range []struct {
		kubernetes, typeName, name string
		value                      any
		want                       string
	}{
		{"1.29", "core/v1.Lifecycle", "stopSignal", "SIGINT", "Kubernetes 1.29 drops stopSignal (1.33 has it with the feature gate ContainerStopSignals, no release by default)"},
		{"1.34.9", "core/v1.Lifecycle", "stopSignal", "SIGINT", "Kubernetes 1.34 drops stopSignal, unless its feature gate ContainerStopSignals is on (no release has it by default)"},
		{"1.29", "core/v1.LifecycleHandler", "sleep", nil, "Kubernetes 1.29 drops sleep and refuses the pod for what is left, unless its feature gate PodLifecycleSleepAction is on (1.30 has it)"},
		{"1.30", "core/v1.LifecycleHandler", "sleep", nil, ""},
		{"1.29", "core/v1.EnvVarSource", "fileKeyRef", nil, "error: Kubernetes 1.29 drops fileKeyRef and refuses the pod for what is left (1.35 has it, and 1.34 with the feature gate EnvFiles)"},
		{"1.34", "core/v1.EnvVarSource", "fileKeyRef", nil, "Kubernetes 1.34 drops fileKeyRef and refuses the pod for what is left, unless its feature gate EnvFiles is on (1.35 has it)"},
		{"v1.35.2-gke.100", "core/v1.EnvVarSource", "fileKeyRef", nil, ""},
		{"1.30", "core/v1.Volume", "image", nil, "error: Kubernetes 1.30 drops image and makes the volume an emptyDir (1.35 has it, and 1.31 with the feature gate ImageVolume)"},
		{"1.33", "core/v1.Volume", "image", nil, "Kubernetes 1.33 drops image and refuses the pod for what is left, unless its feature gate ImageVolume is on (1.35 has it)"},
		{"1.29", "core/v1.SecurityContext", "appArmorProfile", nil, "Kubernetes 1.29 drops appArmorProfile (1.30 has it)"},
		{"1.29", "core/v1.Container", "restartPolicy", "OnFailure", "error: Kubernetes 1.29 refuses a pod with restartPolicy OnFailure (1.35 has it, and 1.34 with the feature gate ContainerRestartRules)"},
		{"1.29", "core/v1.Container", "restartPolicy", "Always", ""},
		{"1.29", "core/v1.Container", "image", "x", ""},
		{"2.0", "core/v1.EnvVarSource", "fileKeyRef", nil, ""},
		{"", "core/v1.EnvVarSource", "fileKeyRef", nil, ""},
	} {
		if got := told(row.kubernetes, row.typeName, row.name, row.value); got != row.want {
			t.Errorf("%q, %s.%s %v:\ngot  %s\nwant %s", row.kubernetes, row.typeName, row.name, row.value, got, row.want)
		}
	}
}
