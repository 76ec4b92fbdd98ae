package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Reason describes a reason of a decision or of a finding.
type Reason struct {
	Reason string `json:"reason"`
	// List is "decision" for reasons of decisions on pods, "finding" for findings in templates.
	List     string           `json:"list"`
	Outcomes []inject.Outcome `json:"outcomes,omitempty"`
	Text     string           `json:"text"`
	Cause    string           `json:"cause"`
	Fix      string           `json:"fix,omitempty"`
}

const (
	listDecision = "decision"
	listFinding  = "finding"
)

// reasons returns the reasons of both lists.
func reasons() []Reason {
	var all []Reason
	for _, r := range inject.Reasons() {
		all = append(all, Reason{string(r.Reason), listDecision, r.Outcomes, r.Text, r.Cause, r.Fix})
	}
	for _, r := range templates.FindingReasons() {
		all = append(all, Reason{string(r.Reason), listFinding, nil, r.Text, r.Cause, r.Fix})
	}
	return all
}

// ReasonNames returns the names in both lists, sorted.
func ReasonNames() []string {
	var names []string
	for _, r := range reasons() {
		names = append(names, r.Reason)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Reasons returns the entries of that name in both lists, ignoring case.
func Reasons(name string) []Reason {
	var found []Reason
	for _, r := range reasons() {
		if strings.EqualFold(r.Reason, name) {
			found = append(found, r)
		}
	}
	return found
}

// NearestReason returns the reason that a misspelt name was probably meant to be, or "".
func NearestReason(name string) string {
	names := ReasonNames()
	lower := make([]string, len(names))
	for i, n := range names {
		lower[i] = strings.ToLower(n)
	}
	if i := slices.Index(lower, message.Nearest(strings.ToLower(name), lower)); i >= 0 {
		return names[i]
	}
	return ""
}

// ReasonsText returns the description of reasons.
func ReasonsText(reasons []Reason, p terminal.Palette) string {
	var b strings.Builder
	for i, r := range reasons {
		if i > 0 {
			b.WriteByte('\n')
		}
		about := "a finding of sidecar-injector validate"
		if r.List == listDecision {
			outcomes := make([]string, len(r.Outcomes))
			for i, o := range r.Outcomes {
				outcomes[i] = string(o)
			}
			about = "outcome: " + strings.Join(outcomes, " or ")
		}
		fmt.Fprintf(&b, "%s (%s)\n\n%s\n\n", p.Bold(r.Reason), about, r.Text)
		fmt.Fprintf(&b, "%s %s\n", p.Bold("Cause:"), r.Cause)
		if r.Fix != "" {
			fmt.Fprintf(&b, "%s   %s\n", p.Bold("Fix:"), r.Fix)
		}
	}
	return b.String()
}
