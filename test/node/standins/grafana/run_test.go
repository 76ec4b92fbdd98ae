package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// grafana is a run of the program on folders of its own.
type grafana struct {
	*testing.T
	dir, address string
	stop         func() error // returns the result of run
}

func newGrafana(t *testing.T) *grafana {
	g := &grafana{T: t, dir: t.TempDir()}
	g.write("provisioning/dashboards/provider.yaml", "apiVersion: 1\nproviders:\n- {name: a, type: file, options: {path: "+g.dir+"/dashboards}}\n")
	g.write("dashboards/a.json", `{"title": "Kubernetes / Compute", "panels": []}`)
	g.write("provisioning/datasources/a.yaml", "apiVersion: 1\ndatasources:\n- {name: Prometheus, type: prometheus, url: 'http://prometheus:9090', isDefault: true}\n")
	return g
}

func (g *grafana) write(name, content string) {
	g.Helper()
	path := filepath.Join(g.dir, name)
	trial.Must(g, os.MkdirAll(filepath.Dir(path), 0o755))
	trial.Must(g, os.WriteFile(path, []byte(content), 0o644))
}

func (g *grafana) remove(name string) {
	g.Helper()
	trial.Must(g, os.Remove(filepath.Join(g.dir, name)))
}

// run lives until ctx ends.
func (g *grafana) run(ctx context.Context) error {
	_, port, _ := net.SplitHostPort(g.address)
	return run(ctx, []string{"--config=" + g.dir + "/grafana.ini"}, []string{
		"GF_SERVER_HTTP_ADDR=127.0.0.1", "GF_SERVER_HTTP_PORT=" + port, "GF_PATHS_PROVISIONING=" + g.dir + "/provisioning",
		"GF_SECURITY_ADMIN_USER=admin", "GF_SECURITY_ADMIN_PASSWORD=prom-operator",
	}, io.Discard)
}

func (g *grafana) start() {
	g.Helper()
	g.address, _ = trial.FreeAddress(g.T)
	g.stop = trial.Start(g.T, g.run)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if status, _ := g.call("GET", "/api/health", "", ""); status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			g.Fatal("no answer")
		}
	}
}

func (g *grafana) call(method, path, user, password string) (int, string) {
	g.Helper()
	request, err := http.NewRequest(method, "http://"+g.address+path, nil)
	trial.Must(g, err)
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func (g *grafana) reload(what string, want int) {
	g.Helper()
	if got, body := g.call("POST", "/api/admin/provisioning/"+what+"/reload", "admin", "prom-operator"); got != want {
		g.Errorf("reload of %s: got %d, want %d: %s", what, got, want, body)
	}
}

// names returns the titles or names of a list.
func (g *grafana) names(path string) (all []string) {
	g.Helper()
	status, body := g.call("GET", path, "admin", "prom-operator")
	var items []struct{ Title, Name string }
	if err := json.Unmarshal([]byte(body), &items); err != nil || status != http.StatusOK {
		g.Errorf("%s: %d %v", path, status, err)
	}
	for _, i := range items {
		all = append(all, i.Title+i.Name)
	}
	return all
}

func (g *grafana) want(path string, want ...string) {
	g.Helper()
	if diff := cmp.Diff(want, g.names(path)); diff != "" {
		g.Errorf("%s: %s", path, diff)
	}
}

const dashboards, dataSources = "/api/search?type=dash-db", "/api/datasources"

func TestWhatIsThereAtTheStartIsProvisioned(t *testing.T) {
	g := newGrafana(t)
	g.start()
	g.want(dashboards, "Kubernetes / Compute")
	g.want("/api/search?query=compute", "Kubernetes / Compute")
	g.want("/api/search?type=dash-folder")
	g.want(dataSources, "Prometheus")
	if err := g.stop(); err != nil {
		t.Error(err)
	}
}

func TestNothingIsReadUntilAReload(t *testing.T) {
	g := newGrafana(t)
	g.start()
	g.write("dashboards/sub/b.json", `{"title": "Nodes"}`)
	g.write("dashboards/broken.json", `{"title": `)
	g.write("dashboards/untitled.json", `{}`)
	g.write("dashboards/same.json", `{"title": "Again", "uid": "nodes"}`)
	g.write("provisioning/datasources/b.yml", "datasources: [{name: Loki, type: loki}]")
	g.want(dashboards, "Kubernetes / Compute")
	g.want(dataSources, "Prometheus")
	g.reload("dashboards", http.StatusOK)
	g.want(dashboards, "Kubernetes / Compute", "Again")
	g.want(dataSources, "Prometheus")
	g.reload("datasources", http.StatusOK)
	g.want(dataSources, "Prometheus", "Loki")
}

func TestAFolderMayBeALinkAndAMountedConfigMap(t *testing.T) {
	g := newGrafana(t)
	g.remove("dashboards/a.json")
	g.remove("dashboards")
	g.write("real/..2026/a.json", `{"title": "Mounted"}`)
	for link, target := range map[string]string{"dashboards": "real", "real/a.json": "..2026/a.json"} {
		trial.Must(t, os.Symlink(target, filepath.Join(g.dir, link)))
	}
	g.start()
	g.want(dashboards, "Mounted")
}

func TestWhoseFileIsGone(t *testing.T) {
	g := newGrafana(t)
	g.write("provisioning/dashboards/kept.yaml", "providers: [{name: b, disableDeletion: true, options: {path: "+g.dir+"/kept}}]")
	g.write("kept/b.json", `{"title": "Kept"}`)
	g.start()
	g.want(dashboards, "Kept", "Kubernetes / Compute")
	g.remove("dashboards/a.json")
	g.remove("kept/b.json")
	g.remove("provisioning/datasources/a.yaml")
	g.reload("dashboards", http.StatusOK)
	g.reload("datasources", http.StatusOK)
	g.want(dashboards, "Kept")
	g.want(dataSources, "Prometheus")
	g.write("provisioning/datasources/c.yaml", "deleteDatasources: [{name: Prometheus, orgId: 1}]")
	g.reload("datasources", http.StatusOK)
	g.want(dataSources)
}

func TestWhoMayDoWhat(t *testing.T) {
	g := newGrafana(t)
	g.start()
	tests := []struct {
		method, path, user, password string
		want                         int
	}{
		{"GET", "/api/health", "", "", 200},
		{"POST", "/api/admin/provisioning/dashboards/reload", "", "", 401},
		{"POST", "/api/admin/provisioning/dashboards/reload", "admin", "admin", 401},
		{"GET", "/api/admin/provisioning/dashboards/reload", "admin", "prom-operator", 405},
		{"POST", "/api/admin/provisioning/plugin/reload", "admin", "prom-operator", 404},
		{"GET", "/api/datasources", "", "", 401},
	}
	for _, test := range tests {
		if got, body := g.call(test.method, test.path, test.user, test.password); got != test.want {
			t.Errorf("%+v: got %d %s", test, got, body)
		}
	}
}

func TestABrokenFileKeepsWhatIsThere(t *testing.T) {
	g := newGrafana(t)
	g.start()
	g.write("provisioning/datasources/b.yaml", "datasources: [{name: Loki}]")
	g.write("provisioning/dashboards/b.yaml", "providers: [{type: file}]")
	g.reload("datasources", http.StatusInternalServerError)
	g.reload("dashboards", http.StatusInternalServerError)
	g.want(dataSources, "Prometheus")
	g.want(dashboards, "Kubernetes / Compute")
}

func TestWhatKeepsItFromStarting(t *testing.T) {
	tests := map[string]struct{ name, content, want string }{
		"two defaults": {"provisioning/datasources/b.yaml", "datasources: [{name: Loki, type: loki, isDefault: true}]", "default"},
		"no type":      {"provisioning/datasources/b.yaml", "datasources: [{name: Loki}]", "no type"},
		"no YAML":      {"provisioning/datasources/b.yaml", "datasources: {", "b.yaml"},
		"settings":     {"grafana.ini", "[log]\nmode\n", "grafana.ini:2"},
		"an address":   {"grafana.ini", "[server]\nhttp_addr = nowhere.invalid\n", "address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGrafana(t)
			g.address = "127.0.0.1:99999"
			g.write(test.name, test.content)
			if err := g.run(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	ini := filepath.Join(t.TempDir(), "grafana.ini")
	text := "# a\n; b\n[server]\nhttp_port = 3001\n[security]\nadmin_user = root\nadmin_password = a=b\n[auth.basic]\nenabled = true\n"
	trial.Must(t, os.WriteFile(ini, []byte(text), 0o600))
	got, err := newSettings(ini, []string{"GF_SECURITY_ADMIN_USER=admin", "PATH=/bin"})
	want := settings{":3001", "admin", "a=b", "/etc/grafana/provisioning"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, wrong := range []string{"GF_SECURITY_ADMIN_PASSWORD__FILE=/x"} {
		if _, err := newSettings(ini, []string{wrong}); err == nil {
			t.Errorf("%s: want an error", wrong)
		}
	}
	for _, args := range [][]string{{"--homepath=/x"}, {"server"}} {
		if err := run(t.Context(), args, nil, io.Discard); err == nil {
			t.Errorf("%v: want an error", args)
		}
	}
}
