package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// behind starts an edge whose watch has other labels of the namespace shop than the cluster, as if a change
// had not reached it.
func behind(t *testing.T, watched, now map[string]string, change func(*webhook.Options)) (*edge, *apiServer) {
	t.Helper()
	server := &apiServer{labels: watched, read: func(w http.ResponseWriter, _ *http.Request) {
		object := partial("shop")
		object.Labels = now
		writeJSON(w, object)
	}}
	namespaces := watchedBy(t, server, true)
	return newEdge(t, func(o *webhook.Options) {
		withTemplates(tail)(o)
		o.Namespaces = namespaces
		if change != nil {
			change(o)
		}
	}).serve(), server
}

func labelled(value string) map[string]string {
	return map[string]string{inject.InjectionLabel: value}
}

func TestAPodMadeAMomentAfterItsNamespacesLabelIsInjected(t *testing.T) {
	for name, watched := range map[string]map[string]string{
		"without the label":        nil,
		"disabled a moment before": labelled("disabled"),
		"a label that was mended":  labelled("enable"),
	} {
		t.Run(name, func(t *testing.T) {
			e, server := behind(t, watched, labelled("enabled"), nil)
			if got := e.post(review(asking("tail"))).response(t); len(got.Patch) == 0 {
				t.Errorf("not injected: %+v", got)
			}
			if n := server.reads.Load(); n != 1 {
				t.Errorf("%d live reads, want 1", n)
			}
			if n := e.count("sidecar_injector_namespace_rereads_total", "result", "newer"); n != 1 {
				t.Errorf("counted %v times", n)
			}
		})
	}
}

func TestANamespaceThatSaysNoIsReadAndThenBelieved(t *testing.T) {
	e, server := behind(t, labelled("on"), labelled("on"), nil)
	got := e.post(review(asking("tail"))).response(t)
	if !got.Allowed || got.Patch != nil || got.AuditAnnotations["decision"] != "skipped UnknownLabelValue" {
		t.Errorf("got %+v", got)
	}
	if n := server.reads.Load(); n != 1 {
		t.Errorf("%d live reads, want 1", n)
	}
}

func TestWhatThePodItselfDecidesNeedsNoRead(t *testing.T) {
	e, server := behind(t, nil, nil, nil)
	for _, label := range []string{"enabled", "disabled"} {
		pod := strings.Replace(asking("tail"), `"metadata":{`, `"metadata":{"labels":{"sidecar-injector.dev/injection":"`+label+`"},`, 1)
		if got := e.post(review(pod)).response(t); (len(got.Patch) > 0) != (label == "enabled") {
			t.Errorf("%s: %+v", label, got)
		}
	}
	if n := server.reads.Load(); n != 0 {
		t.Errorf("%d live reads, want none", n)
	}
}

func TestANamespaceThatSaysNoAndCannotBeReadIsAnErrorNeverASkip(t *testing.T) {
	e, server := behind(t, nil, nil, nil)
	server.read = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "ill", http.StatusInternalServerError) }
	if got := e.post(review(asking("tail"))); got.StatusCode != http.StatusInternalServerError || !strings.Contains(string(got.body), "shop") {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	if n := e.count("sidecar_injector_namespace_rereads_total", "result", "failed"); n != 1 {
		t.Errorf("counted %v times", n)
	}
}

func TestAdviceOnAWorkloadMadeAMomentAfterItsNamespacesLabel(t *testing.T) {
	e, _ := behind(t, nil, labelled("enabled"), nil)
	const request = "sidecar-injector.dev/inject"
	if got := e.warnings(createDeployment(deployment("", annotated(request, "tail")))); got != nil {
		t.Errorf("%q", got)
	}
}

// Every pod of a namespace whose label denies injection is answered after a read that began after the pod
// arrived, and yet there are few reads.
func TestReadsOfANamespaceThatSaysNoAreSharedAndNeverOlderThanThePod(t *testing.T) {
	const pods = 40
	var version atomic.Int64 // increases; a read returns a version that is not older than its start
	server := &apiServer{read: func(w http.ResponseWriter, _ *http.Request) {
		object := partial("shop-2")
		object.Annotations = map[string]string{"version": string(rune('A' + version.Load()))}
		time.Sleep(5 * time.Millisecond)
		writeJSON(w, object)
	}}
	namespaces := watchedBy(t, server, true)
	var all sync.WaitGroup
	for i := range pods {
		if i%4 == 0 {
			version.Add(1)
			time.Sleep(2 * time.Millisecond)
		}
		least := string(rune('A' + version.Load()))
		all.Go(func() {
			got, err := namespaces.Reread(t.Context(), "shop-2")
			if err != nil || got.Annotations["version"] < least {
				t.Errorf("asked at version %s, got %v, %v", least, got.Annotations, err)
			}
		})
	}
	all.Wait()
	if n := server.reads.Load(); n > pods/4 {
		t.Errorf("%d live reads for %d pods", n, pods)
	}
}

func TestNamesThatCallersMakeUpCostTheAPIServerABoundedNumberOfReads(t *testing.T) {
	server := &apiServer{read: http.NotFound}
	namespaces := watchedBy(t, server, true)
	var all sync.WaitGroup
	var failed atomic.Int64
	const names = 500
	for i := range names {
		all.Go(func() {
			if _, err := namespaces.Reread(t.Context(), fmt.Sprintf("made-up-%d", i)); err != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	// The burst of a hundred, and fifty more in the half second that a caller waits.
	if n := server.reads.Load(); failed.Load() != names || n > 200 {
		t.Errorf("%d live reads for %d names; %d failed", n, names, failed.Load())
	}
}

func TestALiveReadEndsWithItsCaller(t *testing.T) {
	e, server := behind(t, nil, nil, nil)
	arrived, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	server.read = func(http.ResponseWriter, *http.Request) { close(arrived); <-end }
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(review(asking("tail"))))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	go func() { <-arrived; leave() }()
	if response, err := e.client.Do(request); err == nil {
		_ = response.Body.Close()
		t.Errorf("status %d", response.StatusCode)
	}
	eventually(t, "the request is given up", func() bool {
		return e.count("sidecar_injector_turned_away_total", "path", webhook.Path, "code", "499") == 1
	})
}
