//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientmodel "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// injector is one running sidecar-injector serve.
type injector struct {
	*process
	url     string // as in the webhook configuration
	ca      []byte // PEM
	metrics string // URL
}

// startInjector runs the binary against the control plane, with additional flags of serve, and waits until it
// is ready.
func startInjector(t *testing.T, flags ...string) *injector {
	t.Helper()
	if suite.minor < firstWithSleep {
		file := filepath.Join(t.TempDir(), "config.yaml")
		must(t, os.WriteFile(file, []byte("cluster: {preStopSleep: \"false\"}\n"), 0o600)) // as set by the chart
		flags = append(flags, "--config", file)
	}
	return startInjectorIn(t, "", flags...)
}

// firstWithSleep is the first minor version in which a preStop hook can sleep.
const firstWithSleep = 30

// startInjectorIn is startInjector with another working folder, to which file names in messages are relative.
func startInjectorIn(t *testing.T, folder string, flags ...string) *injector {
	t.Helper()
	return serve(t, folder, "/readyz", append(flags, "--kubeconfig", suite.kubeconfig)...)
}

// startBlindInjector runs the binary as a user without any rights to read. It never becomes ready.
func startBlindInjector(t *testing.T) *injector {
	t.Helper()
	nobody, err := suite.environment.AddUser(envtest.User{Name: "nobody"}, nil)
	must(t, err)
	text, err := nobody.KubeConfig()
	must(t, err)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(kubeconfig, text, 0o600))
	return serve(t, "", "/healthz", "--kubeconfig", kubeconfig)
}

// serve runs the binary until the test ends, and waits until its health address answers at path.
func serve(t *testing.T, folder, path string, flags ...string) *injector {
	t.Helper()
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.crt")
	listen, metrics, health := freeAddress(t), freeAddress(t), freeAddress(t)
	args := append([]string{
		"serve", "--drain", "0s",
		"--listen", listen, "--metrics-listen", metrics, "--health-listen", health,
	}, flags...)
	shared := slices.Contains(flags, "--name") // the CA is shared, in a Secret
	if !shared {
		args = append(args, "--ca-out", caFile)
	}
	p, err := start(folder, filepath.Join(dir, "injector.log"), suite.injector, args...)
	must(t, err)
	i := &injector{process: p, url: "https://" + listen, metrics: "http://" + metrics + "/metrics"}
	t.Cleanup(func() {
		if err := i.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the injector's log ends:\n%s", i.tail())
		}
	})
	const startup = 2 * time.Minute // with ten thousand templates, on a busy machine
	err = eventually(t.Context(), startup, func(ctx context.Context) error {
		select {
		case <-i.done:
			t.Fatalf("sidecar-injector %s: ended at once:\n%s", strings.Join(args, " "), i.tail())
		default:
		}
		_, err := get(ctx, "http://"+health+path)
		return err
	})
	if err != nil {
		t.Fatalf("sidecar-injector: %s says no: %v\n%s", path, err, i.tail())
	}
	if shared {
		return i
	}
	i.ca, err = os.ReadFile(caFile)
	must(t, err)
	return i
}

// families returns the injector's metrics by name.
func (i *injector) families(t *testing.T) map[string]*clientmodel.MetricFamily {
	t.Helper()
	body, err := get(t.Context(), i.metrics)
	must(t, err)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	must(t, err)
	return families
}

// decisions counts the injector's decisions, by outcome and reason ("skipped NotEnabled").
func (i *injector) decisions(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, m := range i.families(t)["sidecar_injector_decisions_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if n := int(m.GetCounter().GetValue()); n > 0 { // counters of errors exist from the start
			counts[labels["outcome"]+" "+labels["reason"]] += n
		}
	}
	return counts
}

// calls returns the number of admission requests that the injector has answered.
func (i *injector) calls(t *testing.T) int {
	t.Helper()
	total := 0
	for _, n := range i.decisions(t) {
		total += n
	}
	return total
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, nil
}

// freeAddress returns an unused address of this machine.
func freeAddress(t *testing.T) string {
	t.Helper()
	return freeAddressOf(t, "127.0.0.1")
}
