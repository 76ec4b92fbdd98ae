package main

import (
	"bytes"
	"testing"
)

// The built-in templates are tested by the command, like any other templates.
func TestBuiltInTemplatesPassTheirCases(t *testing.T) {
	templatesTest(t, "../../test/templates/builtin", "../../templates/builtin", "--cover-min", "100")
}

func TestTheExamplesOfTemplatesPassTheirCases(t *testing.T) {
	templatesTest(t, "../../test/templates/examples", "../../examples/templates", "--cover-min", "100")
}

func templatesTest(t *testing.T, cases, templates string, flags ...string) {
	t.Helper()
	var out, report bytes.Buffer
	args := append([]string{"sidecar-injector", "templates", "test", cases, "--template-dir", templates}, flags...)
	if code := run(args, streams{In: &bytes.Buffer{}, Out: &out, ErrOut: &report}); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), report.String())
	}
}
