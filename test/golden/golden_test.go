// Package golden_test holds the promises of the engine as folders: one case each,
// named after what it promises. A case goes through every door there is, and all have to
// give the same answer.
//
//	in.yaml          one or more documents, perhaps with a Namespace
//	want.yaml        the documents with sidecars, as inject prints them
//	want-error.txt   instead of want.yaml: the refusals, a line each
//	decisions.txt    the reasons and warnings, for doors that tell them
//	config.yaml      the injector's settings (optional)
//	templates/       a template directory (optional); the built-in templates are always there
//
// go test ./test/golden -update writes what comes out; read the difference before you commit it.
// The examples folder is run in the same way, its result stands in injected.yaml.
package golden_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what comes out into the cases")

// answer is what a door gives for one case.
type answer struct {
	// manifest is the input with sidecars; nil when something is refused or at fault.
	manifest []byte
	// refusals has one message per refused pod, or the fault of the input, a line each.
	refusals []string
	// decisions are the lines of decisions.txt; nil from a door that cannot tell.
	decisions []string
}

// door is one way to the engine.
type door struct {
	name string
	open func(t *testing.T, c *goldenCase) answer
}

// doors lists all; the first one writes what -update writes.
func doors() []door {
	return []door{
		{"function", functionDoor},
	}
}

func TestGolden(t *testing.T) {
	cases := loadCases(t)
	for _, d := range doors() {
		t.Run(d.name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					got := d.open(t, c)
					if *update {
						c.write(t, got)
					}
					c.compare(t, got)
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
	if diff := cmp.Diff(c.wantError, lines(got.refusals)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", errorFile, diff)
	}
	if got.decisions != nil && !c.isExample() {
		if diff := cmp.Diff(c.wantDecisions, lines(got.decisions)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", decisionsFile, diff)
		}
	}
}

// write makes what a door gave the expectation.
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
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func lines(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, "\n") + "\n"
}
