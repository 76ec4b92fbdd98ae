package serve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

func TestALogLineOfABrokenTemplateIsBounded(t *testing.T) {
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, "  %d%s: 1\n", i, strings.Repeat("x", 900))
	}
	entries := load.Load(templates.SourceDirectory, "wide.yaml", []byte("apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: wide}\nspec:\n"+fields.String()))
	var lines []string
	log := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
	logChange(log, source.Change{Source: "directory", Broken: entries})
	if len(lines) != 1 || len(lines[0]) > 32<<10 || !strings.Contains(lines[0], "and 85 more") {
		t.Errorf("%d lines, the first of %d bytes", len(lines), len(lines[0]))
	}
}
