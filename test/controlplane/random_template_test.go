//go:build controlplane

package controlplane

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// randomTemplate is a template whose only expression is the instance's name, so that its additions can be put
// into a pod without the engine.
type randomTemplate struct {
	name     string
	app, pod object // spec.app, spec.pod
	settings object // all other fields of the spec
}

// template returns a valid template.
func (g generator) template(name string) *randomTemplate {
	spec := object{}
	app := object{}
	t := &randomTemplate{name: name, app: app, pod: object{"spec": spec}, settings: object{"supports": []any{"hostNetwork"}}}
	list := pick(g, "initContainers", "initContainers", "initContainers", "containers")
	volume := "${instance}-data"
	if g.chance(6) {
		volume = g.volumeName()
	}
	sidecar := g.sidecar(volume)
	if list == "initContainers" {
		sidecar["restartPolicy"] = "Always"
	}
	spec[list] = []any{sidecar}
	spec["volumes"] = []any{object{"name": volume, "emptyDir": pick(g, object{}, object{}, object{"sizeLimit": pick(g, "16Mi", "16384Ki", "32Mi")})}}
	if g.chance(2) {
		mount := object{"name": volume, "mountPath": pick(g, "/${instance}", "/${instance}/", g.path())}
		if g.chance(4) {
			mount["readOnly"] = true
		}
		app["volumeMounts"] = []any{mount}
	}
	if g.chance(3) {
		app["env"] = []any{object{"name": pick(g, "SIDE", "LEVEL"), "value": pick(g, "on", "on", "on", "${instance}")}}
	}
	if g.chance(3) {
		app["containers"] = pick(g, "all", "first")
	}
	if g.chance(6) {
		app["readinessProbe"] = object{"tcpSocket": object{"port": 9000}}
	}
	if g.chance(6) {
		app["envFrom"] = []any{object{"configMapRef": object{"name": "side"}}}
	}
	if len(app) == 1 && app["containers"] != nil {
		delete(app, "containers")
	}
	g.extras(t, spec)
	return t
}

func (g generator) sidecar(volume string) object {
	c := object{
		"name":  pick(g, "${instance}", "${instance}", "side-${instance}", "side-${instance}", "side-${instance}", "side-${instance}", "side-${instance}", "side-${instance}", "sidecar-of-instance-${instance}-with-a-name-that-is-long-too", g.containerName()),
		"image": pick(g, "registry.example.com/side:1.0.0", "side"),
		"resources": object{
			"requests": object{"cpu": pick(g, "1m", "0.001"), "memory": pick(g, "1Mi", "1024Ki")},
			"limits":   object{"memory": g.memory()},
		},
		"volumeMounts": []any{object{"name": volume, "mountPath": "/side"}},
	}
	if g.chance(3) {
		port := object{"containerPort": pick(g, 9000, 9100, 9200, 9300, 9400, 9500), "name": pick(g, "metrics", "side", "metrics-9", "side-9", "port-0", "p-${instance}")}
		if g.chance(3) {
			port["hostPort"] = port["containerPort"]
		}
		c["ports"] = []any{port}
	}
	if g.chance(3) {
		c["env"] = []any{
			object{"name": "INSTANCE", "value": "${instance}"},
			object{"name": "NODE", "valueFrom": object{"fieldRef": object{"fieldPath": "spec.nodeName"}}},
		}
	}
	if g.chance(3) {
		c["startupProbe"] = object{"httpGet": object{"port": 9000, "path": "/"}, "failureThreshold": 30}
	}
	if g.chance(3) {
		c["securityContext"] = object{"runAsNonRoot": true, "runAsUser": 65532, "capabilities": object{"drop": []any{"ALL"}}}
	}
	if g.chance(4) && c["name"] != "proxy" { // which cannot be placed after itself
		c["$position"] = pick[any](g, "first", "last", "before:app", []any{"after:proxy", "after:web"})
	}
	return c
}

func (g generator) extras(t *randomTemplate, spec object) {
	if g.chance(4) {
		t.pod["metadata"] = object{
			"labels":      object{"side": pick(g, "yes", "yes", "yes", "no")},
			"annotations": object{"example.com/unknown": "side"},
		}
	}
	if g.chance(6) {
		spec["imagePullSecrets"] = []any{object{"name": pick(g, "registry", "side")}}
	}
	if g.chance(6) {
		spec["tolerations"] = []any{object{"key": pick(g, "dedicated", "side"), "operator": "Exists"}}
	}
	if g.chance(6) {
		spec["hostAliases"] = []any{object{"ip": "127.0.0.2", "hostnames": []any{"side"}}}
	}
	if g.chance(6) {
		spec["terminationGracePeriodSeconds"] = pick(g, 10, 60)
	}
	if g.chance(8) {
		spec["shareProcessNamespace"] = true
	}
	if g.chance(8) {
		spec["dnsConfig"] = object{"searches": []any{"side.example.com"}, "options": []any{object{"name": "ndots", "value": "5"}}}
	}
	if g.chance(8) {
		t.settings["keepOnDrain"] = true
	}
	if g.chance(4) {
		t.settings["order"] = pick(g, -1, 1, 2)
	}
	if g.chance(6) {
		spec["securityContext"] = object{"supplementalGroups": []any{pick(g, 10, 4000)}}
	}
}

// write writes the template into a folder.
func (t *randomTemplate) write(tb testing.TB, dir string) {
	tb.Helper()
	spec := object{"app": t.app, "pod": t.pod}
	maps.Copy(spec, t.settings)
	text, err := json.Marshal(object{
		"apiVersion": "sidecar-injector.dev/v1alpha1", "kind": "ClusterSidecarTemplate", "metadata": object{"name": t.name}, "spec": spec,
	})
	must(tb, err)
	must(tb, os.WriteFile(filepath.Join(dir, t.name+".yaml"), text, 0o600))
}

// force adds an instance to a pod without resolving conflicts: it is appended to the pod's lists and to those
// of the first own container or of all own containers.
func (t *randomTemplate) force(tb testing.TB, pod object, instance string) {
	tb.Helper()
	var added struct{ App, Pod object }
	text, err := json.Marshal(object{"app": t.app, "pod": t.pod})
	must(tb, err)
	must(tb, json.Unmarshal([]byte(strings.ReplaceAll(string(text), "${instance}", instance)), &added))
	spec, additions := pod["spec"].(object), added.Pod["spec"].(object)
	targets := slices.Clone(spec["containers"].([]any)) // the pod's own containers
	for _, list := range []string{"initContainers", "containers", "volumes"} {
		items, _ := spec[list].([]any)
		more, _ := additions[list].([]any)
		for _, item := range more {
			delete(item.(object), "$position")
			items = append(items, item)
		}
		if items != nil {
			spec[list] = items
		}
	}
	for n, c := range targets {
		if n > 0 && added.App["containers"] != "all" {
			break
		}
		for _, list := range []string{"volumeMounts", "env"} {
			items, _ := c.(object)[list].([]any)
			if more, _ := added.App[list].([]any); more != nil {
				c.(object)[list] = append(items, more...)
			}
		}
	}
}

// randomTemplates creates a folder of templates and returns them.
func randomTemplates(t *testing.T, seed uint64, count int) (dir string, all []*randomTemplate) {
	t.Helper()
	dir = t.TempDir()
	for n := range count {
		template := newGenerator(seed, uint64(1_000_000+n)).template(fmt.Sprintf("random-%d", n))
		template.write(t, dir)
		all = append(all, template)
	}
	return dir, all
}
