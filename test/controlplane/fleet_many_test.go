//go:build controlplane

package controlplane

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

var fleetPods = flag.Int("fleet", 2000, "pods that status and the plan of a rollout are tried on, more than a thousand")

// counted returns a kubeconfig for a proxy to the API server that counts the calls.
func counted(t *testing.T) (kubeconfig string, calls *atomic.Int64) {
	t.Helper()
	target, err := url.Parse(suite.config.Host)
	must(t, err)
	transport, err := rest.TransportFor(suite.config)
	must(t, err)
	calls = &atomic.Int64{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(kubeconfig, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c"}}],"current-context":"c"}`, server.URL), 0o600))
	return kubeconfig, calls
}

// measure runs sidecar-injector and returns its output, exit code, duration in seconds and peak memory in
// MiB.
func measure(t *testing.T, kubeconfig string, args ...string) (out []byte, code int, seconds, size float64) {
	t.Helper()
	command := exec.Command(suite.injector, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+t.TempDir())
	begun := time.Now()
	out, err := command.Output()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	usage, _ := command.ProcessState.SysUsage().(*syscall.Rusage)
	return out, command.ProcessState.ExitCode(), time.Since(begun).Seconds(), float64(usage.Maxrss) / 1024
}

// fewPods is the number of pods in the first of two namespaces, with which that of all is compared.
const fewPods = 1000

// TestStatusAndPlanOfThousandsOfPods: the time grows with the number of pods, memory hardly does, and a call
// reads 500 pods.
func TestStatusAndPlanOfThousandsOfPods(t *testing.T) {
	const replicas = 20
	needsServed(t, "v1", "pods/resize")
	newPatient(t)
	filled := func(pods int) string {
		n := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
		createTemplate(t, "sidecartemplates", n, mine)
		retemplate(t, n)
		for i := range pods / replicas {
			name := fmt.Sprintf("web-%03d", i)
			text := fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%[1]q},"spec":{"replicas":%[2]d,"selector":{"matchLabels":{"app":%[1]q}},
				"template":{"metadata":{"labels":{"app":%[1]q},"annotations":{"sidecar-injector.dev/inject":"mine, log-collector"}},"spec":{"containers":[{"name":"app","image":"app"}]}}}}`, name, replicas)
			_, err := create(t.Context(), n, "Deployment", []byte(text))
			must(t, err)
		}
		return n
	}
	places := map[string]int{}
	first := filled(fewPods)
	places[first], places[filled(*fleetPods-fewPods)] = fewPods, *fleetPods-fewPods
	for n, pods := range places {
		must(t, eventually(t.Context(), 20*time.Minute, func(ctx context.Context) error {
			list, err := suite.client.CoreV1().Pods(n).List(ctx, metav1.ListOptions{Limit: 1})
			if err != nil {
				return err
			}
			have := len(list.Items)
			if list.RemainingItemCount != nil {
				have += int(*list.RemainingItemCount)
			}
			if have != pods {
				time.Sleep(time.Second)
				return fmt.Errorf("%d pods", have)
			}
			return nil
		}))
		retemplate(t, n, "mine:1", "mine:2")
	}
	kubeconfig, calls := counted(t)
	type size struct{ pods, calls, seconds, memory float64 }
	var sizes []size
	for _, where := range [][]string{{"-n", first}, {"-A"}} {
		for _, command := range [][]string{{"status", "-o", "json"}, {"rollout", "--dry-run", "-o", "json"}} {
			calls.Store(0)
			out, code, seconds, memory := measure(t, kubeconfig, append(command, where...)...)
			if code != 0 {
				t.Fatalf("%v: exit code %d", command, code)
			}
			var answer struct {
				Sidecars []struct {
					Instance, State string
					Pods            int
				}
				Steps []struct {
					How  string
					Pods []string
				}
			}
			must(t, json.Unmarshal(out, &answer))
			pods := 0
			for _, s := range answer.Sidecars {
				if s.Instance == "mine" && s.State == "in-place" {
					pods += s.Pods
				}
			}
			for _, s := range answer.Steps {
				if s.How == "in place" {
					pods += len(s.Pods)
				}
			}
			want := *fleetPods
			if where[0] == "-n" {
				want = fewPods
			}
			if pods != want {
				t.Errorf("%s %s: %d pods to change in place, want %d", command[0], where[0], pods, want)
			}
			suite.report("%s over %d pods: %.1f s, %.0f MiB, %d calls", command[0], pods, seconds, memory, calls.Load())
			if command[0] == "status" {
				sizes = append(sizes, size{float64(pods), float64(calls.Load()), seconds, memory})
			}
		}
	}
	few, many := sizes[0], sizes[1]
	suite.report("status: %.2f ms more a pod, %.1f KiB more a pod", 1000*(many.seconds-few.seconds)/(many.pods-few.pods), 1024*(many.memory-few.memory)/(many.pods-few.pods))
	if most := few.memory*1.25 + 32; many.memory > most {
		t.Errorf("%.0f MiB for %.0f pods, %.0f MiB for %.0f: memory follows the pods", few.memory, few.pods, many.memory, many.pods)
	}
	if more := many.calls - few.calls; more > (many.pods-few.pods)/500+20 {
		t.Errorf("%.0f calls for %.0f pods, %.0f for %.0f", few.calls, few.pods, many.calls, many.pods)
	}
}
