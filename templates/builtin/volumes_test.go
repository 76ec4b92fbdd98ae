package builtin_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// volumePod is a pod with one volume, named given.
type volumePod struct{ source map[string]any }

func (volumePod) Name() string { return "web" }

func (volumePod) Namespace() string { return "default" }

func (p volumePod) Object() (map[string]any, error) {
	volume := map[string]any{"name": "given"}
	maps.Copy(volume, p.source)
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   map[string]any{"name": "web", "namespace": "default"},
		"spec":       map[string]any{"containers": []any{map[string]any{"name": "app"}}, "volumes": []any{volume}},
	}, nil
}

func (volumePod) Raw([]string) []byte { return nil }

// A sidecar that writes to a folder, and an app that writes its log files there, need a volume that takes them.
func TestNothingIsWrittenToAVolumeThatCanOnlyBeRead(t *testing.T) {
	type object = map[string]any
	readable := map[string]object{
		"configMap":             {"configMap": object{"name": "x"}},
		"secret":                {"secret": object{"secretName": "x"}},
		"projected":             {"projected": object{"sources": []any{}}},
		"downwardAPI":           {"downwardAPI": object{"items": []any{}}},
		"image":                 {"image": object{"reference": "example.com/x:1"}},
		"persistentVolumeClaim": {"persistentVolumeClaim": object{"claimName": "x", "readOnly": true}},
		"csi":                   {"csi": object{"driver": "x", "readOnly": true}},
		"nfs":                   {"nfs": object{"server": "x", "path": "/x", "readOnly": true}},
		"iscsi":                 {"iscsi": object{"targetPortal": "x", "iqn": "x", "lun": int64(0), "readOnly": true}},
	}
	writable := map[string]object{
		"emptyDir":              {"emptyDir": object{}},
		"hostPath":              {"hostPath": object{"path": "/x"}},
		"ephemeral":             {"ephemeral": object{}},
		"persistentVolumeClaim": {"persistentVolumeClaim": object{"claimName": "x"}},
		"csi":                   {"csi": object{"driver": "x", "readOnly": false}},
	}
	for _, c := range []struct {
		template   string
		parameters map[string]string
		reads      bool
		// othersWrite says that another pod may write to a volume that this one has read-only.
		othersWrite bool
	}{
		{"git-sync", map[string]string{"repo": "https://example.com/x.git"}, false, false},
		{"config-sync", map[string]string{"label": "x", "folder": "/x"}, false, false},
		{"log-collector", map[string]string{"logDir": "/x"}, false, true},
		{"data-sync", map[string]string{"folder": "/x", "remote": ":local:/y", "direction": "pull"}, false, false},
		{"data-sync", map[string]string{"folder": "/x", "remote": ":local:/y", "direction": "push"}, true, false},
		{"config-reload", map[string]string{"folder": "/x"}, true, false},
	} {
		c.parameters["volume"] = "given"
		for kind, source := range readable {
			_, mounted := source[kind].(object)["readOnly"]
			want := !c.reads && !(c.othersWrite && mounted)
			if got := refusesVolume(t, c.template, c.parameters, source); got != want {
				t.Errorf("%s %v refuses a read-only %s: %v", c.template, c.parameters, kind, got)
			}
		}
		for kind, source := range writable {
			if refusesVolume(t, c.template, c.parameters, source) {
				t.Errorf("%s %v refuses a %s", c.template, c.parameters, kind)
			}
		}
	}
}

// refusesVolume reports whether a built-in template refuses the volume of a pod, and fails for any other refusal.
func refusesVolume(t *testing.T, name string, parameters map[string]string, source map[string]any) bool {
	t.Helper()
	data, err := builtin.FS.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	template := load.Load(templates.SourceBuiltIn, name, data)[0].Template
	bound, faults := template.Bind(func(name string) (string, bool) {
		text, given := parameters[name]
		return text, given
	})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in := template.SampleInput(bound)
	in.Pod = volumePod{source}
	_, err = template.Render(in)
	var refused *templates.ValidationError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%s: %v", name, err)
	}
	return err != nil && slices.ContainsFunc(refused.Failures, func(f templates.ValidationFailure) bool { return f.Parameter == "volume" })
}
