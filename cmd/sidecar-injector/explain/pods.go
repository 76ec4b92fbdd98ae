package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
)

// PodGroup is a number of pods of a workload that carry the same.
type PodGroup struct {
	Pods int `json:"pods"`
	// State is a word, Tone what it means to people.
	State string `json:"state"`
	Tone  Tone   `json:"-"`
	// Sidecars are instance=template@revision, in the order of the status.
	Sidecars []string `json:"sidecars,omitempty"`
	// Why says what is wrong with each that is not as it would be today.
	Why []string `json:"why,omitempty"`
	// Stale says that the pods would have other sidecars if they were created anew.
	Stale bool `json:"-"`
}

// Tone is how good a state is.
type Tone int

// The tones of a state.
const (
	Neutral Tone = iota
	Well
	Doubtful
	Bad
)

// AddPods adds the pods that a workload of a cluster has now, and sentences about sidecars that
// ended badly in pods that are over.
func (e *Explanation) AddPods(groups []PodGroup, ends []string) {
	e.Pods, e.Warnings = groups, append(e.Warnings, ends...)
	if !rolls(e.Kind) || !slices.ContainsFunc(groups, func(g PodGroup) bool { return g.Stale }) {
		return
	}
	first := ""
	if len(e.Remedies) > 0 {
		first = "then "
	}
	e.Remedies = append(e.Remedies, Remedy{
		Text:    first + "create its pods anew:",
		Command: fmt.Sprintf("kubectl rollout restart %s %s -n %s", strings.ToLower(e.Kind), terminal.ShellWord(e.Name), terminal.ShellWord(e.Namespace)),
	})
}

// AddMissingAccess adds sentences about rights that the pod's service account lacks.
func (e *Explanation) AddMissingAccess(missing ...string) {
	e.Warnings = append(e.Warnings, missing...)
}

// RightsAreGiven says that manifests give the pod's service account all that its sidecars need.
func (e *Explanation) RightsAreGiven() { e.rightsGiven = true }

// rolls says whether kubectl rollout restart knows the kind.
func rolls(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, kind)
}

// pods says which pods a workload has now.
func (w *writer) pods() {
	if len(w.e.Pods) == 0 {
		return
	}
	total, widest := 0, 0
	for _, g := range w.e.Pods {
		total += g.Pods
		widest = max(widest, len(g.State))
	}
	w.line("")
	w.line("It has %s now:", terminal.Plural(total, "pod"))
	for _, g := range w.e.Pods {
		what := strings.Join(g.Sidecars, ", ")
		if what == "" {
			what = "no sidecar"
		}
		state := terminal.Pad(g.State, widest)
		switch g.Tone {
		case Well:
			state = w.Green(state)
		case Doubtful:
			state = w.Yellow(state)
		case Bad:
			state = w.Red(state)
		case Neutral:
		}
		w.line("  %4d  %s  %s", g.Pods, state, what)
		for _, why := range g.Why {
			w.line("  %4s  %s  %s", "", strings.Repeat(" ", widest), w.Faint(terminal.Cut(why)))
		}
	}
}
