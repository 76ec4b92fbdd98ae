package inject

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
)

// stagePods returns the pods of the load test, as decoded from an admission review.
func stagePods() []struct {
	name string
	pod  *corev1.Pod
} {
	return []struct {
		name string
		pod  *corev1.Pod
	}{
		{"small", traffic.Small()},
		{"grafana", traffic.Grafana()},
		{"large", traffic.Crowded(30, 200)},
	}
}

// askingPod returns the pod's JSON with a request for the template of the load test.
func askingPod(t testing.TB, pod *corev1.Pod) []byte {
	t.Helper()
	pod.Annotations[RequestAnnotation] = traffic.Requested
	text, err := traffic.Review(pod)
	if err != nil {
		t.Fatal(err)
	}
	var review struct {
		Request struct{ Object json.RawMessage }
	}
	if err := json.Unmarshal(text, &review); err != nil {
		t.Fatal(err)
	}
	return review.Request.Object
}

// stageSet returns a set with one log collector.
func stageSet(t testing.TB) *templates.Set {
	t.Helper()
	entries := load.Load(templates.SourceDirectory, "collector.yaml", []byte(traffic.Template(traffic.Requested, "", 0)))
	for _, e := range entries {
		if e.Broken() {
			t.Fatal(e.Findings)
		}
	}
	return templates.NewSet(entries)
}

func stageRequest(pod []byte) *Request {
	return &Request{Pod: pod, Namespace: Namespace{Name: traffic.Namespace, Labels: map[string]string{InjectionLabel: labelEnabled}}}
}

// stages is one call of Inject divided into stages. Each stage may be repeated after the ones before it.
type stages struct {
	set     *templates.Set
	request *Request
	pod     *podView
	entries []asked
	given   []given
	job     *job
	fit     *candidate
	// rendered is the budget after render.
	rendered budget
}

// decode decodes the pod.
func (s *stages) decode() error {
	read, err := parsePod(s.request.Pod)
	if err != nil {
		return err
	}
	s.pod = &podView{Pod: read}
	return s.pod.decodeSpec()
}

// decide runs the decision.
func (s *stages) decide() error {
	if reason, detail := allowed(s.pod, &s.request.Namespace, &Settings{}, &Trace{}); reason != "" {
		return errorText(string(reason) + ": " + detail)
	}
	asking := request(s.pod, &s.request.Namespace)
	entries, _ := parseRequest(asking.Text, asking.By, s.request.Namespace.Name)
	s.entries = matching(entries, s.set.Matching(&templates.Workload{Namespace: s.request.Namespace.Name, NamespaceLabels: s.request.Namespace.Labels}, s.pod.metadata.Labels))
	s.given = parameterAnnotations(s.pod, &s.request.Namespace)
	return nil
}

// render prepares the only instance, up to what its template adds.
func (s *stages) render() error {
	s.job = newJob(s.set, &Settings{}, s.request, s.pod, s.given)
	s.job.keepWhole(ReadStatus(s.pod.metadata.Annotations))
	s.fit = s.job.candidates(s.entries)[0]
	err := s.job.prepare(s.fit)
	if err == nil && !s.fit.ready {
		err = errorText("not ready: " + s.fit.instance.Detail)
	}
	s.rendered = s.job.work
	return err
}

// plan checks for conflicts.
func (s *stages) plan() error {
	in := s.fit.instance
	in.Targets, in.Containers, in.Volumes, in.Notes = nil, nil, nil, nil
	s.job.work = s.rendered // each run is that of a pod of its own
	if accepted := s.job.claim([]*candidate{s.fit}); len(accepted) != 1 {
		return errorText("not accepted: " + in.Detail)
	}
	return nil
}

// patch writes the operations.
func (s *stages) patch() error {
	if err := s.job.assemble([]*candidate{s.fit}); err != nil {
		return err
	}
	if len(s.job.result.Patch()) == 0 {
		return errorText("no patch")
	}
	return nil
}

// whole runs Inject and marshals the patch.
func (s *stages) whole() error {
	result, err := Inject(s.set, &Settings{}, s.request)
	if err == nil && (result.Outcome != Injected || len(result.Patch()) == 0) {
		err = errorText("not injected: " + result.Message())
	}
	return err
}

type errorText string

func (e errorText) Error() string { return string(e) }

// BenchmarkStage measures each stage of an injection by itself, with a template whose rendering is
// cacheable, as most are; whole is all of them in one call of Inject.
func BenchmarkStage(b *testing.B) {
	for _, p := range stagePods() {
		pod := askingPod(b, p.pod)
		for at, stage := range []string{"decode", "decide", "render", "plan", "patch", "whole"} {
			b.Run("pod="+p.name+"/"+stage, func(b *testing.B) {
				s := &stages{set: stageSet(b), request: stageRequest(pod)}
				run := []func() error{s.decode, s.decide, s.render, s.plan, s.patch, s.whole}
				for _, before := range run[:at] {
					if err := before(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := run[at](); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestTheStagesTogetherAreInject checks that the benchmarked stages together do what Inject does.
func TestTheStagesTogetherAreInject(t *testing.T) {
	for _, p := range stagePods() {
		s := &stages{set: stageSet(t), request: stageRequest(askingPod(t, p.pod))}
		for range 2 {
			for _, stage := range []func() error{s.decode, s.decide, s.render, s.plan, s.patch} {
				if err := stage(); err != nil {
					t.Fatal(err)
				}
			}
		}
		result, err := Inject(s.set, &Settings{}, s.request)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(s.job.result.Patch()), string(result.Patch()); got != want {
			t.Errorf("pod %s: patch of the stages\n%s\nand of Inject\n%s", p.name, got, want)
		}
	}
}

// TestAnInjectionMakesFewAllocations counts the allocations of Inject and its patch. The number is the same
// in each run, so it can be limited: at most 122 at present, 141 under the race detector.
func TestAnInjectionMakesFewAllocations(t *testing.T) {
	const most = 150
	set := stageSet(t)
	for _, p := range stagePods() {
		request := stageRequest(askingPod(t, p.pod))
		n := testing.AllocsPerRun(200, func() {
			result, err := Inject(set, &Settings{}, request)
			if err != nil || len(result.Patch()) == 0 {
				t.Fatal(err, "no patch")
			}
		})
		t.Logf("pod %s: %.0f", p.name, n)
		if n > most {
			t.Errorf("pod %s: %.0f allocations, want at most %d", p.name, n, most)
		}
	}
}

// TestTheTraceIsWrittenWithoutAllocations: sentences are made only when they are read.
func TestTheTraceIsWrittenWithoutAllocations(t *testing.T) {
	s := &stages{set: stageSet(t), request: stageRequest(askingPod(t, traffic.Grafana()))}
	if err := s.decode(); err != nil {
		t.Fatal(err)
	}
	instance := &Instance{}
	c := &candidate{instance: instance}
	if n := testing.AllocsPerRun(100, func() {
		var trace Trace
		if reason, _ := allowed(s.pod, &s.request.Namespace, &Settings{}, &trace); reason != "" {
			t.Fatal(reason)
		}
		trace.Asking = request(s.pod, &s.request.Namespace)
		instance.passed = passes{}
		c.pass(planFits, true)
	}); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}
