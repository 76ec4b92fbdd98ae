//go:build controlplane

package controlplane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestWhatANamespaceSaysLaterIsHeeded changes a namespace that the injector has already cached.
func TestWhatANamespaceSaysLaterIsHeeded(t *testing.T) {
	t.Parallel()
	installed(t)
	namespace := newNamespace(t, nil, nil)
	steps := []struct {
		promise  string
		patch    string
		injected bool
	}{
		{"a label that comes later opts in, an annotation asks", `{"labels":{"` + injectionLabel + `":"enabled"},"annotations":{"` + requestAnnotation + `":"side"}}`, true},
		{"an annotation that goes asks for nothing", `{"annotations":{"` + requestAnnotation + `":null}}`, false},
		{"an annotation that comes back asks", `{"annotations":{"` + requestAnnotation + `":"side"}}`, true},
		{"a label that changes opts out", `{"labels":{"` + injectionLabel + `":"disabled"}}`, false},
	}
	pod := appPod("web")
	pod.Annotations = nil
	for _, s := range steps {
		patch := []byte(`{"metadata":` + s.patch + `}`)
		if _, err := suite.client.CoreV1().Namespaces().Patch(t.Context(), namespace, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		err := eventually(t.Context(), patience, func(ctx context.Context) error {
			got, err := create(ctx, namespace, "Pod", pod, "dryRun=All")
			if err == nil && injected(got.object) != s.injected {
				err = fmt.Errorf("injected: %t, want %t", !s.injected, s.injected)
			}
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", s.promise, err)
		}
	}
}

func TestTheAuditLogTellsTheDecision(t *testing.T) {
	t.Parallel()
	installed(t)
	namespace := enabledNamespace(t)
	createPod(t, namespace, appPod("web"))
	var got map[string]string
	err := eventually(t.Context(), patience, func(context.Context) (err error) {
		got, err = auditAnnotations(filepath.Join(suite.logs, "audit.log"), namespace)
		return err
	})
	must(t, err)
	for _, want := range []struct{ key, begins string }{
		{"namespaces.sidecar-injector.dev/decision", "injected Annotation"},
		{"namespaces.sidecar-injector.dev/instances", "side=side@"},
	} {
		if !strings.HasPrefix(got[want.key], want.begins) {
			t.Errorf("audit annotation %s is %q, want it to begin %q", want.key, got[want.key], want.begins)
		}
	}
}

// auditAnnotations returns the annotations of the audit event that created a pod in the namespace.
func auditAnnotations(file, namespace string) (map[string]string, error) {
	log, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var event struct {
			Verb        string
			Stage       string
			ObjectRef   struct{ Namespace, Resource string }
			Annotations map[string]string
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, err
		}
		if event.Verb == "create" && event.Stage == "ResponseComplete" && event.ObjectRef.Resource == "pods" && event.ObjectRef.Namespace == namespace {
			return event.Annotations, nil
		}
	}
	return nil, errors.Join(lines.Err(), errors.New("no event yet"))
}
