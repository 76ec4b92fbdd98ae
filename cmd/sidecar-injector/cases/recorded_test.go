package cases

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// An object of any kind that makes pods, as a cluster stores it, becomes a case that passes at once, and
// without the cluster.
func TestWhatIsRecordedHolds(t *testing.T) {
	const metadata = `"uid": "u-1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-01-02T03:04:05Z", "namespace": "shop",
		"managedFields": [{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}],
		"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"apiVersion\":\"v1\",\"password\":\"hunter\"}"}`
	const asks = `{"creationTimestamp": null, "labels": {"app": "web", "token": "x"}, "annotations": {"sidecar-injector.dev/inject": "token=own", "token.sidecar-injector.dev/level": "debug"}}`
	const spec = `{"restartPolicy": "%", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "securityContext": {}, "serviceAccount": "default",
		"serviceAccountName": "default", "containers": [{"name": "web", "image": "web:1", "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
		"terminationMessagePolicy": "File", "resources": {}, "env": [{"name": "PASSWORD", "value": "hunter"}]}]}`
	template := `{"metadata": ` + asks + `, "spec": ` + strings.Replace(spec, "%", "Always", 1) + `}`
	job := `{"metadata": ` + asks + `, "spec": ` + strings.Replace(spec, "%", "OnFailure", 1) + `}`
	objects := map[string]string{
		"Pod": `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "creationTimestamp": "2026-01-02T03:04:05Z",
			"annotations": {"sidecar-injector.dev/inject": "token=own"}}, "status": {"phase": "Running", "qosClass": "BestEffort"},
			"spec": {"nodeName": "node-1", "preemptionPolicy": "PreemptLowerPriority", "priority": 0, "enableServiceLinks": true,
			"tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
			"volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
			"containers": [{"name": "web", "image": "web:1", "volumeMounts": [{"name": "kube-api-access-x7k2p", "mountPath": "` + tokenMount + `", "readOnly": true}]}]}}`,
		"Deployment": `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", ` + metadata + `}, "status": {"replicas": 1, "conditions": []},
			"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}, "template": ` + template + `}}`,
		"StatefulSet": `{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", ` + metadata + `}, "status": {"replicas": 1},
			"spec": {"serviceName": "web", "selector": {"matchLabels": {"app": "web"}}, "template": ` + template + `, "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
			"volumeClaimTemplates": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "creationTimestamp": null},
			"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}]}}`,
		"CronJob": `{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web", ` + metadata + `}, "status": {"lastScheduleTime": "2026-01-02T03:04:05Z"},
			"spec": {"schedule": "0 3 * * *", "suspend": false, "jobTemplate": {"metadata": {"creationTimestamp": null}, "spec": {"backoffLimit": 2, "template": ` + job + `}}}}`,
	}
	set := templates.NewSet(load.Load(templates.SourceDirectory, "own.yaml", []byte(`apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: own}
spec:
  parameters: [{name: level, type: string, default: info}]
  pod:
    spec:
      initContainers:
      - {name: "${app.name}-${instance}", image: "own:1", restartPolicy: Always, args: ["${params.level}"], resources: {requests: {cpu: 1m, memory: 1Mi}}}
`)))
	runner := &Runner{Set: set, Settings: &inject.Settings{}}
	dir := t.TempDir()
	for kind, text := range objects {
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if _, err := Record(dir, kind, "web", object, inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(unwanted bool) {
		t.Helper()
		found, err := Find(dir, nil, unwanted)
		if err != nil || len(found) != len(objects) {
			t.Fatalf("%d cases: %v", len(found), err)
		}
		for _, c := range found {
			result, err := runner.Run(c)
			must(t, err)
			if len(result.Failures) > 0 || result.Answer.Outcome != inject.Injected || strings.Contains(string(result.After), "hunter") {
				t.Errorf("%s: %s, %+v\n%s", c.Name, result.Answer.Outcome, result.Failures, result.After)
			}
			if changed, err := result.Update(); err != nil || changed != unwanted {
				t.Errorf("%s: changed: %t, %v", c.Name, changed, err)
			}
		}
	}
	run(true)
	run(false)
}
