package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// events are warnings about pods by their names: field path, reason, message and the UID of the pod, in the order
// of time.
var events = map[string][][4]string{
	"health-fails": {
		{"spec.initContainers{app-sc-log-collector}", "Unhealthy", "Startup probe failed: connection refused", "1"},
		{"spec.initContainers{app-sc-log-collector}", "Unhealthy", "Readiness probe failed: \"no answer\"\n", "1"},
		{"spec.initContainers{app-sc-log-collector}", "BackOff", "Back-off restarting failed container", "1"},
		{"spec.containers{app}", "Unhealthy", "Readiness probe failed: the app's own", "1"},
		{"spec.initContainers{app-sc-log-collector}", "Unhealthy", "Readiness probe failed: of the pod before", "0"},
	},
	"a-volume-is-not-there": {
		{"", "FailedMount", "configmap \"x\" not found", "1"},
		{"", "FailedScheduling", "0/3 nodes are available", "1"},
	},
	"evicted-and-well": {{"", "Evicted", "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ", "1"}},
	"ready-again":      {{"spec.initContainers{app-sc-log-collector}", "Unhealthy", "Readiness probe failed: a while ago", "1"}},
}

// smallCluster returns the kubeconfig of an API server that has some pods in the namespace shop, by name,
// their logs and events, and forbids everything else.
func smallCluster(t *testing.T, pods map[string]map[string]any, logs map[string]string) string {
	t.Helper()
	answer := func(w http.ResponseWriter, code int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(value)
	}
	type object = map[string]any
	mux := http.NewServeMux()
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, object{"major": "1", "minor": "37"})
	})
	mux.HandleFunc("/api", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, object{"kind": "APIVersions", "versions": []string{"v1"}})
	})
	mux.HandleFunc("/apis", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, object{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{}})
	})
	mux.HandleFunc("/api/v1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, object{"kind": "APIResourceList", "groupVersion": "v1", "resources": []any{
			object{"name": "replicationcontrollers", "singularName": "replicationcontroller", "namespaced": true, "kind": "ReplicationController", "verbs": []string{"get", "list"}, "shortNames": []string{"rc"}},
			object{"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": []string{"get", "list"}, "shortNames": []string{"po"}},
		}})
	})
	mux.HandleFunc("/api/v1/namespaces/shop", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, object{"kind": "Namespace", "apiVersion": "v1", "metadata": object{"name": "shop", "labels": object{inject.InjectionLabel: "enabled"}}})
	})
	mux.HandleFunc("/api/v1/namespaces/shop/pods", func(w http.ResponseWriter, _ *http.Request) {
		items := []any{}
		for _, pod := range pods {
			items = append(items, pod)
		}
		answer(w, 200, object{"kind": "PodList", "apiVersion": "v1", "items": items})
	})
	mux.HandleFunc("/api/v1/namespaces/shop/replicationcontrollers/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, object{"kind": "ReplicationController", "apiVersion": "v1", "metadata": object{"name": r.PathValue("name"), "namespace": "shop"}, "spec": object{"template": object{
			"metadata": object{"annotations": object{inject.RequestAnnotation: "log-collector"}}, "spec": object{"containers": []any{object{"name": "app", "image": "app"}}},
		}}})
	})
	mux.HandleFunc("/api/v1/namespaces/shop/pods/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, pods[r.PathValue("name")])
	})
	mux.HandleFunc("/api/v1/namespaces/shop/pods/{name}/log", func(w http.ResponseWriter, r *http.Request) {
		text, ok := logs[r.URL.Query().Get("container")]
		if !ok || r.URL.Query().Get("tailLines") != "1" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, text)
	})
	mux.HandleFunc("/api/v1/namespaces/shop/events", func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "involvedObject.kind=Pod,involvedObject.name=")
		items := []any{}
		for second, e := range events[strings.TrimSuffix(name, ",type=Warning")] {
			items = append([]any{object{"reason": e[1], "message": e[2], "lastTimestamp": fmt.Sprintf("2026-01-02T12:00:%02dZ", second), "involvedObject": object{"uid": e[3], "fieldPath": e[0]}}}, items...)
		}
		if !ok {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		answer(w, 200, object{"kind": "EventList", "apiVersion": "v1", "items": items})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusForbidden, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c, namespace: shop}}]}", server.URL)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// collected returns an injected pod with a log collector and a status.
func collected(t *testing.T, name string, user int, status map[string]any) map[string]any {
	t.Helper()
	security := "{}"
	if user != 0 {
		security = fmt.Sprintf("{runAsUser: %d}", user)
	}
	file := filepath.Join(t.TempDir(), "pod.yaml")
	text := fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: shop, annotations: {sidecar-injector.dev/inject: log-collector}}, spec: {containers: [{name: app, image: app, securityContext: %s}]}}", name, security)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	var out, complaints bytes.Buffer
	if code := run([]string{"sidecar-injector", "inject", "-f", file, "-o", "pod"}, streams{Out: &out, ErrOut: &complaints}); code != 0 {
		t.Fatalf("inject: %d\n%s", code, &complaints)
	}
	var pod map[string]any
	must(t, yaml.Unmarshal(out.Bytes(), &pod))
	pod["metadata"].(map[string]any)["uid"] = "1"
	pod["status"] = status
	return pod
}

// statusOf returns the status of a pod whose app is ready and whose collector has the given state.
func statusOf(phase string, ready bool, restarts int, state, last map[string]any) map[string]any {
	return map[string]any{
		"phase":                 phase,
		"initContainerStatuses": []any{map[string]any{"name": "app-sc-log-collector", "ready": ready, "restartCount": restarts, "state": state, "lastState": last}},
		"containerStatuses":     []any{map[string]any{"name": "app", "ready": true, "state": map[string]any{"running": map[string]any{}}}},
	}
}

// unprepared adds that the pod has a node, but its containers cannot be created there yet.
func unprepared(status map[string]any) map[string]any {
	status["conditions"] = []any{map[string]any{"type": "PodScheduled", "status": "True"}, map[string]any{"type": "PodReadyToStartContainers", "status": "False"}}
	return status
}

func TestExplainShowsTheLastLineOfASidecarThatIsNotWell(t *testing.T) {
	type state = map[string]any
	running := state{"running": state{}}
	failed := state{"terminated": state{"reason": "Error", "exitCode": 5, "message": "copied\nthe last run failed (exit code 5 of rclone)\n"}}
	for name, c := range map[string]struct {
		user       int
		status     map[string]any
		log        string
		want, none []string
	}{
		"not ready": {1000, statusOf("Running", false, 0, running, nil), "[error] no route to host\n",
			[]string{"  last line     [error] no route to host\n", "  log           kubectl logs not-ready -c app-sc-log-collector -n shop\n"}, []string{"ended"}},
		"ended badly": {1000, statusOf("Succeeded", false, 0, failed, nil), "the last run failed (exit code 5 of rclone)\n",
			[]string{"  ended         app-sc-log-collector, with exit code 5\n", "  says          the last run failed (exit code 5 of rclone)\n",
				"warning: app-sc-log-collector ended with exit code 5, and the pod counts as succeeded all the same"}, []string{"last line"}},
		"killed": {1000, statusOf("Succeeded", false, 0, state{"terminated": state{"reason": "Error", "exitCode": 137, "message": "INFO : last: Copied (new)"}}, nil), "INFO : last: Copied (new)\n",
			[]string{"warning: app-sc-log-collector was killed, for the time that the pod has to end, terminationGracePeriodSeconds, ran out (exit code 137), and the pod counts as succeeded"}, nil},
		"restarted": {1000, statusOf("Running", true, 2, running, state{"terminated": state{"reason": "OOMKilled", "exitCode": 137}}), "all is well\n",
			[]string{"  ended         app-sc-log-collector, with exit code 137 (OOMKilled)\n", "  last line     all is well\n", "kubectl logs restarted -c app-sc-log-collector -n shop --previous\n"}, nil},
		"restarted in vain": {1000, statusOf("Running", false, 1, running, state{"terminated": state{"reason": "Error", "exitCode": 137}}), "dial tcp 10.96.0.1:443\n",
			[]string{"  ended         app-sc-log-collector, with exit code 137\n", "  last line     dial tcp 10.96.0.1:443\n", "kubectl logs restarted-in-vain -c app-sc-log-collector -n shop\n"}, nil},
		"ready and vain": {1000, statusOf("Running", true, 0, running, nil), "[ warn] [net] getaddrinfo(host='receiver', err=4): Domain name not found\n",
			[]string{"  last line     [ warn] [net] getaddrinfo", "  log           kubectl logs ready-and-vain -c app-sc-log-collector -n shop\n"}, []string{"ended"}},
		"waits for its volumes": {1000, unprepared(statusOf("Pending", false, 0, state{"waiting": state{"reason": "PodInitializing"}}, nil)), "",
			[]string{"  says          the pod waits for what containers need to be created, such as volumes; kubectl describe pod waits-for-its-volumes -n shop tells\n"}, []string{"kubectl logs"}},
		"health fails": {1000, statusOf("Running", false, 0, running, nil), "[error] no route to host\n",
			[]string{"  says          Readiness probe failed: \"no answer\"\n  last line     [error] no route to host\n"}, []string{"the app's own", "Back-off", "of the pod before"}},
		"ready again": {1000, statusOf("Running", true, 0, running, nil), "[error] no route to host\n",
			[]string{"  last line     [error] no route to host\n"}, []string{"a while ago"}},
		"a volume is not there": {1000, unprepared(statusOf("Pending", false, 0, state{"waiting": state{"reason": "PodInitializing"}}, nil)), "",
			[]string{"  says          configmap \"x\" not found\n"}, []string{"kubectl logs"}},
		"evicted": {1000, state{"phase": "Failed", "reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. "},
			"unable to retrieve container logs for containerd://1", []string{"warning: the cluster has ended the pod (Evicted): Pod ephemeral local storage usage exceeds"}, []string{"unable to"}},
		"evicted and well": {1000, statusOf("Succeeded", false, 0, state{"terminated": state{"reason": "Completed", "exitCode": 0}}, nil), "",
			[]string{"warning: the cluster has ended the pod (Evicted): Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\".\n"}, nil},
		"waits for a mount": {1000, statusOf("Pending", false, 0, state{"waiting": state{"reason": "ContainerCreating", "message": "secret \"x\" not found"}}, nil), "",
			[]string{"  says          secret \"x\" not found\n"}, []string{"kubectl logs"}},
		"crashes": {1000, statusOf("Running", false, 3, state{"waiting": state{"reason": "CrashLoopBackOff", "message": "back-off 40s"}}, failed), "boom\n",
			[]string{"  last line     boom\n", "kubectl logs crashes -c app-sc-log-collector -n shop --previous\n"}, nil},
		"no image": {1000, statusOf("Pending", false, 0, state{"waiting": state{"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}, nil), "",
			[]string{"  says          Back-off pulling image\n"}, []string{"kubectl logs"}},
		"another user": {0, statusOf("Running", true, 0, running, nil), "[error] cannot open /var/log/app/a.log: Permission denied\n",
			[]string{"Permission denied", "as whom its image says"}, nil},
		"well":             {1000, statusOf("Running", true, 0, running, nil), "all is well\n", nil, []string{"all is well", "kubectl logs", "as whom its image says"}},
		"its turn to come": {1000, statusOf("Pending", false, 0, state{"waiting": state{"reason": "PodInitializing"}}, nil), "", nil, []string{"says", "kubectl logs"}},
		"ended well": {1000, statusOf("Succeeded", false, 0, state{"terminated": state{"reason": "Completed", "exitCode": 0}}, nil), "bye\n",
			nil, []string{"bye", "kubectl logs"}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := strings.ReplaceAll(name, " ", "-")
			kubeconfig := smallCluster(t, map[string]map[string]any{pod: collected(t, pod, c.user, c.status)}, map[string]string{"app-sc-log-collector": c.log})
			var out, complaints bytes.Buffer
			code := run([]string{"sidecar-injector", "explain", "pod/" + pod, "--kubeconfig", kubeconfig, "--color", "never"}, streams{Out: &out, ErrOut: &complaints})
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("want %q", want)
				}
			}
			for _, none := range c.none {
				if strings.Contains(out.String(), none) {
					t.Errorf("do not want %q", none)
				}
			}
			if t.Failed() {
				t.Logf("exit code %d\n%s\n%s", code, &out, &complaints)
			}
		})
	}
}

// The pods of a Job have ended when a user explains the Job.
func TestExplainOfAWorkloadTellsOfSidecarsThatEndedBadly(t *testing.T) {
	pod := collected(t, "web-1", 1000, statusOf("Succeeded", false, 0, map[string]any{"terminated": map[string]any{"exitCode": 5, "message": "copied\nthe last run failed"}}, nil))
	pod["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"apiVersion": "v1", "kind": "ReplicationController", "name": "web", "uid": "2", "controller": true}}
	kubeconfig := smallCluster(t, map[string]map[string]any{"web-1": pod}, nil)
	var out, complaints bytes.Buffer
	run([]string{"sidecar-injector", "explain", "rc/web", "--kubeconfig", kubeconfig, "--color", "never"}, streams{Out: &out, ErrOut: &complaints})
	if want := "warning: in pod web-1 app-sc-log-collector ended with exit code 5, at which Kubernetes does not look: the last run failed\n"; !strings.Contains(out.String(), want) {
		t.Errorf("want %q in\n%s%s", want, &out, &complaints)
	}
	// Others are stopped because their pod is being deleted.
	pod["metadata"].(map[string]any)["deletionTimestamp"] = "2026-07-01T12:00:00Z"
	pod["status"] = statusOf("Running", false, 0, map[string]any{"terminated": map[string]any{"exitCode": 143}}, nil)
	out.Reset()
	run([]string{"sidecar-injector", "explain", "rc/web", "--kubeconfig", kubeconfig, "--color", "never"}, streams{Out: &out, ErrOut: &complaints})
	if strings.Contains(out.String(), "ended with exit code") {
		t.Errorf("a pod that is being deleted:\n%s", &out)
	}
	delete(pod["metadata"].(map[string]any), "deletionTimestamp")
	// Its time ran out: what it said last may sound like success.
	for reason, want := range map[string]string{
		"Error":     "was killed, for the time that the pod has to end, terminationGracePeriodSeconds, ran out (exit code 137), at which Kubernetes does not look; before, it said: Copied (new)\n",
		"OOMKilled": "was killed, for it took more memory than its limit (OOMKilled, exit code 137), at which Kubernetes does not look; before, it said: Copied (new)\n",
	} {
		pod["status"] = statusOf("Succeeded", false, 0, map[string]any{"terminated": map[string]any{"exitCode": 137, "reason": reason, "message": "Copied (new)"}}, nil)
		out.Reset()
		run([]string{"sidecar-injector", "explain", "rc/web", "--kubeconfig", kubeconfig, "--color", "never"}, streams{Out: &out, ErrOut: &complaints})
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s%s", want, &out, &complaints)
		}
	}
}

func TestObjectsOfTheClusterAreCompleted(t *testing.T) {
	pods := map[string]map[string]any{}
	for _, name := range []string{"web-1", "web-2"} {
		pods[name] = map[string]any{"kind": "Pod", "apiVersion": "v1", "metadata": map[string]any{"name": name, "namespace": "shop"}}
	}
	kubeconfig := smallCluster(t, pods, nil)
	for _, c := range []struct {
		command, typed string
		want, none     []string
	}{
		{"diff", "pod/", []string{"pod/web-1\n", "pod/web-2\n"}, nil},
		{"diff", "", []string{"pod/\n"}, []string{"web-1", "UnknownTemplate"}},
		{"explain", "pod/", []string{"pod/web-1\n", "pod/web-2\n"}, []string{"UnknownTemplate"}},
		{"explain", "po/web", []string{"po/web-1\n"}, []string{"UnknownTemplate"}},
		{"explain", "", []string{"UnknownTemplate\n", "pod/\n", "deployment/\n"}, []string{"web-1"}},
		{"explain", "nothing/", nil, []string{"web-1", "UnknownTemplate"}},
	} {
		var out bytes.Buffer
		if code := run([]string{"sidecar-injector", "__complete", c.command, "--kubeconfig", kubeconfig, c.typed}, streams{Out: &out, ErrOut: &bytes.Buffer{}}); code != 0 {
			t.Errorf("%s %q: exit code %d", c.command, c.typed, code)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s %q: want %q in\n%s", c.command, c.typed, want, &out)
			}
		}
		for _, none := range c.none {
			if strings.Contains(out.String(), none) {
				t.Errorf("%s %q: do not want %q in\n%s", c.command, c.typed, none, &out)
			}
		}
	}
}
