// Package golden_test holds the cases of the engine as folders, named after the guarantee that they test. A
// case is run through every entry point (door), all of which must give the same answer.
//
//	in.yaml          one or more documents, perhaps with a Namespace
//	want.yaml        the documents with sidecars, as inject prints them
//	want-error.txt   instead of want.yaml: the refusals, a line each
//	decisions.txt    the reasons and warnings, for doors that tell them
//	config.yaml      the injector's settings (optional)
//	templates/       a template directory (optional); the built-in templates are always there
//
// go test ./test/golden -update rewrites the expected files; read the difference before you commit it. The
// examples folder is run in the same way, its results are in examples/injected.
package golden_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what comes out into the cases")

// answer is the result of a door for one case. A field that a door cannot know is nil.
type answer struct {
	// manifest is the input with sidecars; nil if a pod is refused or the input has a fault.
	manifest []byte
	// refusals has one message per refused pod, or the fault of the input.
	refusals []string
	// faults are parts of the refusals, if a door reports them one by one.
	faults []string
	// decisions are the lines of decisions.txt.
	decisions []string
	// warnings are those of all pods.
	warnings []string
}

// door is one entry point to the engine: given one case, it sets up everything for all cases that share its
// settings, until the test ends, and returns the function that runs a case.
type door struct {
	name string
	open func(t *testing.T, c *goldenCase) func(*testing.T, *goldenCase) answer
}

func TestGolden(t *testing.T) {
	cases := loadCases(t)
	t.Run("function", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				got := functionDoor(t, c)
				if *update {
					c.write(t, got)
				}
				c.compare(t, got)
			})
		}
	})
	binary := buildBinary(t)
	for _, d := range []door{{"binary", binaryDoor(binary)}, {"https", httpsDoor(binary)}} {
		t.Run(d.name, func(t *testing.T) {
			for _, group := range alike(cases) {
				t.Run(group[0].name, func(t *testing.T) {
					t.Parallel()
					ask := d.open(t, group[0])
					for _, c := range group {
						t.Run(c.name, func(t *testing.T) { c.compare(t, ask(t, c)) })
					}
				})
			}
		})
	}
	t.Run("invariants", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { checkInvariants(t, c) })
		}
	})
	t.Run("house rules", func(t *testing.T) {
		for _, c := range cases {
			if c.want != nil && (c.isExample() || c.group() == "builtin") {
				t.Run(c.name, func(t *testing.T) { checkHouseRules(t, c) })
			}
		}
	})
}

func (c *goldenCase) compare(t *testing.T, got answer) {
	t.Helper()
	if diff := cmp.Diff(string(c.want), string(got.manifest)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", c.wantName(), diff)
	}
	if got.faults != nil {
		c.compareFaults(t, got.faults)
	} else if diff := cmp.Diff(c.wantError, lines(got.refusals)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", errorFile, diff)
	}
	if c.isExample() {
		return
	}
	if got.decisions != nil {
		if diff := cmp.Diff(c.wantDecisions, lines(got.decisions)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", decisionsFile, diff)
		}
	}
	if got.warnings != nil {
		c.compareWarnings(t, got.warnings)
	}
}

// more matches the end of a refusal that does not list all faults.
var more = regexp.MustCompile(`; and [0-9]+ more\n`)

func (c *goldenCase) compareFaults(t *testing.T, faults []string) {
	t.Helper()
	if (len(faults) > 0) != (c.wantError != "") {
		t.Errorf("faults %q, want those of %q", faults, c.wantError)
	}
	for _, f := range faults {
		if !strings.Contains(c.wantError, f) && !more.MatchString(c.wantError) {
			t.Errorf("fault %q is not among %q", f, c.wantError)
		}
	}
}

// compareWarnings checks that a door's warnings include those of the decisions; the door may have more.
func (c *goldenCase) compareWarnings(t *testing.T, warnings []string) {
	t.Helper()
	for line := range strings.Lines(c.wantDecisions) {
		if want, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  warning: "); ok && !slices.Contains(warnings, want) {
			t.Errorf("warning %q is not among %q", want, warnings)
		}
	}
}

// write makes a door's answer the expected output.
func (c *goldenCase) write(t *testing.T, got answer) {
	t.Helper()
	c.want, c.wantError = got.manifest, lines(got.refusals)
	writeOrRemove(t, filepath.Join(c.dir, c.wantName()), string(got.manifest))
	if c.isExample() {
		return
	}
	writeOrRemove(t, filepath.Join(c.dir, errorFile), c.wantError)
	if got.decisions != nil {
		c.wantDecisions = lines(got.decisions)
		writeOrRemove(t, filepath.Join(c.dir, decisionsFile), c.wantDecisions)
	}
}

func writeOrRemove(t *testing.T, path, text string) {
	t.Helper()
	if text == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return
	}
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func lines(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, "\n") + "\n"
}
