package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// recorder stores the events that it receives, as the API server would.
type recorder struct {
	mutex   sync.Mutex
	events  map[string]*corev1.Event
	patches int
	err     error
	gate    chan struct{} // if set, each write waits for it
}

func (r *recorder) CreateWithEventNamespaceWithContext(_ context.Context, event *corev1.Event) (*corev1.Event, error) {
	if r.gate != nil {
		<-r.gate
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	if r.events[event.Name] != nil {
		return nil, apierrors.NewAlreadyExists(corev1.Resource("events"), event.Name)
	}
	r.events[event.Name] = event
	return event, nil
}

func (r *recorder) PatchWithEventNamespaceWithContext(_ context.Context, event *corev1.Event, _ []byte) (*corev1.Event, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.patches++
	r.events[event.Name] = event
	return event, r.err
}

// lines returns the events as "type reason count kind/name: message".
func (r *recorder) lines() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var lines []string
	for _, e := range r.events {
		lines = append(lines, fmt.Sprintf("%s %s %d %s/%s: %s", e.Type, e.Reason, e.Count, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Message))
	}
	return lines
}

// withEvents returns an edge whose decisions become events of r.
func withEvents(t *testing.T, r *recorder, templates string) *edge {
	t.Helper()
	r.events = map[string]*corev1.Event{}
	e := newEdge(t, func(o *webhook.Options) {
		withTemplates(templates)(o)
		o.Events = webhook.NewEvents(r, "injector-0", o.Metrics, logr.Discard(), time.Now)
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.handler.Events.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return e.serve()
}

const replicaSet = `"ownerReferences":[{"apiVersion":"v1","kind":"Other","name":"x","uid":"u-0"},{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d8f","uid":"u-1","controller":true}],`

// owned returns a pod of a ReplicaSet with these annotations.
func owned(pairs ...string) string {
	return `{"metadata":{"generateName":"web-5d8f-",` + replicaSet + strings.TrimPrefix(annotated(pairs...), ",") + `},"spec":{"containers":[{"name":"app","image":"app"}]}}`
}

func (e *edge) written() float64 {
	return e.count("sidecar_injector_events_total", "result", "written")
}

// matched is a template that matches pods without being requested.
const matched = `
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: matched}
spec:
  match: {podSelector: {matchLabels: {match: this}}}
  pod: {metadata: {labels: {matched: "yes"}}}
`

func TestEventsTellThePodsOwner(t *testing.T) {
	const request = "sidecar-injector.dev/inject"
	cases := map[string]struct {
		pod  string
		want string
	}{
		"what was injected": {owned(request, "tail"), `Normal Injected 1 ReplicaSet/web-5d8f: pods get tail from template tail@REVISION as "tail"`},
		"an unknown template": {owned(request, "tial"),
			`Warning UnknownTemplate 1 ReplicaSet/web-5d8f: the pod is refused: metadata.annotations["sidecar-injector.dev/inject"]: template "tial" does not exist (did you mean tail?)`},
		"a bad parameter, without its value": {owned(request, "typed", "typed.sidecar-injector.dev/port", "s3cret"),
			`Warning BadParameter 1 ReplicaSet/web-5d8f: the pod is refused: metadata.annotations["typed.sidecar-injector.dev/port"]: ` +
				`A parameter is unknown, missing, or its value is not of the parameter's type. sidecar-injector templates show typed lists the parameters.`},
		"a label value that means nothing": {strings.Replace(owned(request, "tail"), `"annotations"`, `"labels":{"sidecar-injector.dev/injection":"s3cret"},"annotations"`, 1),
			`Warning UnknownLabelValue 1 ReplicaSet/web-5d8f: no sidecar is injected: The label sidecar-injector.dev/injection has a value other than enabled and disabled. ` +
				`Set the label to enabled or disabled on the object that the warning names.`},
		"a match that fails, for which nobody asked": {strings.Replace(owned("matched.sidecar-injector.dev/containers", "s3cret"), `"annotations"`, `"labels":{"match":"this"},"annotations"`, 1),
			`Warning NoTarget 1 ReplicaSet/web-5d8f: the pod is admitted without a sidecar whose template matches it: metadata.annotations["matched.sidecar-injector.dev/containers"]: ` +
				`The container that the sidecar works for is not in the pod. Set <instance>.sidecar-injector.dev/containers to names of containers in the pod.`},
		"a sidecar that a Job would wait for": {strings.Replace(owned(request, "typed", "typed.sidecar-injector.dev/port", "80"), `"containers"`, `"restartPolicy":"Never","containers"`, 1),
			`Warning NeverCompletes 1 ReplicaSet/web-5d8f: sidecar typed is not injected: The sidecar never ends, and the pod has to. ` +
				`Use native sidecars (remove the annotation native: "false"), or a template with completes: true.`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			e := withEvents(t, r, tail+typed+matched)
			e.post(review(c.pod)).response(t)
			eventually(t, "an event is written", func() bool { return e.written() == 1 })
			want := strings.ReplaceAll(c.want, "REVISION", setOf(tail).Entries()[0].Template.Revision)
			if diff := cmp.Diff([]string{want}, r.lines()); diff != "" {
				t.Error(diff)
			}
			for _, event := range r.events {
				o := event.InvolvedObject
				if event.Namespace != "shop" || o.Namespace != "shop" || o.UID != "u-1" || o.APIVersion != "apps/v1" || event.Source.Host != "injector-0" {
					t.Errorf("%+v", event)
				}
			}
		})
	}
}

func TestWhatIsInjectedIsToldOnceForAWorkloadAndRevision(t *testing.T) {
	r := &recorder{}
	e := withEvents(t, r, tail)
	for range 3 {
		e.post(review(owned("sidecar-injector.dev/inject", "tail"))).response(t)
	}
	e.post(review(strings.Replace(owned("sidecar-injector.dev/inject", "tail"), "u-1", "u-2", 1))).response(t)
	eventually(t, "two events are written", func() bool { return e.written() == 2 })
	if lines := r.lines(); len(lines) != 2 {
		t.Errorf("%q", lines)
	}
	// Another replica has not written the event yet, and its event has the same name.
	other := &recorder{}
	second := withEvents(t, other, tail)
	second.post(review(owned("sidecar-injector.dev/inject", "tail"))).response(t)
	eventually(t, "the other replica's is written", func() bool { return second.written() == 1 })
	for name := range other.events {
		if r.events[name] == nil {
			t.Errorf("event %s, want the name of one of %v", name, r.events)
		}
	}
}

func TestRefusalsThatRepeatAreCountedUp(t *testing.T) {
	r := &recorder{}
	e := withEvents(t, r, tail)
	for range 4 {
		e.post(review(owned("sidecar-injector.dev/inject", "tial"))).response(t)
	}
	eventually(t, "four are written", func() bool { return e.written() == 4 })
	if lines := r.lines(); len(lines) != 1 || !strings.HasPrefix(lines[0], "Warning UnknownTemplate 4 ") {
		t.Errorf("%q", lines)
	}
}

func TestNoEventIsMade(t *testing.T) {
	r := &recorder{}
	e := withEvents(t, r, tail)
	injected := e.post(review(owned("sidecar-injector.dev/inject", "tail"), `"dryRun":false`, `"dryRun":true`)).response(t)
	if !injected.Allowed {
		t.Fatal("refused")
	}
	for _, pod := range []string{
		plainPod,
		asking("tail"), // without a controller
		owned("other", "x"),
		strings.Replace(owned("sidecar-injector.dev/inject", "tial"), `"u-1"`, `"u\n1"`, 1),
		strings.Replace(owned("sidecar-injector.dev/inject", "tial"), `"web-5d8f"`, `"../nodes"`, 1),
		strings.Replace(owned("sidecar-injector.dev/inject", "tial"), `"ReplicaSet"`, `"Replica Set"`, 1),
		strings.Replace(owned("sidecar-injector.dev/inject", "tial"), `"controller":true`, `"controller":false`, 1),
		strings.Replace(owned("sidecar-injector.dev/inject", "tial"), `"controller":true`, `"controller":"yes"`, 1),
	} {
		e.post(review(pod)).response(t)
	}
	// A last pod with an event shows that no earlier one is still queued.
	e.post(review(owned("sidecar-injector.dev/inject", "tail"))).response(t)
	eventually(t, "the last one is written", func() bool { return e.written() > 0 })
	if lines := r.lines(); len(lines) != 1 {
		t.Errorf("%q", lines)
	}
}

func TestARequestNeverWaitsForAnEvent(t *testing.T) {
	r := &recorder{gate: make(chan struct{})}
	e := withEvents(t, r, tail)
	defer close(r.gate)
	const pods = 1100
	for i := range pods {
		e.post(review(strings.Replace(owned("sidecar-injector.dev/inject", "tail"), "u-1", fmt.Sprintf("u-%d", i), 1))).response(t)
	}
	if dropped := e.count("sidecar_injector_events_total", "result", "dropped"); dropped < 70 || dropped > 80 {
		t.Errorf("%v of %d dropped", dropped, pods)
	}
}

func TestAWorkloadThatFloodsDoesNotSilenceOthers(t *testing.T) {
	r := &recorder{}
	e := withEvents(t, r, tail)
	// Far more than the rate limit allows, all about one object, each with another message.
	for i := range 900 {
		e.post(review(owned("sidecar-injector.dev/inject", fmt.Sprintf("no-such-%d", i)))).response(t)
	}
	other := owned("sidecar-injector.dev/inject", "tial")
	e.post(review(strings.NewReplacer("u-1", "u-2", "web-5d8f", "shy-1a2b").Replace(other))).response(t)
	said := func() bool {
		return slices.ContainsFunc(r.lines(), func(line string) bool { return strings.Contains(line, "ReplicaSet/shy-1a2b") })
	}
	eventually(t, "the other workload is told", said)
	if n := e.written(); n > 30 {
		t.Errorf("%v events were written before, want what one object may have", n)
	}
}

func TestAnEventThatFailsIsCountedAndToldAgainByTheNextPod(t *testing.T) {
	r := &recorder{err: errors.New("connection refused")}
	e := withEvents(t, r, tail)
	pod := review(owned("sidecar-injector.dev/inject", "tail"))
	e.post(pod).response(t)
	eventually(t, "the failure is counted", func() bool { return e.count("sidecar_injector_events_total", "result", "failed") == 1 })
	r.mutex.Lock()
	r.err = nil
	r.mutex.Unlock()
	e.post(pod).response(t)
	eventually(t, "the next one is written", func() bool { return e.written() == 1 })
}

func TestEventsOfHostilePodsArePrintableAndBounded(t *testing.T) {
	r := &recorder{}
	e := withEvents(t, r, tail)
	pairs := []string{"sidecar-injector.dev/inject", "tail"}
	for i := range 60 {
		pairs = append(pairs, fmt.Sprintf("tail.sidecar-injector.dev/%d\u001b[31m\r\n%s", i, strings.Repeat("\u202eü", 80)), "s3cret")
	}
	e.post(review(owned(pairs...))).response(t)
	eventually(t, "an event is written", func() bool { return e.written() == 1 })
	for _, event := range r.events {
		if len(event.Message) > 1024 || strings.Contains(event.Message, "s3cret") ||
			strings.ContainsFunc(event.Message, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%d bytes: %q", len(event.Message), event.Message)
		}
	}
}
