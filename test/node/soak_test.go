package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var soakFor = flag.Duration("soak", 0, "every fault, each under load for this `long`, with the report in docs/reliability.md; 0: three faults")

// The load of a full soak, divided among its faults, and that of each fault of the short one.
const (
	soakPods, soakRunning   = 3000, 150
	shortPods, shortRunning = 66, 2
	shortSpan               = 15 * time.Second
)

const (
	// recovery is the maximum time until everything works again after a fault.
	recovery = 5 * time.Minute
	// unasked is how long controllers are left to retry by themselves after that. A controller whose pods
	// were refused doubles its wait after each refusal, up to 1,000 s, and each change of one of its pods
	// causes another refused attempt: a ReplicaSet of which some pods start while others are refused reaches
	// the longest wait within seconds (k8s.io/client-go/util/workqueue, DefaultTypedControllerRateLimiter).
	unasked = 2 * time.Minute
	// eventsLate is the maximum delay of controllers' events.
	eventsLate = 30 * time.Second
)

// soak is one run: continuous load, and one fault after another.
type soak struct {
	span    time.Duration // of each fault's load
	pods    int           // of each fault
	running int           // those of them that actually run
	meter   *meter
	rows    []row
	places  []string          // a namespace of each fault
	ran     map[string]string // containers running before the kubelet was restarted
}

// fault is one thing that goes wrong while pods are created.
type fault struct {
	name string
	// before sets up the fault, and after cleans up, also if the test has failed; nil for nothing.
	before, after func(*soak, *testing.T)
	// do causes the fault, and ends it when the span has ended or earlier.
	do func(s *soak, t *testing.T, span context.Context)
	// misses says that pods are admitted without sidecars, by the failurePolicy.
	misses bool
}

// row is the result of one fault.
type row struct {
	fault, namespace                      string
	pods, calls, failed, retries, missing int
	nudged                                int           // Deployments that were made to retry
	created                               time.Duration // until the last pod existed
	memory                                int           // MiB, of the larger replica
}

// shortFaults returns the faults that each run of the tests includes.
func shortFaults() []fault {
	return []fault{
		{name: "rolling restart", do: (*soak).restartRollout},
		{name: "a replica killed every 5 s", do: (*soak).killReplicas},
		{name: "API server restarted", do: restart("kube-apiserver")},
	}
}

func allFaults() []fault {
	return append(shortFaults(), []fault{
		{name: "etcd restarted", do: restart("etcd")},
		{name: "a replica frozen for 15 s, then the other", do: (*soak).freezeReplicas},
		{name: "the network to a replica cut for 15 s, then to the other", do: (*soak).cutReplicas},
		{name: "authority and certificates replaced every 10 s", do: (*soak).replaceAuthority},
		{name: "the template changed 100 times", do: (*soak).changeTemplate},
		{name: "0.1 cpu for each replica", do: (*soak).wait, before: helmSet("resources.limits.cpu=100m"), after: helmSet("resources.limits.cpu=null")},
		{name: "no replica for 30 s, Fail", do: (*soak).withoutReplicas},
		{name: "no replica for 30 s, Ignore", do: (*soak).withoutReplicas, misses: true,
			before: helmSet("webhook.failurePolicy=Ignore"), after: helmSet("webhook.failurePolicy=Fail")},
		{name: "kubelet restarted", do: (*soak).restartKubelet, after: (*soak).allLeftAlone},
		{name: "the whole node cold", before: (*soak).allRun, do: (*soak).coldStart, after: (*soak).allRun},
	}...)
}

// TestSoak creates pods through Deployments during one fault after another. At the end each Deployment must
// have its pods, and each pod its sidecar exactly once. It must not run in parallel with other tests, which
// the faults would affect.
func TestSoak(t *testing.T) {
	s := &soak{span: shortSpan, pods: shortPods, running: shortRunning, meter: newMeter(t)}
	faults := shortFaults()
	if *soakFor > 0 {
		faults = allFaults()
		s.span, s.pods, s.running = *soakFor, soakPods/len(faults)+1, soakRunning/len(faults)+1
	}
	s.applyTemplate(t, 0)
	t.Cleanup(func() { s.remove(t) })
	begun := time.Now()
	before := s.memory(t)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) { s.suffer(t, f) })
	}
	s.verifyAll(t)
	after := s.memory(t)
	if *soakFor > 0 {
		pause(t.Context(), eventsLate)
	}
	s.countRetries(t)
	table := soakTable(s.rows)
	report("soak: %s; a replica held %d MiB before and %d MiB after\n%s", time.Since(begun).Round(time.Second), before, after, table)
	if *soakFor > 0 && len(s.rows) == len(faults) && !t.Failed() {
		writeSoak(t, soakBlock(s, before, after, time.Since(begun)))
	}
}

// suffer runs one fault, with its load before, during and after it.
func (s *soak) suffer(t *testing.T, f fault) {
	if f.before != nil {
		f.before(s, t)
	}
	if f.after != nil {
		defer f.after(s, t)
	}
	namespace := s.newNamespace(t)
	start := s.meter.read(t)
	span, cancel := context.WithTimeout(t.Context(), s.span)
	defer cancel()
	begun := time.Now()
	load := s.beginLoad(t, namespace)
	f.do(s, t, span)
	load.wait(t)
	s.awaitInjector(t, namespace)
	nudged := s.awaitPods(t, namespace, load)
	r := row{fault: f.name, namespace: namespace, created: time.Since(begun), pods: load.pods(), nudged: nudged}
	end := s.meter.read(t)
	r.calls, r.failed = end.calls-start.calls, end.failed-start.failed
	missing := s.verify(t, namespace)
	for _, pods := range missing {
		r.missing += pods
	}
	switch {
	case f.misses:
		s.renewMissed(t, namespace, missing)
		s.awaitPods(t, namespace, load)
	case r.missing > 0:
		t.Errorf("%d pods have no sidecar: %v", r.missing, missing)
	}
	r.memory = s.memory(t)
	t.Logf("%+v", r)
	s.countRetries(t)
	s.rows = append(s.rows, r)
}

// countRetries counts the retries of the last fault. Some events are written half a minute late, and later
// faults cause pods to be recreated, so this is called when the next fault is over.
func (s *soak) countRetries(t *testing.T) {
	t.Helper()
	if last := len(s.rows) - 1; last >= 0 {
		s.rows[last].retries = retries(t, s.rows[last].namespace)
	}
}

func (s *soak) newNamespace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("soak-%x-%d", suite.begun.Unix(), len(s.places))
	s.places = append(s.places, name)
	must(t, enableNamespace(t.Context(), name, ""))
	return name
}

const templatePath = "/apis/sidecar-injector.dev/v1alpha1/clustersidecartemplates/soak"

// applyTemplate makes or changes the template.
func (s *soak) applyTemplate(t *testing.T, change int) {
	t.Helper()
	must(t, persist(t.Context(), func(ctx context.Context) error {
		return suite.client.CoreV1().RESTClient().Patch(types.ApplyPatchType).AbsPath(templatePath).
			Param("fieldManager", "soak").Param("force", "true").Body([]byte(templateText(t, change))).Do(ctx).Error()
	}))
}

// remove deletes everything that the soak has created. The pods end a little later.
func (s *soak) remove(t *testing.T) {
	now := int64(0)
	for _, name := range s.places {
		if err := suite.client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			t.Error(err)
		}
	}
	err := suite.client.CoreV1().RESTClient().Verb(http.MethodDelete).AbsPath(templatePath).Do(context.Background()).Error()
	if err != nil {
		t.Error(err)
	}
}

// persist retries for a minute, because a server may be restarting.
func persist(ctx context.Context, try func(context.Context) error) error {
	return eventually(ctx, time.Minute, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return try(ctx)
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
