package live

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// askingPod returns a pod that requests a template; with a revision, it has its sidecar.
func askingPod(template, revision string) []byte {
	status, container := "", ""
	if revision != "" {
		status = fmt.Sprintf(`,"sidecar-injector.dev/status":"{\"%s\":{\"template\":\"ClusterSidecarTemplate/%s\",\"revision\":\"%s\",\"containers\":[\"side\"]}}"`, template, template, revision)
		container = `,{"name":"side","image":"side"}`
	}
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","annotations":{"sidecar-injector.dev/inject":"%s"%s}},
		"spec":{"containers":[{"name":"app","image":"app"}%s]}}`, template, status, container)
}

// stateOf returns the state of a pod that requests a template, for a user who has read set.
func stateOf(t *testing.T, r *Reader, set *templates.Set, pod []byte) fleet.State {
	t.Helper()
	namespace := inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}
	today := &fleet.Today{Set: set, Settings: config.Default().Settings(), Doubt: func(namespace, template string) fleet.Doubt {
		return r.Doubt(set, namespace, template)
	}}
	s, err := today.Judge(namespace, pod)
	if err != nil {
		t.Fatal(err)
	}
	state, why := s.Worst()
	if state == fleet.Unknown && why == "" {
		t.Error("unknown, without a sentence")
	}
	return state
}

func TestWhatCannotBeReadIsUnknownAndNotRefused(t *testing.T) {
	broken := templates.Entry{
		Kind: v1alpha1.ClusterSidecarTemplateKind, Name: "side", Origin: templates.Origin{Source: templates.SourceCluster},
		Findings: []templates.Finding{{Severity: templates.SeverityError, Message: "wrong"}},
	}
	set := templates.NewSet([]templates.Entry{broken})
	inForce := &Reader{}
	inForce.remember(&unstructured.Unstructured{Object: map[string]any{
		"kind": v1alpha1.ClusterSidecarTemplateKind, "metadata": map[string]any{"name": "side"}, "status": map[string]any{"revision": "abc"},
	}}, &broken)
	unread := &Reader{}
	unread.unreadTemplates(v1alpha1.ClusterSidecarTemplateKind, v1alpha1.ClusterSidecarTemplates, "")
	for name, test := range map[string]struct {
		reader             *Reader
		template, revision string
		want               fleet.State
	}{
		"broken, and nothing in force":           {&Reader{}, "side", "", fleet.Blocked},
		"broken, a version in force, no sidecar": {inForce, "side", "", fleet.Unknown},
		"the version in force":                   {inForce, "side", "abc", fleet.Current},
		"another than the one in force":          {inForce, "side", "old", fleet.Unknown},
		"no such template, all read":             {inForce, "other", "", fleet.Blocked},
		"templates not read":                     {unread, "other", "", fleet.Unknown},
		"templates not read, sidecar there":      {unread, "other", "abc", fleet.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if state := stateOf(t, test.reader, set, askingPod(test.template, test.revision)); state != test.want {
				t.Errorf("the state is %v, want %v", state, test.want)
			}
		})
	}
}

// template returns an entry of a source with a usable template called side; with a namespace, that
// namespace's own.
func template(t *testing.T, source, namespace string) templates.Entry {
	t.Helper()
	kind, place := v1alpha1.ClusterSidecarTemplateKind, ""
	if namespace != "" {
		kind, place = v1alpha1.SidecarTemplateKind, ", namespace: "+namespace
	}
	text := fmt.Sprintf(`{apiVersion: sidecar-injector.dev/v1alpha1, kind: %s, metadata: {name: side%s}, spec: {pod: {spec: {containers: [{name: side, image: "side:2"}]}}}}`, kind, place)
	all := load.NewLoader().Load(source, "side.yaml", []byte(text))
	if len(all) != 1 || all[0].Template == nil {
		t.Fatalf("%+v", all)
	}
	return all[0]
}

// TestWhatMayPrecedeWhatWasReadIsUnknown: a pod differs from what a user can read, but what the user cannot
// read may decide otherwise.
func TestWhatMayPrecedeWhatWasReadIsUnknown(t *testing.T) {
	builtin, files, shared, own := template(t, templates.SourceBuiltIn, ""), template(t, templates.SourceDirectory, ""),
		template(t, templates.SourceCluster, ""), template(t, templates.SourceCluster, "shop")
	gaps := map[string]func(*Reader){
		"nothing":         func(*Reader) {},
		"settings":        func(r *Reader) { r.unreadSettings("no settings") },
		"given settings":  func(r *Reader) { r.unreadSettings("no settings"); r.SettingsGiven() },
		"files":           func(r *Reader) { r.unreadFiles("no files") },
		"given templates": func(r *Reader) { r.unreadFiles("no files"); r.TemplatesGiven() },
		"shared": func(r *Reader) {
			r.unreadTemplates(v1alpha1.ClusterSidecarTemplateKind, v1alpha1.ClusterSidecarTemplates, "")
		},
		"own":           func(r *Reader) { r.unreadTemplates(v1alpha1.SidecarTemplateKind, v1alpha1.SidecarTemplates, "shop") },
		"all own":       func(r *Reader) { r.unreadTemplates(v1alpha1.SidecarTemplateKind, v1alpha1.SidecarTemplates, "") },
		"own of others": func(r *Reader) { r.unreadTemplates(v1alpha1.SidecarTemplateKind, v1alpha1.SidecarTemplates, "mill") },
		"a namespace":   func(r *Reader) { r.unreadNamespace("shop") },
		"another one":   func(r *Reader) { r.unreadNamespace("mill") },
		"its canary":    func(r *Reader) { r.brokenCanary(canary("", "side"), "abc") },
		"another's":     func(r *Reader) { r.brokenCanary(canary("", "other"), "abc") },
		"whose canary":  func(r *Reader) { r.brokenCanary(canary("", 5), "abc") },
		"own canary":    func(r *Reader) { r.brokenCanary(canary("shop", "side"), "abc") },
		"far canary":    func(r *Reader) { r.brokenCanary(canary("mill", "side"), "abc") },
	}
	everything := []string{"a namespace", "all own", "own", "own canary", "settings"}
	for name, test := range map[string]struct {
		entry templates.Entry
		hides []string
	}{
		"built-in":  {builtin, append([]string{"files", "shared", "its canary", "whose canary"}, everything...)},
		"files":     {files, append([]string{"files", "shared", "its canary", "whose canary"}, everything...)},
		"resource":  {shared, append([]string{"files", "shared", "its canary", "whose canary"}, everything...)},
		"namespace": {own, everything},
	} {
		set := templates.NewSet([]templates.Entry{test.entry})
		for gap, open := range gaps {
			r, want := &Reader{}, fleet.Restart
			open(r)
			if slices.Contains(test.hides, gap) {
				want = fleet.Unknown
			}
			if state := stateOf(t, r, set, askingPod("side", "old")); state != want {
				t.Errorf("a template of the %s, not known: %s: the state is %v, want %v", name, gap, state, want)
			}
		}
	}
}

func canary(namespace string, of any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"kind": v1alpha1.ClusterSidecarTemplateKind, "metadata": map[string]any{"name": "next", "namespace": namespace},
		"spec": map[string]any{"canary": map[string]any{"of": of}},
	}}
}

// TestABrokenCanaryWithAVersionInForceCounts: the injector keeps its last good version, for pods that the
// broken one does not tell.
func TestABrokenCanaryWithAVersionInForceCounts(t *testing.T) {
	set := templates.NewSet([]templates.Entry{template(t, templates.SourceCluster, "")})
	for revision, want := range map[string]fleet.State{"": fleet.Restart, "abc": fleet.Unknown} {
		o := canary("", "side")
		o.Object["status"] = map[string]any{"revision": revision}
		r := &Reader{}
		r.remember(o, &templates.Entry{Kind: o.GetKind(), Name: "next", Canary: true, Origin: templates.Origin{Source: templates.SourceCluster}})
		if state := stateOf(t, r, set, askingPod("side", "old")); state != want {
			t.Errorf("in force: %q: the state is %v, want %v", revision, state, want)
		}
	}
}
