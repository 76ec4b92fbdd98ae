package docs

import (
	"regexp"
	"testing"
)

// TestTheOldestKubernetesThatIsPromisedIsTheOneThatIsRun compares all places that name the oldest supported
// version.
func TestTheOldestKubernetesThatIsPromisedIsTheOneThatIsRun(t *testing.T) {
	want := ""
	for _, place := range []struct{ file, text string }{
		{"README.md", `\nKubernetes (1\.\d+) or newer\.`},
		{"docs/install.md", `\nKubernetes (1\.\d+) or newer;`},
		{"charts/sidecar-injector/Chart.yaml", `\nkubeVersion: ">=(1\.\d+)\.0-0"`},
		{"templates/release/release.go", `\nconst Oldest = "(1\.\d+)"`},
		{"Makefile", `\noldest := (1\.\d+)\n`},
	} {
		found := regexp.MustCompile(place.text).FindStringSubmatch(read(t, place.file))
		switch {
		case found == nil:
			t.Errorf("%s does not say %s", place.file, place.text)
		case want == "":
			want = found[1]
		case found[1] != want:
			t.Errorf("%s says %s, README.md %s", place.file, found[1], want)
		}
	}
	read(t, "test/cluster/go."+want+".mod")
}
