package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// TestNamesOfDigitsStayTexts: a namespace, release or Secret with a name such as 123 is rendered as a string,
// not as a number.
func TestNamesOfDigitsStayTexts(t *testing.T) {
	for _, name := range []string{"123", "1e5", "0x1", "null", "true"} {
		for _, values := range valueFiles(t) {
			text, err := helm(t, append([]string{"template", name, directory, "--namespace", name, "--values", filepath.Join(directory, values),
				"--set-string", "priorityClassName=" + name}, monitored...)...)
			must(t, err)
			for _, document := range strings.Split(text, "\n---\n") {
				var o map[string]any
				must(t, yaml.UnmarshalStrict([]byte(document), &o))
				texts(t, name+", "+values, "", o)
			}
		}
	}
}

// texts checks that values that are strings in every object are strings here.
func texts(t *testing.T, where, key string, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for k, each := range v {
			texts(t, where, k, each)
		}
	case []any:
		for _, each := range v {
			texts(t, where, key, each)
		}
	case string:
	default:
		for _, k := range []string{"name", "namespace", "secretName", "serviceAccountName", "priorityClassName", "app.kubernetes.io/instance"} {
			if k == key {
				t.Errorf("%s: %s is %v, no text", where, key, v)
			}
		}
	}
}

// TestWhateverTheReleaseIsCalledItsServiceMayBe checks that every name of a release makes a valid name of the
// Service, or that the chart refuses the name.
func TestWhateverTheReleaseIsCalledItsServiceMayBe(t *testing.T) {
	for release, want := range map[string]string{
		"sidecar-injector": "sidecar-injector", "mesh": "mesh-sidecar-injector", "123": "sidecar-injector-123", "1a-sidecar-injector": "sidecar-injector-1a-sidecar-injector",
	} {
		out, err := helm(t, "template", release, directory, "--show-only", "templates/service.yaml")
		if err != nil || !strings.Contains(out, "\n  name: "+want+"\n") || len(validation.IsDNS1035Label(want)) > 0 {
			t.Errorf("%s: %v\n%s", release, err, out)
		}
	}
	if _, err := helm(t, "template", "a.b", directory); err == nil || !strings.Contains(err.Error(), `release name "a.b": want letters`) {
		t.Errorf("a.b: %v", err)
	}
}

// TestTheManifestsAreForEveryKubernetesThatIsPromised: the manifests are applied without Helm, which would
// otherwise ask the cluster for its version.
func TestTheManifestsAreForEveryKubernetesThatIsPromised(t *testing.T) {
	repository := "../.."
	command := exec.Command("make", "--no-print-directory", "manifests")
	command.Dir = repository
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(repository, "dist", "install.yaml"))
	must(t, err)
	if !strings.Contains(string(text), "- --drain=15s\n") || strings.Contains(string(text), "preStop:") {
		t.Error("install.yaml has a preStop sleep, which Kubernetes 1.29 refuses")
	}
}
