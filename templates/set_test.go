package templates_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// one loads a single template with this spec.
func one(t *testing.T, source, kind, namespace, name, spec string) templates.Entry {
	t.Helper()
	where := ""
	if namespace != "" {
		where = ", namespace: " + namespace
	}
	text := fmt.Sprintf("apiVersion: sidecar-injector.dev/v1alpha1\nkind: %s\nmetadata: {name: %s%s}\nspec: %s\n", kind, name, where, spec)
	entries := load.Load(source, source+"/"+name+".yaml", []byte(text))
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	return entries[0]
}

func valid(t *testing.T, source, kind, namespace, name, spec string) templates.Entry {
	t.Helper()
	e := one(t, source, kind, namespace, name, spec)
	if e.Template == nil {
		t.Fatalf("%s: %v", name, e.Findings)
	}
	return e
}

const (
	clusterKind = "ClusterSidecarTemplate"
	spaceKind   = "SidecarTemplate"
	plainSpec   = "{pod: {metadata: {labels: {a: b}}}}"
)

func TestALookupPrefersNamespaceThenClusterThenDirectoryThenBuiltIn(t *testing.T) {
	entries := []templates.Entry{
		valid(t, templates.SourceBuiltIn, clusterKind, "", "a", plainSpec),
		valid(t, templates.SourceDirectory, clusterKind, "", "a", plainSpec),
		valid(t, templates.SourceCluster, clusterKind, "", "a", plainSpec),
		valid(t, templates.SourceDirectory, spaceKind, "team", "a", plainSpec),
		valid(t, templates.SourceCluster, spaceKind, "team", "a", plainSpec),
		valid(t, templates.SourceBuiltIn, clusterKind, "", "b", plainSpec),
		one(t, templates.SourceDirectory, clusterKind, "", "b", "{}"),
		valid(t, templates.SourceBuiltIn, clusterKind, "", "c", plainSpec),
	}
	var want string
	for round := range 20 {
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		s := templates.NewSet(entries)
		got := ""
		for _, namespace := range []string{"team", "other"} {
			for _, name := range []string{"a", "b", "c", "d"} {
				e, ok := s.Lookup(namespace, name)
				got += fmt.Sprintln(namespace, name, ok, e.Kind, e.Origin.Source, e.Broken())
			}
			got += fmt.Sprintln(s.Names(namespace))
		}
		for _, e := range s.Entries() {
			got += fmt.Sprintln(e.Name, e.Namespace, e.Origin.Source)
		}
		if round == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the order of the entries shows:\n%s", diff)
		}
	}
	wanted := `team a true SidecarTemplate cluster false
team b true ClusterSidecarTemplate directory true
team c true ClusterSidecarTemplate built-in false
team d false   false
[a b c]
other a true ClusterSidecarTemplate cluster false
other b true ClusterSidecarTemplate directory true
other c true ClusterSidecarTemplate built-in false
other d false   false
[a b c]
a  cluster
a  directory
a  built-in
a team cluster
a team directory
b  directory
b  built-in
c  built-in
`
	if diff := cmp.Diff(wanted, want); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTwoOfOneNameInOneSourceAreBothBroken(t *testing.T) {
	first := valid(t, templates.SourceDirectory, clusterKind, "", "a", plainSpec)
	second := first
	second.Origin.File = "directory/b.yaml"
	s := templates.NewSet([]templates.Entry{second, first})
	e, ok := s.Lookup("any", "a")
	if !ok || !e.Broken() || e.Template != nil {
		t.Fatalf("lookup gave %+v", e)
	}
	for _, e := range s.Entries() {
		if len(e.Findings) != 1 || e.Findings[0].Reason != templates.DuplicateTemplate {
			t.Errorf("%s: %v", e.Origin.File, e.Findings)
		}
	}
	if first.Broken() || first.Template == nil {
		t.Error("the entry given was changed")
	}

	// A source may call MarkDuplicates first and then restore the last good template.
	marked := templates.MarkDuplicates([]templates.Entry{second, first})
	marked[0].Template = first.Template
	s = templates.NewSet(marked)
	if got := templates.MarkDuplicates(marked); got[0].Template == nil || len(got[0].Findings) != 1 {
		t.Error("a second marking takes the last good template away")
	}
	if len(s.Entries()) != 2 {
		t.Error("an entry is lost")
	}
}

func TestMatchingFollowsTheSelectorsInOrder(t *testing.T) {
	match := func(source, kind, namespace, name string, order int, match string) templates.Entry {
		return valid(t, source, kind, namespace, name, fmt.Sprintf("{order: %d, match: %s, pod: {metadata: {labels: {a: b}}}}", order, match))
	}
	s := templates.NewSet([]templates.Entry{
		match(templates.SourceCluster, clusterKind, "", "every", 5, "{podSelector: {}}"),
		match(templates.SourceCluster, clusterKind, "", "web", 0, "{podSelector: {matchLabels: {app: web}}}"),
		match(templates.SourceCluster, clusterKind, "", "either", 0, "{podSelector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}}"),
		match(templates.SourceCluster, clusterKind, "", "has-tier", -1, "{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}"),
		match(templates.SourceCluster, clusterKind, "", "not-web", 0, "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}"),
		match(templates.SourceCluster, clusterKind, "", "prod", 1, "{namespaceSelector: {matchLabels: {env: prod}}}"),
		match(templates.SourceCluster, clusterKind, "", "prod-web", 1, "{podSelector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {env: prod}}}"),
		match(templates.SourceCluster, clusterKind, "", "space-key", 2, "{namespaceSelector: {matchExpressions: [{key: env, operator: Exists}]}}"),
		match(templates.SourceCluster, spaceKind, "team", "mine", 0, "{podSelector: {}}"),
		match(templates.SourceCluster, spaceKind, "team", "web", 9, "{podSelector: {matchLabels: {app: other}}}"),
		valid(t, templates.SourceCluster, clusterKind, "", "asked-for", plainSpec),
	})
	type labels = map[string]string
	for _, c := range []struct {
		namespace   string
		pod, spaces labels
		want        []string
	}{
		{"other", labels{"app": "web"}, nil, []string{"either", "web", "every"}},
		{"other", labels{"app": "api", "tier": ""}, nil, []string{"has-tier", "either", "not-web", "every"}},
		{"other", nil, nil, []string{"not-web", "every"}},
		{"other", labels{"app": "web"}, labels{"env": "prod"}, []string{"either", "web", "prod", "prod-web", "space-key", "every"}},
		// The team's own web hides the cluster's, although it does not match.
		{"team", labels{"app": "web"}, labels{"env": "test"}, []string{"either", "mine", "space-key", "every"}},
	} {
		var got []string
		for _, tmpl := range s.Matching(&templates.Workload{Namespace: c.namespace, NamespaceLabels: c.spaces}, c.pod) {
			got = append(got, tmpl.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %v %v: -want +got:\n%s", c.namespace, c.pod, c.spaces, diff)
		}
	}
}

// The index finds the same templates as evaluating all selectors.
func TestTheIndexOfSelectorsAgreesWithAScan(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys, values := []string{"a", "b", "c"}, []string{"p", "q", "r"}
	expression := func() string {
		key, value := keys[random.IntN(3)], values[random.IntN(3)]
		switch random.IntN(5) {
		case 0:
			return fmt.Sprintf("{key: %s, operator: In, values: [%s, %s]}", key, value, values[random.IntN(3)])
		case 1:
			return fmt.Sprintf("{key: %s, operator: NotIn, values: [%s]}", key, value)
		case 2:
			return fmt.Sprintf("{key: %s, operator: Exists}", key)
		case 3:
			return fmt.Sprintf("{key: %s, operator: DoesNotExist}", key)
		default:
			return fmt.Sprintf("{key: %s, operator: In, values: [%s]}", key, value)
		}
	}
	selector := func() string {
		text := "{matchExpressions: ["
		for i := range random.IntN(3) {
			if i > 0 {
				text += ", "
			}
			text += expression()
		}
		return text + "]}"
	}
	var entries []templates.Entry
	for i := range 150 {
		entries = append(entries, valid(t, templates.SourceCluster, clusterKind, "", fmt.Sprintf("t%d", i),
			fmt.Sprintf("{order: %d, match: {podSelector: %s, namespaceSelector: %s}, pod: {metadata: {labels: {a: b}}}}", random.IntN(3), selector(), selector())))
	}
	s := templates.NewSet(entries)
	labels := func() map[string]string {
		m := map[string]string{}
		for range random.IntN(4) {
			m[keys[random.IntN(3)]] = values[random.IntN(3)]
		}
		return m
	}
	for range 300 {
		pod, space := labels(), labels()
		var want []*templates.Template
		for _, e := range entries {
			if e.Template.PodSelector.Matches(labelSet(pod)) && e.Template.NamespaceSelector.Matches(labelSet(space)) {
				want = append(want, e.Template)
			}
		}
		slices.SortFunc(want, func(a, b *templates.Template) int {
			if a.Spec.Order != b.Spec.Order {
				return int(a.Spec.Order - b.Spec.Order)
			}
			return strings.Compare(a.Name, b.Name)
		})
		if got := s.Matching(&templates.Workload{Namespace: "default", NamespaceLabels: space}, pod); !slices.Equal(got, want) {
			t.Fatalf("%v %v: got %d templates, want %d", pod, space, len(got), len(want))
		}
	}
}

type labelSet map[string]string

func (l labelSet) Has(key string) bool              { _, ok := l[key]; return ok }
func (l labelSet) Get(key string) string            { return l[key] }
func (l labelSet) Lookup(key string) (string, bool) { v, ok := l[key]; return v, ok }
