package explain

import (
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
)

// PodGroup is a group of a workload's pods with the same sidecars.
type PodGroup struct {
	Pods int `json:"pods"`
	// State is the state of the pods in a word, Tone its rating for display.
	State string `json:"state"`
	Tone  Tone   `json:"-"`
	// Sidecars are instance=template@revision, in the order of the status.
	Sidecars []string `json:"sidecars,omitempty"`
	// Why has a sentence for each sidecar that is not as it would be in a new pod.
	Why []string `json:"why,omitempty"`
	// Stale is true if the pods would have other sidecars if they were recreated.
	Stale bool `json:"-"`
}

// Tone is the rating of a state.
type Tone int

// The tones of a state.
const (
	Neutral Tone = iota
	Well
	Doubtful
	Bad
)

// AddPods adds the present pods of a workload, and sentences about sidecars that failed in pods that have
// ended. If pods are stale, a remedy is added.
func (e *Explanation) AddPods(groups []PodGroup, ends []string) {
	e.Pods, e.Warnings = groups, append(e.Warnings, ends...)
	if !terminal.Restarts(e.Kind) || !slices.ContainsFunc(groups, func(g PodGroup) bool { return g.Stale }) {
		return
	}
	first := ""
	if len(e.Remedies) > 0 {
		first = "then "
	}
	e.Remedies = append(e.Remedies, Remedy{
		Text:    first + "create its pods anew:",
		Command: terminal.RestartCommand(e.Kind, e.Name, e.Namespace),
	})
}

// InstallFirst adds, before the other remedies, that the cluster has no injector.
func (e *Explanation) InstallFirst() {
	if len(e.Remedies) > 0 {
		e.Remedies = slices.Insert(e.Remedies, 0, Remedy{
			Text:    "install the injector first, for this cluster has none, and without one no pod gets a sidecar (docs/install.md); this says what is in the way:",
			Command: "sidecar-injector check --pre",
		})
	}
}

// AddMissingAccess adds sentences about permissions that the pod's service account lacks.
func (e *Explanation) AddMissingAccess(missing ...string) {
	e.Warnings = append(e.Warnings, missing...)
}

// RightsAreGiven records that the cluster, or the manifests, grant the pod's service account all that its
// sidecars need.
func (e *Explanation) RightsAreGiven() { e.rightsGiven = true }

// pods writes which pods a workload has now.
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
