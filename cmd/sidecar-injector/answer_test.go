package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
)

// kubeconfigOf returns a kubeconfig for a server, with the namespace shop.
func kubeconfigOf(t *testing.T, server string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c, namespace: shop}}]}", server)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// answering returns a handler that answers every request alike.
func answering(code int, content, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if content != "" {
			w.Header().Set("Content-Type", content)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// failing returns a handler that answers every request with a Status, as an API server does.
func failing(code int, reason, message string) http.HandlerFunc {
	return answering(code, "application/json", fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":%q}`, reason, code, message))
}

// TestWhatAnAPIServerAnswersIsToldAsWhatItIs: the exit code is 2, nothing is claimed, and only a missing
// permission is told as one.
func TestWhatAnAPIServerAnswersIsToldAsWhatItIs(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	refused.Close()
	strange := httptest.NewUnstartedServer(failing(500, "", ""))
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	t.Cleanup(strange.Close)
	const jane, anonymous = `pods is forbidden: User "jane" cannot list resource "pods"`, `pods is forbidden: User "system:anonymous" cannot list resource "pods"`
	const stranger, foreign = "the API server does not know who asks", "something else answers in place of the API server"
	for name, test := range map[string]struct {
		server  string
		handler http.HandlerFunc
		// want is told by all commands, or in place of it discovered by those that begin with discovery, the
		// errors of which have no text.
		want, discovered string
	}{
		"expired":         {"", failing(401, "Unauthorized", "Unauthorized"), stranger, ""},
		"anonymous":       {"", failing(403, "Forbidden", anonymous), stranger, "refuses what every user who is logged in may ask"},
		"no right":        {"", failing(403, "Forbidden", jane), "you may not list namespaces", "refuses what every user who is logged in may ask"},
		"proxy's page":    {"", answering(403, "text/html; charset=utf-8", "<html>No</html>"), foreign, ""},
		"proxy's text":    {"", answering(403, "text/plain", "RBAC: access denied"), foreign, ""},
		"proxy's silence": {"", answering(403, "", ""), foreign, ""},
		"login page":      {"", answering(200, "text/html", "<html>Log in</html>"), foreign, ""},
		"no API":          {"", answering(404, "text/plain", "404 page not found\n"), "what answers does not have the API that is asked for", ""},
		"overload":        {"", answering(429, "text/plain", "Too many requests"), "takes no more requests for now", ""},
		"fault":           {"", failing(500, "InternalError", "Internal error occurred: etcdserver: no leader"), "the API server has failed", ""},
		"balancer":        {"", answering(502, "text/html", "<html>Bad Gateway</html>"), "a proxy or load balancer answers in place of the API server", ""},
		"gateway":         {"", answering(502, "text/plain", "Bad Gateway"), "the API server cannot answer for now", ""},
		"away":            {"", answering(503, "text/plain", "service unavailable"), "the API server cannot answer for now", ""},
		"late":            {"", failing(504, "Timeout", "Timeout: request did not complete within requested timeout"), "has not done in time what was asked", ""},
		"silent":          {"", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "does not answer in time", ""},
		"refused":         {"http://" + refused.Addr().String(), nil, "no API server listens at its address", ""},
		"nameless":        {"http://api.invalid", nil, "the API server's name has no address", ""},
		"strange":         {strange.URL, nil, "the certificate of what answers cannot be verified as that of the API server", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := test.server
			if test.handler != nil {
				s := httptest.NewServer(test.handler)
				t.Cleanup(s.Close)
				server = s.URL
			}
			kubeconfig, timeout := kubeconfigOf(t, server), "30s"
			if name == "silent" {
				timeout = "200ms"
			}
			says := func(command, text, want string) {
				if !strings.Contains(text, want) || want != "you may not list namespaces" && (strings.Contains(text, "may not") || strings.Contains(text, "kubectl apply")) {
					t.Errorf("%s: want %q, and only that:\n%s", command, want, text)
				}
			}
			for command, discovers := range map[string]bool{
				"status -A": false, "rollout -A --dry-run": false, "repair -A": false,
				"check": true, "explain deploy/web": true, "diff deploy/web": true,
			} {
				want := test.want
				if discovers && test.discovered != "" {
					want = test.discovered
				}
				var out, complaints bytes.Buffer
				args := append([]string{"sidecar-injector"}, strings.Fields(command)...)
				code := run(append(args, "--kubeconfig", kubeconfig, "--request-timeout", timeout), streams{Out: &out, ErrOut: &complaints})
				if code != exitNoAnswer || out.Len() > 0 {
					t.Errorf("%s: exit code %d\n%s", command, code, &out)
				}
				says(command, complaints.String(), want)
			}
			all := &fleetFlags{}
			cmd := &cobra.Command{}
			all.add(cmd)
			must(t, cmd.Flags().Parse([]string{"-A", "--kubeconfig", kubeconfig, "--request-timeout", timeout}))
			if _, err := (&playgroundCluster{flags: all}).Fleet(t.Context()); err == nil {
				t.Error("the playground shows something")
			} else {
				says("playground", err.Error(), test.want)
			}
		})
	}
}

// proxyTo returns a handler that passes requests on to the server of a kubeconfig.
func proxyTo(t *testing.T, kubeconfig string) http.Handler {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(t, err)
	behind, err := url.Parse(config.Host)
	must(t, err)
	return httputil.NewSingleHostReverseProxy(behind)
}

// inFront returns the kubeconfig of a server that gives other answers to requests for some paths than the
// server of kubeconfig.
func inFront(t *testing.T, kubeconfig string, answers map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", proxyTo(t, kubeconfig))
	for path, answer := range answers {
		mux.Handle(path, answer)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return kubeconfigOf(t, server.URL)
}

// TestAnAnswerThatFailsInTheMiddleLeavesNoPartOfATable: what was read before is not shown as all that there
// is.
func TestAnAnswerThatFailsInTheMiddleLeavesNoPartOfATable(t *testing.T) {
	pod := collected(t, "web-1", 1000, statusOf("Running", true, 0, map[string]any{"running": map[string]any{}}, nil))
	expired, none := failing(401, "Unauthorized", "Unauthorized"), answering(404, "text/plain", "404 page not found\n")
	container := pod["spec"].(map[string]any)["initContainers"].([]any)[0].(map[string]any)
	container["image"] = "old"
	pod["spec"].(map[string]any)["nodeName"] = "node"
	old := answering(200, "application/json", `{"major": "1", "minor": "33"}`)
	for name, test := range map[string]struct {
		path    string
		handler http.HandlerFunc
		code    int
		want    string
	}{
		"login that expires": {"/api/v1/namespaces/shop/pods", expired, 2, "the API server does not know who asks"},
		"budgets":            {"/apis/policy/v1/", expired, 2, "the API server does not know who asks"},
		"no budgets":         {"/apis/policy/v1/", none, 2, "PodDisruptionBudgets: the server could not find the requested resource"},
		"no templates":       {"/apis/sidecar-injector.dev/", none, 0, ""},
		"settings":           {"/apis/admissionregistration.k8s.io/", failing(503, "ServiceUnavailable", "away"), 2, "the API server cannot answer for now"},
		"nodes":              {"/api/v1/nodes", failing(500, "InternalError", "etcdserver: no leader"), 2, "the API server has failed: nodes: "},
		"nodes denied":       {"/api/v1/nodes", failing(403, "Forbidden", `User "jane"`), 0, "note: nodes cannot be read with your rights"},
	} {
		kubeconfig := inFront(t, smallCluster(t, map[string]map[string]any{"web-1": pod}, nil), map[string]http.HandlerFunc{test.path: test.handler, "/version": old})
		var out, complaints bytes.Buffer
		code := run([]string{"sidecar-injector", "status", "--kubeconfig", kubeconfig}, streams{Out: &out, ErrOut: &complaints})
		if code != test.code || (out.Len() == 0) != (code == 2) || !strings.Contains(complaints.String(), test.want) {
			t.Errorf("%s: exit code %d, want %q\n%s%s", name, code, test.want, &out, &complaints)
		}
	}
}

// TestWithoutTheNodesAnAppRestartsThatNeedNot: which kubelets change an image in place is known from the nodes
// only, up to Kubernetes 1.34.
func TestWithoutTheNodesAnAppRestartsThatNeedNot(t *testing.T) {
	pod := collected(t, "web-1", 1000, statusOf("Running", true, 0, map[string]any{"running": map[string]any{}}, nil))
	spec := pod["spec"].(map[string]any)
	spec["nodeName"], spec["initContainers"].([]any)[0].(map[string]any)["image"] = "node", "old"
	nodes := func(kubelet string) http.HandlerFunc {
		return answering(200, "application/json", fmt.Sprintf(`{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"node"},"status":{"nodeInfo":{"kubeletVersion":%q}}}]}`, kubelet))
	}
	denied, none := failing(403, "Forbidden", `User "jane"`), answering(404, "text/plain", "404 page not found\n")
	for _, test := range []struct {
		server string
		nodes  http.HandlerFunc
		want   string
	}{
		{"33", nodes("v1.33.1"), "in-place"},
		{"33", nodes("v1.31.1"), "restart"},
		{"33", denied, "restart"},
		{"35", denied, "in-place"},
	} {
		kubeconfig := inFront(t, smallCluster(t, map[string]map[string]any{"web-1": pod}, nil), map[string]http.HandlerFunc{
			"/api/v1/nodes": test.nodes, "/version": answering(200, "application/json", fmt.Sprintf(`{"major":"1","minor":%q}`, test.server)),
			"/apis/sidecar-injector.dev/":         none,
			"/apis/admissionregistration.k8s.io/": answering(200, "application/json", `{"kind":"MutatingWebhookConfigurationList","apiVersion":"admissionregistration.k8s.io/v1","items":[]}`),
		})
		var out, complaints bytes.Buffer
		code := run([]string{"sidecar-injector", "status", "--kubeconfig", kubeconfig}, streams{Out: &out, ErrOut: &complaints})
		if code != 0 || !strings.Contains(out.String(), " "+test.want+" ") {
			t.Errorf("1.%s: want %s\n%s%s", test.server, test.want, &out, &complaints)
		}
	}
}
