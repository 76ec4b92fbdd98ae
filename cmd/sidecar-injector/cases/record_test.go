package cases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// No secret of an object gets into its case, and nothing else is left out.
func TestRecordLeavesOutWhatIsSecret(t *testing.T) {
	object, err := program.ObjectFromJSON([]byte(`{
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
	must(t, err)
	dir := t.TempDir()
	name, err := Record(dir, "Pod", "web", object.Map(), inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"},
		Annotations: map[string]string{"example.com/password": "hunter9"}})
	must(t, err)
	text := ""
	for _, file := range []string{PodFile, NamespaceFile} {
		data, err := os.ReadFile(filepath.Join(dir, name, file))
		must(t, err)
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

// Secrets are found at many places; values that only say where a secret is are kept.
func TestWhatIsSecretIsFoundInTexts(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"LEVEL", "info", "info"},
		{"DB_PASS", "hunter", leftOut},
		{"ENCRYPTION_KEY", "hunter", leftOut},
		{"SLACK_WEBHOOK", "https://hunter.example.com", leftOut},
		{"EMPTY_PASSWORD", "", ""},
		{"ARGS", "--password=hunter --level=debug", "--password=left-out --level=debug"},
		{"ARGS", "--password='hunter two' --level=debug", "--password='left-out' --level=debug"},
		{"ARGS", "password=hun@ter,two host=db", "password=left-out host=db"},
		{"CONFIG", `{"password": "hunter two", "host": "db"}`, `{"password": "left-out", "host": "db"}`},
		{"CONFIG", `{"json": "{\"password\": \"hunter two\", \"host\": \"db\"}"}`, `{"json": "{\"password\": \"left-out\", \"host\": \"db\"}"}`},
		{"CONFIG", `"[{\"name\":\"A_PASSWORD\",\"value\":\"hunter\"}]"`, `"[{\"name\":\"A_PASSWORD\",\"value\":\"left-out\"}]"`},
		{"CONFIG", "<tokenFile>/run/token</tokenFile>", "<tokenFile>/run/token</tokenFile>"},
		{"CONFIG", "password: |-\n  hunter\nhost: db\n", "password: left-out\nhost: db\n"},
		{"CONFIG", "<password>hunter</password><host>db</host>", "<password>left-out</password><host>db</host>"},
		{"CONFIG", "api_key = 'hunter two'\nhost = 'db'", "api_key = 'left-out'\nhost = 'db'"},
		{"CONFIG", "smtp:\n  auth_password: hunter\n  host: mail\n", "smtp:\n  auth_password: left-out\n  host: mail\n"},
		{"JDBC", "jdbc:postgresql://db/x?user=me&password=hunter&ssl=true", "jdbc:postgresql://db/x?user=me&password=left-out&ssl=true"},
		{"URL", "postgres://me:hun@ter@db:5432/x", "postgres://me:left-out@db:5432/x"},
		{"URL", "redis://:hunter@cache:6379", "redis://:left-out@cache:6379"},
		{"REPO", "https://0123456789abcdef0123@git.example.com/x", "https://left-out@git.example.com/x"},
		{"REPO", "https://git@git.example.com:8443/x.git", "https://git@git.example.com:8443/x.git"},
		{"CURL", "curl -u me:hunter https://example.com", "curl -u me:left-out https://example.com"},
		{"HEADER", "Authorization: Bearer hunter", "Authorization: left-out"},
		{"HEADER", "Authorization: Basic hunter=", "Authorization: left-out"},
		{"X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIifQ.c2lnbmF0dXJl", leftOut},
		{"X", "ghp_0123456789abcdefghij0123456789abcdef", leftOut},
		{"X", "key AKIAIOSFODNN7EXAMPLE", "key left-out"},
		{"PEM", "-----BEGIN RSA PRIVATE KEY-----\nhunter\n-----END RSA PRIVATE KEY-----\n", "left-out\n"},
		{"OVERRIDE", "env:\n- {name: SMTP_PASSWORD, value: hunter}\n- {name: LEVEL, value: info}\n", "env:\n- {name: SMTP_PASSWORD, value: left-out}\n- {name: LEVEL, value: info}\n"},
		{"OVERRIDE", "env:\n- name: SMTP_PASSWORD\n  value: hunter\n", "env:\n- name: SMTP_PASSWORD\n  value: left-out\n"},
		{"OVERRIDE", "env: [{name: X, valueFrom: {secretKeyRef: {name: login, key: password}}}]", "env: [{name: X, valueFrom: {secretKeyRef: {name: login, key: password}}}]"},
		{"ARGS", "--auth-mode=oidc --token-file=/run/token", "--auth-mode=oidc --token-file=/run/token"},
		{"DSN", "me:hunter@tcp(db:3306)/shop", "me:left-out@tcp(db:3306)/shop"},
		{"DSN", "host=me:hunter@db", "host=me:left-out@db"},
		{"IMAGE", "app:1.2@sha256:abc", "app:1.2@sha256:abc"},
		{"REPO", "git@git.example.com:team/app", "git@git.example.com:team/app"},
		{"ARGS", "--basic-auth=me:hunter", "--basic-auth=left-out"},
		{"URL", "https://a.example.com/x?sv=1&sig=hunter%3D&se=2", "https://a.example.com/x?sv=1&sig=left-out&se=2"},
		{"OVERRIDE", `{"env": [{"name": "TOKEN", "value": "hunter"}]}`, `{"env": [{"name": "TOKEN", "value": "left-out"}]}`},
		{"AUTHOR", "me", "me"},
		{"IMAGE", "registry.example.com:5000/team/app:1.2@sha256:abc", "registry.example.com:5000/team/app:1.2@sha256:abc"},
		{"DOC", "see https://example.com/a:b and http://c", "see https://example.com/a:b and http://c"},
	} {
		if got := hidden(c.name, c.text); got != c.want {
			t.Errorf("%s=%q: %q, want %q", c.name, c.text, got, c.want)
		}
	}
}

// The injector's annotations are the subject of the case: what they ask for, and where secrets are, is kept.
func TestRecordKeepsWhatIsAskedFor(t *testing.T) {
	status := `{"token=x":{"template":"log-collector","secret":"y"}}`
	for key, of := range map[string]struct{ text, want string }{
		inject.RequestAnnotation:                       {"token=log-collector, secrets=vault", "token=log-collector, secrets=vault"},
		inject.StatusAnnotation:                        {status, status},
		"token.sidecar-injector.dev/credentialsSecret": {"login", "login"},
		"token.sidecar-injector.dev/secret":            {"login", "login"},
		"token.sidecar-injector.dev/passwordKey":       {"password", "password"},
		"token.sidecar-injector.dev/webhookURL":        {"http://localhost:9090/-/reload", "http://localhost:9090/-/reload"},
		"token.sidecar-injector.dev/password":          {"hunter", leftOut},
		"token.sidecar-injector.dev/accessToken":       {"hunter", leftOut},
		"token.sidecar-injector.dev/env.DB_PASSWORD":   {"hunter", leftOut},
		"token.sidecar-injector.dev/env.LEVEL":         {"info", "info"},
		"token.sidecar-injector.dev/headers":           {`{"Authorization":"Bearer hunter","Accept":"x"}`, `{"Authorization":"left-out","Accept":"x"}`},
		"token.sidecar-injector.dev/repo":              {"https://me:hunter@git.example.com/x", "https://me:left-out@git.example.com/x"},
		"example.com/token":                            {"hunter", leftOut},
	} {
		annotations := map[string]any{key: of.text}
		if cleanAnnotations(annotations); annotations[key] != of.want {
			t.Errorf("%s: %q: got %q, want %q", key, of.text, annotations[key], of.want)
		}
	}
}

// Pods with the copies that clusters and tools leave in them.
func TestRecordLeavesOutWhatToolsHaveCopied(t *testing.T) {
	object, err := program.ObjectFromJSON([]byte(`{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": {"name": "web", "annotations": {"objectset.rio.cattle.io/applied": "H4sIhunter", "kapp.k14s.io/original": "{\"x\":\"hunter\"}",
			"example.com/before": " {\"apiVersion\": \"v1\", \"data\": \"hunter\"}", "deployment.kubernetes.io/revision": "3"}},
		"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter", "sidecar-injector.dev/inject": "git-sync",
			"git-sync.sidecar-injector.dev/repo": "https://me:hunter@git.example.com/x.git", "git-sync.sidecar-injector.dev/credentialsSecret": "login",
			"git-sync.sidecar-injector.dev/override": "env: [{name: GIT_PASSWORD, value: hunter}]"}},
		"spec": {"imagePullSecrets": [{"name": "pull"}], "containers": [{"name": "web", "image": "web:1",
			"command": ["curl", "-u", "me:hunter", "--pin", "hunter", "--token-file", "/run/token", "sh", "-c", "PGPASSWORD=hunter psql"],
			"livenessProbe": {"httpGet": {"path": "/live?token=hunter", "port": 80, "httpHeaders": [{"name": "Authorization", "value": "Basic hunter"}]}},
			"envFrom": [{"secretRef": {"name": "environment"}}],
			"volumeMounts": [{"name": "default-token-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}, {"name": "vault-token", "mountPath": "/run/token"}]}],
		"volumes": [{"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p"}},
			{"name": "vault-token", "projected": {"sources": [{"serviceAccountToken": {"audience": "vault", "path": "token"}}]}},
			{"name": "git", "gitRepo": {"repository": "https://me:hunter@git.example.com/y.git"}},
			{"name": "share", "csi": {"driver": "smb", "volumeAttributes": {"password": "hunter", "secretProviderClass": "vault"}, "nodePublishSecretRef": {"name": "share"}}}]}}}}`))
	must(t, err)
	dir := t.TempDir()
	name, err := Record(dir, "Deployment", "web", object.Map(), inject.Namespace{Name: "shop"})
	must(t, err)
	data, err := os.ReadFile(filepath.Join(dir, name, WorkloadFile))
	must(t, err)
	text := string(data)
	for _, gone := range []string{"hunter", "default-token", "applied", "original", "example.com/before"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is in the case:\n%s", gone, text)
		}
	}
	for _, kept := range []string{"name: pull", "credentialsSecret: login", "@git.example.com/x.git", "--token-file", "/run/token", "psql", "name: environment", "name: vault-token", "audience: vault", "secretProviderClass: vault", "name: share", "me:left-out"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is not in the case:\n%s", kept, text)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
