package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// explainedReason is an entry of one of the two closed lists.
type explainedReason struct {
	Reason string `json:"reason"`
	// List is decision for what becomes of pods, finding for what is wrong with templates.
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

// explainedReasons are both lists.
func explainedReasons() []explainedReason {
	var all []explainedReason
	for _, r := range inject.Reasons() {
		all = append(all, explainedReason{string(r.Reason), listDecision, r.Outcomes, r.Text, r.Cause, r.Fix})
	}
	for _, r := range templates.FindingReasons() {
		all = append(all, explainedReason{string(r.Reason), listFinding, nil, r.Text, r.Cause, r.Fix})
	}
	return all
}

func reasonNames() []string {
	var names []string
	for _, r := range explainedReasons() {
		names = append(names, r.Reason)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findReasons looks a name up in both lists, in any case.
func findReasons(name string) []explainedReason {
	var found []explainedReason
	for _, r := range explainedReasons() {
		if strings.EqualFold(r.Reason, name) {
			found = append(found, r)
		}
	}
	return found
}

// nearestReason is the reason that a misspelt name stands for, or "".
func nearestReason(name string) string {
	names := reasonNames()
	lower := make([]string, len(names))
	for i, n := range names {
		lower[i] = strings.ToLower(n)
	}
	if i := slices.Index(lower, templates.Nearest(strings.ToLower(name), lower)); i >= 0 {
		return names[i]
	}
	return ""
}

func (o *explainOptions) explainReason(args []string, std streams) error {
	found := findReasons(args[0])
	if len(found) == 0 {
		hint := "the reasons are " + strings.Join(reasonNames(), ", ")
		if near := nearestReason(args[0]); near != "" {
			hint = "did you mean " + near + "?"
		}
		return &hinted{fmt.Errorf("reason %s does not exist", templates.Quote(args[0])), hint}
	}
	out, _, err := o.palettes(std)
	if err != nil {
		return err
	}
	var text []byte
	switch {
	case o.output == outputText:
		text = []byte(reasonsText(found, out))
	case len(found) == 1:
		text, err = structured(o.output, found[0])
	default:
		text, err = structured(o.output, found)
	}
	if err != nil {
		return err
	}
	if _, err := std.Out.Write(text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// reasonsText is the entry, or both entries, of a reason.
func reasonsText(reasons []explainedReason, p palette) string {
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
		fmt.Fprintf(&b, "%s (%s)\n\n%s\n\n", p.bold(r.Reason), about, r.Text)
		fmt.Fprintf(&b, "%s %s\n", p.bold("Cause:"), r.Cause)
		if r.Fix != "" {
			fmt.Fprintf(&b, "%s   %s\n", p.bold("Fix:"), r.Fix)
		}
	}
	return b.String()
}
