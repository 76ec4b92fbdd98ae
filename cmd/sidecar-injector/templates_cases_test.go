package main

import (
	"bytes"
	"testing"
)

// The built-in templates are tested as anybody's are, by the command itself.
func TestBuiltInTemplatesPassTheirCases(t *testing.T) {
	var out, report bytes.Buffer
	args := []string{"sidecar-injector", "templates", "test", "../../test/templates/builtin", "--template-dir", "../../templates/builtin", "--cover-min", "90"}
	if code := run(args, streams{In: &bytes.Buffer{}, Out: &out, ErrOut: &report}); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), report.String())
	}
}
