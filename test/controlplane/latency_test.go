//go:build controlplane && latency

package controlplane

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
)

// latencyFile is the file of the samples; go run ./test/bench apiserver makes a table from it.
const latencyFile = repository + "/bin/apiserver.jsonl"

// The size of the run: the number of creations per variant, in alternating blocks.
const (
	latencyBlocks = 15
	latencyBlock  = 20
)

// way is one variant of changing a pod while it is created.
type way struct {
	name      string
	namespace string
	sidecars  int
	injector  *injector // nil if the injector is not called
}

// latencySample is one creation.
type latencySample struct {
	Way          string  `json:"way"`
	Block        int     `json:"block"`
	Microseconds float64 `json:"microseconds"`
}

// latencyBlockCost is the cost of a block of creations for the API server.
type latencyBlockCost struct {
	Way       string  `json:"way"`
	Block     int     `json:"block"`
	Creations int     `json:"creations"`
	CPU       float64 `json:"apiServerCPUSeconds"`
	Calls     int     `json:"calls"` // of our webhook
}

// TestCreatingAPodWithAndWithoutUs creates the Grafana pod in each variant in turn. It fails if a variant
// does not work, never because of a duration.
func TestCreatingAPodWithAndWithoutUs(t *testing.T) {
	ways := latencyWays(t)
	server := apiServerProcess(t)
	must(t, os.MkdirAll(filepath.Dir(latencyFile), 0o755))
	file, err := os.Create(latencyFile)
	must(t, err)
	defer file.Close()
	lines := json.NewEncoder(file)
	write := func(line any) {
		must(t, lines.Encode(line))
	}
	for block := -1; block < latencyBlocks; block++ { // the first warms up
		for turn := range ways {
			w := &ways[(turn+max(block, 0))%len(ways)]
			cost := latencyBlockCost{Way: w.name, Block: block, Creations: latencyBlock}
			calls, cpu := w.calls(t), processCPU(t, server)
			for range latencyBlock {
				took := w.create(t)
				if block >= 0 {
					write(latencySample{Way: w.name, Block: block, Microseconds: float64(took.Nanoseconds()) / 1000})
				}
			}
			cost.CPU, cost.Calls = (processCPU(t, server) - cpu).Seconds(), w.calls(t)-calls
			if block >= 0 {
				write(cost)
			}
		}
	}
}

// latencyWays sets up all variants. The names are those of the table.
func latencyWays(t *testing.T) []way {
	t.Helper()
	templates := t.TempDir()
	text := traffic.Template(traffic.Requested, "", 0)
	must(t, os.WriteFile(filepath.Join(templates, "collector.yaml"), []byte(text), 0o600))
	ours := startInjector(t, "--template-dir", templates)
	installFor := func(name string, policy admissionregistration.ReinvocationPolicyType, url string, ca []byte) {
		configuration := webhookConfiguration(t, url, ca)
		configuration.Name = name
		for i := range configuration.Webhooks {
			w := &configuration.Webhooks[i]
			w.Name = fmt.Sprintf("%s-%d.controlplane.test", name, i)
			w.ReinvocationPolicy = &policy
			w.NamespaceSelector.MatchExpressions = append(w.NamespaceSelector.MatchExpressions,
				metav1.LabelSelectorRequirement{Key: wayLabel, Operator: metav1.LabelSelectorOpIn, Values: []string{name}})
		}
		install(t, configuration)
	}
	installFor("once", admissionregistration.NeverReinvocationPolicy, ours.url, ours.ca)
	installFor("if-needed", admissionregistration.IfNeededReinvocationPolicy, ours.url, ours.ca)
	url, ca := startTypical(t)
	installFor("typical", admissionregistration.NeverReinvocationPolicy, url, ca)

	space := func(name, injection string) string {
		namespace := newNamespace(t, map[string]string{wayLabel: name, injectionLabel: injection}, nil)
		createAccount(t, namespace, "grafana")
		return namespace
	}
	ways := []way{
		{"no admission", space("none", "disabled"), 0, nil},
		{"MutatingAdmissionPolicy", space("policy", "disabled"), 1, nil},
		{"sidecar-injector, called once", space("once", "enabled"), 1, ours},
		{"sidecar-injector, called again", space("if-needed", "enabled"), 1, ours},
		{"controller-runtime, called once", space("typical", "enabled"), 1, nil},
	}
	// The policy is made from what the injector adds to the same pod.
	before := ways[0].stored(t)
	after := ways[2].stored(t)
	installPolicy(t, before, after)
	for i := range ways {
		ways[i].check(t)
	}
	return ways
}

// wayLabel distinguishes the namespaces of the variants.
const wayLabel = "controlplane.test/way"

// grafanaPod returns the pod that a ReplicaSet's controller would create.
func grafanaPod() *corev1.Pod {
	pod := traffic.Grafana()
	pod.Namespace, pod.OwnerReferences = "", nil // no owner, because the garbage collector would delete a pod whose owner does not exist
	pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil })
	pod.Annotations[requestAnnotation] = traffic.Requested
	return pod
}

func (w *way) stored(t *testing.T) object {
	t.Helper()
	return createPod(t, w.namespace, grafanaPod()).object
}

// create returns the duration of one creation. The request body is prepared before.
func (w *way) create(t *testing.T) time.Duration {
	t.Helper()
	text, err := json.Marshal(grafanaPod())
	must(t, err)
	begun := time.Now()
	_, err = create(t.Context(), w.namespace, "Pod", text)
	took := time.Since(begun)
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	return took
}

// check verifies that the pod gets a sidecar in every variant but one.
func (w *way) check(t *testing.T) {
	t.Helper()
	got := w.stored(t)
	if n := len(containerNames(got, "initContainers")); n != w.sidecars {
		t.Fatalf("%s: %d sidecars, want %d", w.name, n, w.sidecars)
	}
}

func (w *way) calls(t *testing.T) int {
	t.Helper()
	if w.injector == nil {
		return 0
	}
	return w.injector.calls(t)
}

// startTypical runs the webhook with which test/bench compares.
func startTypical(t *testing.T) (url string, ca []byte) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "bench")
	if _, err := output(repository, "go", "build", "-o", program, "./test/bench"); err != nil {
		t.Fatal(err)
	}
	address, bundle := freeAddress(t), filepath.Join(dir, "ca.crt")
	p, err := start("", filepath.Join(dir, "typical.log"), program, "-floor", "controller-runtime", "-listen", address, "-bundle", bundle)
	must(t, err)
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	if ca, err = awaitFile(t, bundle); err != nil {
		t.Fatalf("%v\n%s", err, p.tail())
	}
	return "https://" + address, ca
}

// apiServerProcess finds the API server among the children of this process.
func apiServerProcess(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	must(t, err)
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		program, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		if err != nil || filepath.Base(program) != "kube-apiserver" {
			continue
		}
		if fields := processFields(e.Name()); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			return id
		}
	}
	t.Fatal("the API server is not among the children of this process")
	return 0
}

// processFields returns the fields of /proc/ID/stat from the third on: state, parent…
func processFields(id string) []string {
	text, err := os.ReadFile(filepath.Join("/proc", id, "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// processCPU is the processor time of a process so far.
func processCPU(t *testing.T, id int) time.Duration {
	t.Helper()
	fields := processFields(strconv.Itoa(id))
	if len(fields) < 13 {
		t.Fatalf("/proc/%d/stat has %d fields", id, len(fields))
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		must(t, err)
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// sortedKeys returns an object's keys, so that the result is the same each time.
func sortedKeys(o object) []string { return slices.Sorted(maps.Keys(o)) }
