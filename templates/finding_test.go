package templates_test

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

func TestSummarizeCountsWhatHasNoRoom(t *testing.T) {
	var findings []templates.Finding
	for range 10 {
		findings = append(findings, templates.Finding{Path: "spec.order", Message: strings.Repeat("x", 20), Hint: "mend it"})
	}
	const one = "spec.order: xxxxxxxxxxxxxxxxxxxx (mend it)"
	cases := []struct {
		limit int
		want  string
	}{
		{1000, strings.Repeat(one+"; ", 9) + one},
		{150, one + "; " + one + "; " + one + "; and 7 more"},
		{20, one[:20]},
	}
	for _, c := range cases {
		if got := templates.Summarize(findings, c.limit); got != c.want || len(got) > c.limit {
			t.Errorf("limit %d: got  %s\nwant %s", c.limit, got, c.want)
		}
	}
	if got := templates.Summarize(nil, 10); got != "" {
		t.Errorf("nothing found: %q", got)
	}
}
