package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// expensiveTemplate returns a template of 2 kB that costs the loader as much as its limits allow:
// expressions near the cost limit, and examples that evaluate each of them again.
func expensiveTemplate() string {
	ten := "[1,1,1,1,1,1,1,1,1,1]"
	expression := "string(" + ten + ".map(a," + ten + ".map(b," + ten + ".map(c,a+b+c).sum()).sum()).sum())"
	var b strings.Builder
	b.WriteString("apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: bomb}\n" +
		"spec:\n  parameters: [{name: p, type: string, default: \"\"}]\n  examples:\n")
	for i := range 25 {
		fmt.Fprintf(&b, "  - {name: e%d, parameters: {p: x}}\n", i)
	}
	b.WriteString("  pod: {spec: {containers: [{name: bomb, image: \"example.com/bomb:1\", env: [\n")
	for i := range 4 {
		fmt.Fprintf(&b, "    {name: A%d, value: '${%s}'},\n", i, expression)
	}
	b.WriteString("  ]}]}}\n")
	return b.String()
}

// hostileWorkload returns a workload in which every container gets a sidecar's mount, which costs more than
// most.
func hostileWorkload() string {
	containers := make([]string, 2000)
	for i := range containers {
		containers[i] = fmt.Sprintf(`{"name":"c%d","image":"x"}`, i)
	}
	return createDeployment(strings.Replace(deployment("", annotated("sidecar-injector.dev/inject", "log-collector", "log-collector.sidecar-injector.dev/containers", "all")),
		`{"name":"app","image":"app"}`, strings.Join(containers, ","), 1))
}

// BenchmarkPodsBesideAttacks measures the p99 of pods alone, beside 32 connections that post expensive
// reviews, disconnect after 3 s and reconnect, and beside the same bytes posted to an unknown path, which
// shows the cost of the bytes alone. The three alternate every second, so that other load on the machine
// affects all of them. In a cluster the attackers are other machines: here they are a process of the lowest
// priority, so that their own work takes no processor time from the server.
func BenchmarkPodsBesideAttacks(b *testing.B) {
	object, err := yaml.YAMLToJSON([]byte(expensiveTemplate()))
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if entry := load.Load(templates.SourceDirectory, "bomb.yaml", []byte(expensiveTemplate()))[0]; entry.Broken() {
		b.Logf("the template is refused: %v", entry.Findings)
	}
	b.Logf("the template of %d bytes takes %s to load", len(object), time.Since(start))
	pod, err := traffic.Review(traffic.Grafana())
	if err != nil {
		b.Fatal(err)
	}
	for _, attack := range []struct{ name, path, body string }{
		{"templates", webhook.TemplatesPath, createTemplate(string(object))},
		{"advice", webhook.AdvicePath, hostileWorkload()},
	} {
		b.Run(attack.name, func(b *testing.B) {
			e := &edge{t: b, handler: benchmarkHandler(b, traffic.OneTemplate())}
			e.further = map[string]http.Handler{
				webhook.TemplatesPath: webhook.NewTemplateReview(e.handler.Options),
				webhook.AdvicePath:    webhook.NewAdvice(e.handler),
			}
			e.serve()
			e.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
			for b.Loop() {
				var alone, bytes, attacked []time.Duration
				for i := range 21 {
					// The first round opens the connections and uses up the burst allowance.
					quiet, beside, under := podsForASecond(b, e, pod), e.beside(b, "/nobody", attack.body, pod), e.beside(b, attack.path, attack.body, pod)
					if i > 0 {
						alone, bytes, attacked = append(alone, quiet...), append(bytes, beside...), append(attacked, under...)
					}
				}
				quiet := float64(p99(alone))
				b.ReportMetric(quiet/1e3, "alone-µs")
				b.ReportMetric(float64(p99(bytes))/quiet, "bytes/alone")
				b.ReportMetric(float64(p99(attacked))/quiet, "attack/alone")
				b.ReportMetric(float64(p99(attacked))/float64(p99(bytes)), "attack/bytes")
			}
		})
	}
}

// TestMain runs the attackers if this is their process.
func TestMain(m *testing.M) {
	if url := os.Getenv(attackedURL); url != "" {
		if err := attack(url, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "attackers:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// attackedURL is the variable that names the URL of the server to attack.
const attackedURL = "ATTACKED_URL"

// beside returns the durations of pods while 32 connections post a body.
func (e *edge) beside(b *testing.B, path, body string, pod []byte) []time.Duration {
	attackers := exec.CommandContext(b.Context(), os.Args[0])
	attackers.Env = append(os.Environ(), attackedURL+"="+strings.TrimSuffix(e.url, webhook.Path)+path)
	attackers.Stderr = os.Stderr
	input, err := attackers.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := attackers.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := attackers.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Fprintf(input, "%d\n%s", len(body), body); err != nil {
		b.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 1)); err != nil { // all are connected
		b.Fatal(err)
	}
	took := podsForASecond(b, e, pod)
	_ = input.Close()
	if err := attackers.Wait(); err != nil {
		b.Fatal(err)
	}
	return took
}

// attack posts the body that it reads, until input ends. It writes a byte to standard output when all of its
// connections are open.
func attack(url string, input io.Reader) error {
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19); err != nil {
		return err
	}
	lines := bufio.NewReader(input)
	var size int
	if _, err := fmt.Fscanln(lines, &size); err != nil {
		return err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(lines, body); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the server's authority is in the other process
	var over atomic.Bool
	var attackers, connecting sync.WaitGroup
	for range 32 {
		connecting.Add(1)
		connected := sync.OnceFunc(connecting.Done)
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected() }}
		attackers.Go(func() {
			for !over.Load() {
				postAndLeave(httptrace.WithClientTrace(context.Background(), trace), client, url, body)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	connecting.Wait()
	fmt.Print(".")
	_, err := io.Copy(io.Discard, lines)
	over.Store(true)
	client.CloseIdleConnections()
	return err
}

// postAndLeave posts a body and disconnects after 3 s at the latest; the response is ignored.
func postAndLeave(ctx context.Context, client *http.Client, url string, body []byte) {
	ctx, leave := context.WithTimeout(ctx, 3*time.Second)
	defer leave()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if response, err := client.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// podsForASecond posts 200 pods and returns their durations.
func podsForASecond(b *testing.B, e *edge, body []byte) []time.Duration {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var pods sync.WaitGroup
	for range 200 {
		time.Sleep(5 * time.Millisecond)
		pods.Go(func() {
			start := time.Now()
			response, err := e.client.Post(e.url, "application/json", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				b.Errorf("status %d", response.StatusCode)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(start))
		})
	}
	pods.Wait()
	return took
}

func p99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}
