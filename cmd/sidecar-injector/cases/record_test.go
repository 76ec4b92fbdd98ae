package cases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Nothing secret of an object gets into its case, and nothing else is left out.
func TestRecordLeavesOutWhatIsSecret(t *testing.T) {
	object, err := templates.ObjectFromJSON([]byte(`{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": {"name": "web", "uid": "u-1", "resourceVersion": "7", "managedFields": [{"manager": "kubectl"}], "annotations": {
			"kubectl.kubernetes.io/last-applied-configuration": "{\"x\":\"hunter1\"}", "example.com/api-token": "hunter2",
			"example.com/url": "https://me:hunter3@example.com/x", "logs.sidecar-injector.dev/credentialsSecret": "login", "sidecar-injector.dev/inject": "logs=log-collector"}},
		"spec": {"nodeName": "node-1", "containers": [{"name": "web", "image": "web:1",
			"args": ["--password=hunter4", "--token", "hunter5", "--level=debug", "-H", "Authorization: Bearer hunter6"],
			"env": [{"name": "DB_PASSWORD", "value": "hunter7"}, {"name": "LEVEL", "value": "info"}, {"name": "DSN", "value": "postgres://me:hunter8@db/x"},
				{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}}],
			"volumeMounts": [{"name": "kube-api-access-abcde", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}],
			"volumes": [{"name": "kube-api-access-abcde", "projected": {"sources": []}}, {"name": "data", "emptyDir": {}}]},
		"status": {"phase": "Running"}}`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name, err := Record(dir, "Pod", "web", object.Map(), inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"},
		Annotations: map[string]string{"example.com/password": "hunter9"}})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, file := range []string{PodFile, NamespaceFile} {
		data, err := os.ReadFile(filepath.Join(dir, name, file))
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	for _, gone := range []string{"hunter", "kube-api-access", "u-1", "node-1", "managedFields", "phase"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is in the case:\n%s", gone, text)
		}
	}
	for _, kept := range []string{"--level=debug", "value: info", "key: token", "credentialsSecret: login", "inject: logs=log-collector", "name: data", "injection: enabled", "@db/x"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is not in the case:\n%s", kept, text)
		}
	}
	if _, err := Record(dir, "Pod", "web", object.Map(), inject.Namespace{Name: "shop"}); err == nil {
		t.Error("the case was written over")
	}
}
