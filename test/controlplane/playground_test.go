//go:build controlplane

package controlplane

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground/page"
)

// playgroundPage is the address of a running sidecar-injector playground that reads this cluster.
type playgroundPage string

func startPlayground(t *testing.T, kubeconfig string, args ...string) playgroundPage {
	t.Helper()
	c := exec.Command(suite.injector, append([]string{"playground", "--kubeconfig", kubeconfig}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("the playground ended with %v", err)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return playgroundPage(strings.TrimSpace(address))
}

// clusterView is the data of the cluster that the page shows.
type clusterView struct {
	Rows []struct {
		Kind, Name, Instance, State string
		Pods                        int
	}
	Templates []page.Template
	Notes     []string
}

// row reports whether the view has a row with this text.
func (v *clusterView) row(want string) bool {
	for _, r := range v.Rows {
		if fmt.Sprintf("%s/%s %s %s %d", strings.ToLower(r.Kind), r.Name, r.Instance, r.State, r.Pods) == want {
			return true
		}
	}
	return false
}

// get returns the server's answer to a request of the page about the cluster.
func (p playgroundPage) get(t *testing.T, path string) (status int, text []byte) {
	t.Helper()
	response, err := http.Get(string(p) + "cluster/" + path)
	must(t, err)
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, text
}

func (p playgroundPage) fleet(t *testing.T) clusterView {
	t.Helper()
	status, text := p.get(t, "fleet")
	var f clusterView
	if err := json.Unmarshal(text, &f); err != nil || status != http.StatusOK {
		t.Fatalf("fleet: %d: %v: %s", status, err, text)
	}
	return f
}

// open requests an object, and the result of its injection.
func (p playgroundPage) open(t *testing.T, namespace, name string) (playground.Request, playground.Answer) {
	t.Helper()
	status, text := p.get(t, "object?namespace="+url.QueryEscape(namespace)+"&name="+url.QueryEscape(name))
	var r playground.Request
	if err := json.Unmarshal(text, &r); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d: %v: %s", name, status, err, text)
	}
	return r, p.answer(t, r)
}

func (p playgroundPage) answer(t *testing.T, r playground.Request) (answer playground.Answer) {
	t.Helper()
	body, err := json.Marshal(r)
	must(t, err)
	response, err := http.Post(string(p)+"answer", "application/json", bytes.NewReader(body))
	must(t, err)
	defer response.Body.Close()
	must(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

// refuses checks that a request is answered by a message instead of data.
func (p playgroundPage) refuses(t *testing.T, path, pattern string) {
	t.Helper()
	status, text := p.get(t, path)
	if sentence := strings.TrimSpace(string(text)); status != http.StatusBadGateway || !regexp.MustCompile(pattern).MatchString(sentence) || strings.Contains(sentence, "\n") {
		t.Errorf("%s: %d: %s, want %s", path, status, text, pattern)
	}
}

// TestThePlaygroundReadsAClusterByTheRightsOfWhoeverServesIt serves the page as an administrator, as a user
// who may only read one namespace, and as a user without rights.
func TestThePlaygroundReadsAClusterByTheRightsOfWhoeverServesIt(t *testing.T) {
	p := newPatient(t)
	n := p.namespace
	createTemplate(t, "sidecartemplates", n, `{"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"SidecarTemplate","metadata":{"name":"mine"},"spec":{"pod":{"spec":{"initContainers":[
		{"name":"mine","restartPolicy":"Always","image":"mine:1","resources":{"requests":{"cpu":"1m","memory":"1Mi"}}}]}}}}`)
	deploy(t, n, "web", "log-collector")
	deploy(t, n, "own", "mine")
	pod := podNamed(t, n, "web")
	podNamed(t, n, "own")

	all := func(t *testing.T, served playgroundPage, state string) clusterView {
		seen := served.fleet(t)
		for _, want := range []string{"deployment/own mine " + state + " 2", "deployment/web log-collector " + state + " 2"} {
			if !seen.row(want) {
				t.Errorf("no row %s: %+v", want, seen.Rows)
			}
		}
		if len(seen.Templates) == 0 || seen.Templates[0].Name != "mine" || seen.Templates[0].Namespace != n || seen.Templates[0].Revision == "" {
			t.Errorf("templates %+v", seen.Templates)
		}
		for name, want := range map[string]string{
			"deploy/own": "READY 2/2: 1 container of the app and 1 sidecar that sidecar-injector adds.",
			"pod/" + pod: "READY 0/2: 1 container of the app and 1 sidecar that sidecar-injector added.", // no kubelet runs the containers
		} {
			request, answer := served.open(t, n, name)
			if !strings.Contains(request.Namespace, "name: "+n) {
				t.Errorf("%s: namespace %s", name, request.Namespace)
			}
			if len(answer.Pods) != 1 || !strings.HasPrefix(answer.Pods[0].Verdict, want) || len(answer.Findings) > 0 {
				t.Errorf("%s: %+v\n%s", name, answer, request.Pod)
			}
		}
		return seen
	}
	t.Run("an administrator", func(t *testing.T) {
		served := startPlayground(t, suite.kubeconfig, "-A")
		if seen := all(t, served, "current"); len(seen.Notes) > 0 {
			t.Errorf("an administrator can read everything: %q", seen.Notes)
		}
		served.refuses(t, "object?namespace="+n+"&name=service/kubernetes", `not found|makes no pods`)
		served.refuses(t, "object?namespace="+n+"&name=deploy/nobody", `^cluster: .*"nobody" not found$`)
	})
	viewer := viewerOf(t, n)
	t.Run("somebody who may only read the namespace", func(t *testing.T) {
		served := startPlayground(t, viewer, "-n", n)
		if seen := all(t, served, "current"); !strings.Contains(strings.Join(seen.Notes, "\n"), "ClusterSidecarTemplates cannot be read with your rights") {
			t.Errorf("notes %q", seen.Notes)
		}
		served.refuses(t, "object?namespace=default&name=deploy/web", `forbidden`)
		startPlayground(t, viewer, "-A").refuses(t, "fleet", `^you may not list namespaces: .*forbidden`)
	})
	t.Run("somebody who may nothing", func(t *testing.T) {
		user, err := suite.environment.AddUser(envtest.User{Name: "nobody-of-" + n}, nil)
		must(t, err)
		text, err := user.KubeConfig()
		must(t, err)
		file := filepath.Join(t.TempDir(), "kubeconfig")
		must(t, os.WriteFile(file, text, 0o600))
		served := startPlayground(t, file, "-n", n)
		served.refuses(t, "fleet", `forbidden`)
		served.refuses(t, "object?namespace="+n+"&name=deploy/web", `forbidden`)
	})
	t.Run("a cluster that goes away", func(t *testing.T) {
		kubeconfig, hangUp := behindProxy(t)
		served := startPlayground(t, kubeconfig, "-n", n, "--request-timeout", "3s")
		all(t, served, "current")
		request, _ := served.open(t, n, "deploy/own")
		hangUp()
		served.refuses(t, "fleet", `(?i)connection refused|connection reset|EOF`)
		served.refuses(t, "object?namespace="+n+"&name=deploy/web", `(?i)connection refused|connection reset|EOF`)
		// Data that was read is kept, and the page keeps working.
		if answer := served.answer(t, request); len(answer.Pods) != 1 || !strings.HasPrefix(answer.Pods[0].Verdict, "READY 2/2") {
			t.Errorf("without the cluster: %+v", answer)
		}
	})
}

// behindProxy returns an administrator's kubeconfig for a proxy whose connections hangUp closes.
func behindProxy(t *testing.T) (kubeconfig string, hangUp func()) {
	t.Helper()
	text, err := os.ReadFile(suite.kubeconfig)
	must(t, err)
	server := regexp.MustCompile(`server: https?://([^/\s]+)`).FindSubmatch(text)
	if server == nil {
		t.Fatalf("%s names no server", suite.kubeconfig)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	open := make(chan net.Conn, 100)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				close(open)
				return
			}
			far, err := net.DialTimeout("tcp", string(server[1]), 5*time.Second)
			if err != nil {
				near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near) }() // ends when either is closed
			go func() { _, _ = io.Copy(near, far) }()
			open <- near
			open <- far
		}
	}()
	hangUp = func() {
		listener.Close()
		for c := range open {
			c.Close()
		}
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, bytes.ReplaceAll(text, server[1], []byte(listener.Addr().String())), 0o600))
	return file, hangUp
}
