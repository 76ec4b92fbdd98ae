//go:build controlplane

package controlplane

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// today returns the templates and settings by which a case's injector decides.
func (g *caseGroup) today(t *testing.T) *fleet.Today {
	t.Helper()
	sources, file := []source.Source{source.NewBuiltIn()}, ""
	if g.folder != "" {
		sources = append(sources, source.NewDirectory(g.folder))
	}
	if i := slices.Index(g.flags, "--config"); i >= 0 {
		file = g.flags[i+1]
	}
	settings, err := config.Read(file)
	must(t, err)
	library := source.NewLibrary(time.Now, nil, sources...)
	must(t, library.Load())
	return &fleet.Today{Set: library.Current(), Settings: settings.Settings(), Server: fleet.Server{Minor: suite.minor, Resize: true}}
}

// standsAsNew checks that a pod that has just been created is reported as up to date: defaults set by the
// server and its admission plugins are no differences.
func (w *workload) standsAsNew(t *testing.T, today *fleet.Today, namespace string, pod object) {
	t.Helper()
	if annotations, _ := w.object["metadata"].(object)["annotations"].(object); w.kind != "Pod" || annotations[inject.StatusAnnotation] != nil {
		return // the case has a status annotation of an older version
	}
	text, err := json.Marshal(pod)
	must(t, err)
	standing, err := today.Judge(inject.Namespace{Name: namespace, Labels: w.namespace.labels, Annotations: w.namespace.annotations}, text)
	must(t, err)
	for _, i := range standing.Instances {
		left := i.State == fleet.Blocked && i.Revision == "" // left without its sidecar because its policy is Ignore
		if i.State != fleet.Current && i.State != fleet.OptedOut && !left {
			t.Errorf("%s %s: a pod just created: %s is %s: %s", w.kind, w.name, cmp.Or(i.Name, "it"), i.State, i.Why)
		}
	}
}
