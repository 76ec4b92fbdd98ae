package templates_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// tried returns the spec of a canary of template a; when is its namespaceSelector or percent.
func tried(when string) string {
	return "{canary: {of: a, " + when + "}, pod: {metadata: {labels: {a: c}}}}"
}

// workload returns a Deployment in a namespace with the label stage.
func workload(namespace, name, stage string) *templates.Workload {
	return &templates.Workload{Namespace: namespace, NamespaceLabels: map[string]string{"stage": stage}, Kind: "Deployment", Name: name}
}

// got describes the template that a workload gets by the name a.
func got(s *templates.Set, w *templates.Workload) string {
	e, ok := s.Get(w, "a")
	if !ok {
		return "nothing"
	}
	return strings.Trim(e.Namespace+"/"+e.Name+" of "+e.Origin.Source, "/")
}

func TestACanaryTakesThePlaceOfItsTemplateWhereItCounts(t *testing.T) {
	const everywhere, early = "percent: 100", "namespaceSelector: {matchLabels: {stage: early}}"
	canary := func(source, kind, namespace, name, when string) templates.Entry {
		return valid(t, source, kind, namespace, name, tried(when))
	}
	main := func(source, kind, namespace string) templates.Entry {
		return valid(t, source, kind, namespace, "a", plainSpec)
	}
	for _, c := range []struct {
		name    string
		entries []templates.Entry
		w       *templates.Workload
		want    string
	}{
		{"in the namespaces that it selects", []templates.Entry{main("directory", clusterKind, ""), canary("directory", clusterKind, "", "next", early)},
			workload("team", "web", "early"), "next of directory"},
		{"and not in others", []templates.Entry{main("directory", clusterKind, ""), canary("directory", clusterKind, "", "next", early)},
			workload("team", "web", "late"), "a of directory"},
		{"for 0 % nowhere", []templates.Entry{main("directory", clusterKind, ""), canary("directory", clusterKind, "", "next", "percent: 0")},
			workload("team", "web", ""), "a of directory"},
		{"for 100 % everywhere", []templates.Entry{main("directory", clusterKind, ""), canary("directory", clusterKind, "", "next", everywhere)},
			workload("team", "web", ""), "next of directory"},
		{"under the template's own name", []templates.Entry{main("built-in", clusterKind, ""), canary("cluster", clusterKind, "", "a", everywhere)},
			workload("team", "web", ""), "a of cluster"},
		{"which hides nothing where it does not count", []templates.Entry{main("built-in", clusterKind, ""), canary("cluster", clusterKind, "", "a", "percent: 0")},
			workload("team", "web", ""), "a of built-in"},
		{"a namespace's for its pods", []templates.Entry{main("cluster", clusterKind, ""), canary("cluster", spaceKind, "team", "next", everywhere)},
			workload("team", "web", ""), "team/next of cluster"},
		{"a namespace's for no other's", []templates.Entry{main("cluster", clusterKind, ""), canary("cluster", spaceKind, "team", "next", everywhere)},
			workload("other", "web", ""), "a of cluster"},
		{"a namespace's of a directory for the cluster's", []templates.Entry{main("cluster", clusterKind, ""), canary("directory", spaceKind, "team", "next", everywhere)},
			workload("team", "web", ""), "team/next of directory"},
		{"the cluster's not of a namespace's own template",
			[]templates.Entry{main("cluster", clusterKind, ""), main("cluster", spaceKind, "team"), canary("cluster", clusterKind, "", "next", everywhere)},
			workload("team", "web", ""), "team/a of cluster"},
		{"not of a template of a higher source", []templates.Entry{main("cluster", clusterKind, ""), canary("directory", clusterKind, "", "next", everywhere)},
			workload("team", "web", ""), "a of cluster"},
		{"of one of a lower source", []templates.Entry{main("built-in", clusterKind, ""), canary("directory", clusterKind, "", "next", everywhere)},
			workload("team", "web", ""), "next of directory"},
		{"for nobody where there is no template", []templates.Entry{canary("directory", clusterKind, "", "next", everywhere)},
			workload("team", "web", ""), "nothing"},
		{"even if the template is broken", []templates.Entry{one(t, "directory", clusterKind, "", "a", "{}"), canary("directory", clusterKind, "", "next", everywhere)},
			workload("team", "web", ""), "next of directory"},
		{"not if it is broken itself", []templates.Entry{main("built-in", clusterKind, ""), one(t, "cluster", clusterKind, "", "a", "{canary: {of: a, percent: 10}}")},
			workload("team", "web", ""), "a of built-in"},
		{"a namespace's before the cluster's",
			[]templates.Entry{main("cluster", clusterKind, ""), canary("cluster", spaceKind, "team", "z", everywhere), canary("cluster", clusterKind, "", "b", everywhere)},
			workload("team", "web", ""), "team/z of cluster"},
		{"one for namespaces before one for a share",
			[]templates.Entry{main("cluster", clusterKind, ""), canary("cluster", clusterKind, "", "z", early), canary("cluster", clusterKind, "", "b", everywhere)},
			workload("team", "web", "early"), "z of cluster"},
		{"one of a higher source first",
			[]templates.Entry{main("built-in", clusterKind, ""), canary("directory", clusterKind, "", "b", early), canary("cluster", clusterKind, "", "z", everywhere)},
			workload("team", "web", "early"), "z of cluster"},
		{"then by name",
			[]templates.Entry{main("cluster", clusterKind, ""), canary("cluster", clusterKind, "", "z", everywhere), canary("cluster", clusterKind, "", "b", everywhere)},
			workload("team", "web", ""), "b of cluster"},
		{"a copy of a lower source is hidden where the higher one does not count",
			[]templates.Entry{main("built-in", clusterKind, ""), canary("directory", clusterKind, "", "b", everywhere), canary("cluster", clusterKind, "", "b", "percent: 0")},
			workload("team", "web", ""), "a of built-in"},
		{"two of one name in one source are both broken",
			[]templates.Entry{main("built-in", clusterKind, ""), canary("directory", clusterKind, "", "b", everywhere), canary("directory", clusterKind, "", "b", everywhere)},
			workload("team", "web", ""), "a of built-in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 10 {
				rand.Shuffle(len(c.entries), func(i, j int) { c.entries[i], c.entries[j] = c.entries[j], c.entries[i] })
				s := templates.NewSet(c.entries)
				if got := got(s, c.w); got != c.want {
					t.Fatalf("got %s, want %s", got, c.want)
				}
				counting := 0
				for _, trial := range s.Trials(c.w, "a") {
					if trial.Counts {
						counting++
					}
				}
				if e, _ := s.Get(c.w, "a"); (counting == 1) != (e.Template != nil && e.Template.Canary != nil) || counting > 1 {
					t.Errorf("%d canaries are said to count", counting)
				}
			}
		})
	}
}

func TestACanaryIsNoTemplateByItsOwnName(t *testing.T) {
	s := templates.NewSet([]templates.Entry{
		valid(t, "directory", clusterKind, "", "a", plainSpec),
		valid(t, "directory", clusterKind, "", "next", tried("percent: 100")),
		valid(t, "cluster", spaceKind, "team", "soon", tried("percent: 100")),
	})
	if _, ok := s.Lookup("team", "next"); ok {
		t.Error("a pod can ask for it")
	}
	if got := s.Names("team"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("names %v", got)
	}
	for namespace, want := range map[string]string{"team": "next soon", "other": "next "} {
		next, _ := s.Canary(namespace, "next")
		soon, _ := s.Canary(namespace, "soon")
		if got := next.Name + " " + soon.Name; got != want {
			t.Errorf("%s: canaries %q, want %q", namespace, got, want)
		}
	}
}

func TestACanaryThatCountsForNoPodIsTold(t *testing.T) {
	entries := []templates.Entry{
		valid(t, "directory", clusterKind, "", "a-b", plainSpec),
		valid(t, "directory", clusterKind, "", "next", "{canary: {of: ab, percent: 10}, pod: {metadata: {labels: {a: c}}}}"),
	}
	s := templates.NewSet(entries)
	want := []templates.Finding{{File: "directory/next.yaml", Line: 1, Column: 1, Path: "spec.canary.of", Reason: templates.UnusedCanary, Severity: templates.SeverityWarning,
		Message: `there is no template "ab": the canary counts for no pod`, Hint: "did you mean a-b?"}}
	if diff := cmp.Diff(want, s.Entries()[1].Findings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(entries[1].Findings) > 0 {
		t.Error("the entry given was changed")
	}
	found := templates.NewSet(append(s.Entries(), valid(t, "directory", clusterKind, "", "ab", plainSpec)))
	if next, _ := found.Canary("team", "next"); len(next.Findings) > 0 || len(s.Entries()[1].Findings) != 1 {
		t.Errorf("with its template there is still %v", next.Findings)
	}

	entries[1] = valid(t, "directory", clusterKind, "", "a", plainSpec)
	for n := range 20 {
		entries = append(entries, valid(t, "directory", clusterKind, "", fmt.Sprintf("next-%02d", n), tried("percent: 10")))
	}
	told := 0
	for _, e := range templates.NewSet(entries).Entries() {
		told += len(e.Findings)
	}
	if told != 4 {
		t.Errorf("of 20 canaries %d are told that they do not count, want 4", told)
	}
}

// TestAShareIsAsLargeAsItSays also checks that a larger percentage includes all workloads of a smaller one,
// and that canaries of different templates do not select the same workloads.
func TestAShareIsAsLargeAsItSays(t *testing.T) {
	const workloads = 20_000
	main := valid(t, "directory", clusterKind, "", "a", plainSpec)
	other := valid(t, "directory", clusterKind, "", "b", plainSpec)
	others := valid(t, "directory", clusterKind, "", "later", strings.Replace(tried("percent: 50"), "of: a", "of: b", 1))
	var before map[int]bool
	for _, percent := range []int{1, 10, 50, 99} {
		s := templates.NewSet([]templates.Entry{main, other, others, valid(t, "directory", clusterKind, "", "next", tried(fmt.Sprintf("percent: %d", percent)))})
		now, both := map[int]bool{}, 0
		for n := range workloads {
			w := workload(fmt.Sprintf("team-%d", n%100), fmt.Sprintf("web-%d", n/100), "")
			if e, _ := s.Get(w, "a"); e.Name == "next" {
				now[n] = true
				if e, _ := s.Get(w, "b"); e.Name == "later" {
					both++
				}
			}
		}
		if got := 100 * float64(len(now)) / workloads; got < float64(percent)-1 || got > float64(percent)+1 {
			t.Errorf("%d %%: %.2f %% of the workloads", percent, got)
		}
		for n := range before {
			if !now[n] {
				t.Fatalf("%d %%: a workload of the smaller share is left out", percent)
			}
		}
		if got := 100 * both / len(now); got < 35 || got > 65 {
			t.Errorf("%d %% of those that try a try b as well, want about 50", got)
		}
		before = now
	}
}

func TestWhichOfATemplateAndItsCanaryMatches(t *testing.T) {
	const match = "match: {podSelector: {matchLabels: {app: web}}}, "
	matching := strings.Replace(plainSpec, "{", "{"+match, 1)
	canary := func(match string) templates.Entry {
		return valid(t, "directory", clusterKind, "", "next", strings.Replace(tried("namespaceSelector: {matchLabels: {stage: early}}"), "{", "{"+match, 1))
	}
	for _, c := range []struct {
		name    string
		entries []templates.Entry
		early   string
		late    string
	}{
		{"both", []templates.Entry{valid(t, "directory", clusterKind, "", "a", matching), canary(match)}, "a@next", "a"},
		{"the template alone", []templates.Entry{valid(t, "directory", clusterKind, "", "a", matching), canary("")}, "", "a"},
		{"the canary alone", []templates.Entry{valid(t, "directory", clusterKind, "", "a", plainSpec), canary(match)}, "a@next", ""},
		{"hidden by a namespace's", []templates.Entry{valid(t, "directory", clusterKind, "", "a", matching), canary(match),
			valid(t, "cluster", spaceKind, "team", "a", plainSpec)}, "", ""},
	} {
		s := templates.NewSet(c.entries)
		for stage, want := range map[string]string{"early": c.early, "late": c.late} {
			got := ""
			for _, tmpl := range s.Matching(workload("team", "web", stage), map[string]string{"app": "web"}) {
				got += tmpl.Name
				if tmpl.Canary != nil {
					got += "@" + tmpl.Canary.Name
				}
			}
			if got != want {
				t.Errorf("%s, %s: got %q, want %q", c.name, stage, got, want)
			}
		}
	}
}
