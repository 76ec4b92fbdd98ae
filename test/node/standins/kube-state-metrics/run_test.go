package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// apiServer serves one pod at first, and then the events sent to changes.
type apiServer struct {
	pod     v1.Pod
	changes chan event
	ill     atomic.Bool
}

type event struct {
	Type   string `json:"type"`
	Object any    `json:"object"`
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/livez" || r.URL.Path == "/readyz":
		if a.ill.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	case r.URL.Path != "/api/v1/pods":
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Query().Get("watch") == "":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "PodList", "apiVersion": "v1", "metadata": map[string]string{"resourceVersion": "1"}, "items": []v1.Pod{a.pod},
		})
	default:
		a.watch(w, r)
	}
}

func (a *apiServer) watch(w http.ResponseWriter, r *http.Request) {
	send := func(e event) {
		_ = json.NewEncoder(w).Encode(e)
		w.(http.Flusher).Flush()
	}
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		send(event{"ADDED", a.pod})
		send(event{"BOOKMARK", v1.Pod{TypeMeta: a.pod.TypeMeta, ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: "1", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}}})
	}
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-a.changes:
			send(e)
		}
	}
}

func somePod() v1.Pod {
	always := v1.ContainerRestartPolicyAlways
	controller := true
	return v1.Pod{
		TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-1", UID: "u", ResourceVersion: "1",
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web", Controller: &controller}},
		},
		Spec: v1.PodSpec{
			NodeName:      "node-1",
			RestartPolicy: v1.RestartPolicyAlways,
			InitContainers: []v1.Container{{
				Name: "web-sc-logs", Image: "fluent-bit:5", RestartPolicy: &always,
				Resources: v1.ResourceRequirements{Requests: v1.ResourceList{"cpu": resource.MustParse("20m"), "memory": resource.MustParse("48Mi")}},
			}},
			Containers: []v1.Container{{Name: "web", Image: "nginx"}},
		},
		Status: v1.PodStatus{
			Phase: v1.PodRunning, PodIP: "10.0.0.2", HostIP: "10.0.0.1",
			Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionFalse}},
			InitContainerStatuses: []v1.ContainerStatus{{
				Name: "web-sc-logs", Image: "fluent-bit:5", Ready: true, RestartCount: 2, State: v1.ContainerState{Running: &v1.ContainerStateRunning{}},
			}},
			ContainerStatuses: []v1.ContainerStatus{{
				Name: "web", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			}},
		},
	}
}

// start returns the ports of the metrics and of the process's own.
func start(t *testing.T, a *apiServer, args ...string) (port, own string) {
	t.Helper()
	server := httptest.NewServer(a)
	_, port = trial.FreeAddress(t)
	_, own = trial.FreeAddress(t)
	s, err := newSettings(append([]string{"--host=127.0.0.1", "--telemetry-host=127.0.0.1", "--port=" + port, "--telemetry-port=" + own}, args...))
	if err != nil {
		t.Fatal(err)
	}
	stop := trial.Start(t, func(ctx context.Context) error { return run(ctx, s, &rest.Config{Host: server.URL}) })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		server.CloseClientConnections()
		server.Close()
	})
	return port, own
}

func get(port, path string) (int, string) {
	return trial.Get("http://127.0.0.1:" + port + path)
}

func wait(t *testing.T, port string, done func(metrics string) bool) string {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, metrics := get(port, "/metrics")
		if done(metrics) {
			return metrics
		}
		if time.Now().After(deadline) {
			t.Fatalf("timeout:\n%s", metrics)
		}
	}
}

func TestMetricsFollowThePods(t *testing.T) {
	a := &apiServer{pod: somePod(), changes: make(chan event)}
	port, _ := start(t, a, "--resources=configmaps,pods,nodes")
	metrics := wait(t, port, func(m string) bool { return strings.Contains(m, "kube_pod_info") })
	for _, want := range []string{
		`kube_pod_info{created_by_kind="ReplicaSet",created_by_name="web",host_ip="10.0.0.1",host_network="false",namespace="shop",node="node-1",pod="web-1",pod_ip="10.0.0.2",priority_class="",uid="u"} 1`,
		`kube_pod_owner{namespace="shop",owner_is_controller="true",owner_kind="ReplicaSet",owner_name="web",pod="web-1",uid="u"} 1`,
		`kube_pod_status_phase{namespace="shop",phase="Running",pod="web-1",uid="u"} 1`,
		`kube_pod_status_phase{namespace="shop",phase="Pending",pod="web-1",uid="u"} 0`,
		`kube_pod_status_ready{condition="false",namespace="shop",pod="web-1",uid="u"} 1`,
		`kube_pod_init_container_info{container="web-sc-logs",container_id="",image="fluent-bit:5",image_id="",image_spec="fluent-bit:5",namespace="shop",pod="web-1",restart_policy="Always",uid="u"} 1`,
		`kube_pod_init_container_resource_requests{container="web-sc-logs",namespace="shop",node="node-1",pod="web-1",resource="cpu",uid="u",unit="core"} 0.02`,
		`kube_pod_init_container_status_restarts_total{container="web-sc-logs",namespace="shop",pod="web-1",uid="u"} 2`,
		`kube_pod_container_status_waiting_reason{container="web",namespace="shop",pod="web-1",reason="CrashLoopBackOff",uid="u"} 1`,
		`kube_pod_container_status_ready{container="web",namespace="shop",pod="web-1",uid="u"} 0`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	failed := somePod()
	failed.ResourceVersion, failed.Status.Phase = "2", v1.PodFailed
	a.changes <- event{"MODIFIED", failed}
	wait(t, port, func(m string) bool { return strings.Contains(m, `phase="Failed",pod="web-1",uid="u"} 1`) })
	failed.ResourceVersion = "3"
	a.changes <- event{"DELETED", failed}
	wait(t, port, func(m string) bool { return !strings.Contains(m, "web-1") })
}

func TestProbes(t *testing.T) {
	a := &apiServer{pod: somePod(), changes: make(chan event)}
	port, own := start(t, a)
	wait(t, port, func(m string) bool { return strings.Contains(m, "kube_pod_info") })
	check := func(want map[string]int) {
		t.Helper()
		for path, status := range want {
			if got, body := get(port, path); got != status {
				t.Errorf("%s: got %d %s", path, got, body)
			}
		}
	}
	check(map[string]int{"/healthz": 200, "/livez": 200, "/readyz": 200, "/nowhere": 404})
	a.ill.Store(true)
	check(map[string]int{"/healthz": 200, "/livez": 503, "/readyz": 503})
	wait(t, own, func(m string) bool { return strings.Contains(m, "go_goroutines") })
}

func TestOfOtherResourcesThereIsNothing(t *testing.T) {
	a := &apiServer{pod: somePod(), changes: make(chan event)}
	port, _ := start(t, a, "--resources=nodes")
	wait(t, port, func(string) bool { status, _ := get(port, "/healthz"); return status == http.StatusOK })
	if status, body := get(port, "/metrics"); status != http.StatusOK || body != "" {
		t.Errorf("got %d %s", status, body)
	}
}

func TestFlags(t *testing.T) {
	s, err := newSettings([]string{"--port=8080", "--resources=pods,nodes", "--telemetry-port=8081", "--namespaces=a,b"})
	if err != nil || s.address != ":8080" || s.telemetryAddress != ":8081" || len(s.namespaces) != 2 || !s.pods {
		t.Errorf("got %+v, %v", s, err)
	}
	for want, arg := range map[string]string{
		"unknown flag: --collectors":                 "--collectors=pods",
		`resource "pod" does not exist`:              "--resources=pod",
		"invalid argument":                           "--port=http",
		"unexpected argument":                        "pods",
		"unknown flag: --metric-labels-allowlist":    "--metric-labels-allowlist=pods=[*]",
		"unknown flag: --custom-resource-state-only": "--custom-resource-state-only",
		"unknown flag: --kubeconfig":                 "--kubeconfig=/x",
	} {
		if _, err := newSettings([]string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", arg, err)
		}
	}
}
