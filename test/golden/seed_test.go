package golden_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// grafana has the values of the two sidecars of the original Grafana pod. Additional variables of the
// sidecars are the differences that the example's README lists.
var grafana = []struct {
	container, folder, volume, label, reload string
	healthPort                               string
}{
	{"grafana-sc-dashboard", "/tmp/dashboards", "sc-dashboard-volume", "grafana_dashboard", "http://localhost:3000/api/admin/provisioning/dashboards/reload", "8084"},
	{"grafana-sc-datasources", "/etc/grafana/provisioning/datasources", "sc-datasources-volume", "grafana_datasource", "http://localhost:3000/api/admin/provisioning/datasources/reload", "8085"},
}

func TestGrafanaGetsItsTwoSidecarsAsTheyWere(t *testing.T) {
	tests := []struct {
		name, want string
		native     bool
	}{
		{"in container mode", "builtin/grafana-in-container-mode/" + wantFile, false},
		{"as native sidecars", filepath.Join(examples, exampleWantDir, "grafana.yaml"), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, pods, err := parse(test.want, read(t, test.want))
			must(t, err)
			spec := decode(t, pods[0].request.Pod).Spec
			sidecars, rest := spec.Containers, spec.InitContainers
			if test.native {
				sidecars, rest = spec.InitContainers, spec.Containers
			} else if len(sidecars) == 3 {
				sidecars, rest = sidecars[:2], append(rest, sidecars[2])
			}
			if len(sidecars) != 2 || len(rest) != 1 || rest[0].Name != "grafana" {
				t.Fatalf("want two sidecars and grafana, got %s and %s", names(sidecars), names(rest))
			}
			for i, want := range grafana {
				got := sidecars[i]
				if got.Name != want.container {
					t.Errorf("sidecar %d is %s, want %s", i, got.Name, want.container)
				}
				if diff := cmp.Diff(wantEnv(i, test.native), got.Env); diff != "" {
					t.Errorf("%s: variables (-want +got):\n%s", got.Name, diff)
				}
				if diff := cmp.Diff(want.volume, mountedAt(got, want.folder)); diff != "" {
					t.Errorf("%s: the volume at %s (-want +got):\n%s", got.Name, want.folder, diff)
				}
				if native := got.RestartPolicy != nil && *got.RestartPolicy == corev1.ContainerRestartPolicyAlways; native != test.native {
					t.Errorf("%s: native %v, want %v", got.Name, native, test.native)
				}
				if test.native && got.StartupProbe == nil {
					t.Errorf("%s: no startup probe", got.Name)
				}
				if diff := cmp.Diff(want.volume, mountedAt(rest[0], want.folder)); diff != "" {
					t.Errorf("grafana: the volume at %s (-want +got):\n%s", want.folder, diff)
				}
			}
			if len(rest[0].VolumeMounts) != 5 {
				t.Errorf("grafana has %d mounts, want 5", len(rest[0].VolumeMounts))
			}
			var volumes []string
			for _, v := range spec.Volumes {
				volumes = append(volumes, v.Name)
			}
			want := []string{"config", "sc-dashboard-provider", "storage", "sc-dashboard-volume", "sc-dashboard-tmp", "sc-datasources-volume", "sc-datasources-tmp"}
			if diff := cmp.Diff(want, volumes); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
		})
	}
}

// wantEnv returns a sidecar's expected variables: those of the table, then the additional ones.
func wantEnv(i int, native bool) []corev1.EnvVar {
	want := grafana[i]
	secret := func(name, key string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "prometheus-grafana"}, Key: key,
		}}}
	}
	env := []corev1.EnvVar{
		{Name: "METHOD", Value: "WATCH"},
		{Name: "LABEL", Value: want.label},
		{Name: "LABEL_VALUE", Value: "1"},
		{Name: "FOLDER", Value: want.folder},
		{Name: "RESOURCE", Value: "both"},
		secret("REQ_USERNAME", "admin-user"),
		secret("REQ_PASSWORD", "admin-password"),
		{Name: "REQ_URL", Value: want.reload},
		{Name: "REQ_METHOD", Value: "POST"},
	}
	if native {
		env = append(env, corev1.EnvVar{Name: "REQ_SKIP_INIT", Value: "true"})
	}
	return append(env, corev1.EnvVar{Name: "HEALTH_PORT", Value: want.healthPort})
}

func TestGrafanaCaseIsTheExample(t *testing.T) {
	example := read(t, filepath.Join(examples, "grafana", "deployment.yaml"))
	if diff := cmp.Diff(string(example), string(read(t, "builtin/grafana-in-container-mode/"+inputFile))); diff != "" {
		t.Errorf("builtin/grafana-in-container-mode is another pod than the example (-example +case):\n%s", diff)
	}
}

func mountedAt(c corev1.Container, path string) string {
	for _, m := range c.VolumeMounts {
		if m.MountPath == path {
			return m.Name
		}
	}
	return ""
}

func names(containers []corev1.Container) []string {
	var out []string
	for _, c := range containers {
		out = append(out, c.Name)
	}
	return out
}
