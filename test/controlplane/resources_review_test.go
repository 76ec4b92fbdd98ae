//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubernetesyaml "sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// reviewed installs the chart's validating webhook for templates until the test ends.
func reviewed(t *testing.T, i *injector) {
	t.Helper()
	text := rendered(t, "sidecar-injector", "--namespace", "sidecar-injector",
		"--show-only", "templates/webhook-validating.yaml", "--set", "webhook.url="+i.url)
	configuration := &admissionregistration.ValidatingWebhookConfiguration{}
	must(t, kubernetesyaml.UnmarshalStrict([]byte(text), configuration))
	configuration.Name += "-reviews"
	for n := range configuration.Webhooks {
		configuration.Webhooks[n].ClientConfig.CABundle = i.ca
	}
	configurations := suite.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := configurations.Create(t.Context(), configuration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// Waits until the API server applies the configuration, and at the end until it no longer does.
	heeded := func(want bool) {
		err := eventually(context.Background(), patience, func(ctx context.Context) error {
			broken := sidecarTemplate("", "extra", "example.com/one:1")
			broken.Object["spec"] = object{"nonsense": true}
			_, err := templatesOf(t, v1alpha1.ClusterSidecarTemplates, "").Create(ctx, broken, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if refused := apierrors.IsInvalid(err); refused != want {
				return fmt.Errorf("a broken template is refused: %t (%w), want %t", refused, err, want)
			}
			return nil
		})
		must(t, err)
	}
	t.Cleanup(func() {
		if err := configurations.Delete(context.Background(), configuration.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		heeded(false)
	})
	heeded(true)
}

// writtenTemplate is a template in a file of this repository.
type writtenTemplate struct {
	file      string
	kind      string
	namespace string
	name      string
	object    []byte // JSON
}

// writtenTemplates returns all templates of the repository: built-in ones, examples, those of golden cases,
// and those with every kind of fault. SidecarTemplates get the namespace.
func writtenTemplates(t *testing.T, namespace string) []writtenTemplate {
	t.Helper()
	var found []writtenTemplate
	for _, folder := range []string{"templates/builtin", "templates/load/testdata/load", "test/golden", "test/controlplane/testdata", "examples"} {
		err := filepath.WalkDir(filepath.Join(repository, folder), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(file) != ".yaml" {
				return err
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			stream, err := manifest.Parse(file, data)
			if err != nil {
				return nil // not YAML: cannot be sent
			}
			for _, document := range stream.Documents {
				found = append(found, templatesIn(t, file, document.Root, namespace)...)
			}
			return nil
		})
		must(t, err)
	}
	return found
}

func templatesIn(t *testing.T, file string, root *yaml.Node, namespace string) []writtenTemplate {
	t.Helper()
	if root == nil || root.Kind != yaml.MappingNode {
		return nil
	}
	var o object
	if err := json.Unmarshal(manifest.JSON(root), &o); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var found []writtenTemplate
	if items, ok := o["items"].([]any); ok {
		for _, item := range items {
			if text, err := json.Marshal(item); err == nil {
				found = append(found, templateIn(t, file, text, namespace)...)
			}
		}
		return found
	}
	return templateIn(t, file, manifest.JSON(root), namespace)
}

// templateIn returns a template in the form in which a user would send it, without fields set by an API
// server.
func templateIn(t *testing.T, file string, text []byte, namespace string) []writtenTemplate {
	t.Helper()
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	kind, _ := o["kind"].(string)
	metadata, _ := o["metadata"].(object)
	name, _ := metadata["name"].(string)
	if o["apiVersion"] != v1alpha1.GroupVersion.String() || name == "" {
		return nil
	}
	found := writtenTemplate{file: strings.TrimPrefix(file, repository+"/"), kind: kind, name: name}
	switch kind {
	case v1alpha1.ClusterSidecarTemplateKind:
	case v1alpha1.SidecarTemplateKind:
		found.namespace = namespace
	default:
		return nil
	}
	// With keys in the order in which an API server sends them.
	var canonical any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&canonical); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	text, err := json.Marshal(canonical)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	content, err := load.ResourceContent(text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	head := fmt.Sprintf(`{"metadata":{"name":%q,"namespace":%q},`, found.name, found.namespace)
	found.object = append([]byte(head), bytes.TrimPrefix(content, []byte{'{'})...)
	return []writtenTemplate{found}
}

// send posts a template.
func (w *writtenTemplate) send(ctx context.Context, options ...string) (stored, error) {
	path := "/apis/" + v1alpha1.GroupVersion.String()
	if w.namespace == "" {
		path += "/" + v1alpha1.ClusterSidecarTemplates
	} else {
		path += "/namespaces/" + w.namespace + "/" + v1alpha1.SidecarTemplates
	}
	return post(ctx, path, w.object, options...)
}

// findings returns the findings of the command validate for the template.
func (w *writtenTemplate) findings() []templates.Finding {
	var findings []templates.Finding
	for _, e := range load.NewLoader().For(suite.release()).Load(templates.SourceDirectory, "", w.object) {
		findings = append(findings, e.Findings...)
	}
	return findings
}

// TestApplyTellsWhatValidateTells sends every template of the repository; the stored object must load like
// the file.
func TestApplyTellsWhatValidateTells(t *testing.T) {
	installCRDs(t)
	i := startInjector(t)
	reviewed(t, i)
	loader := load.NewLoader()
	var refused, accepted, byServer int
	for _, w := range writtenTemplates(t, newNamespace(t, nil, nil)) {
		var faults, warnings []string
		for _, f := range w.findings() {
			if f.Severity == templates.SeverityError {
				faults = append(faults, f.Path+": "+f.Detail())
			} else {
				warnings = append(warnings, templates.Summarize([]templates.Finding{f}, 1024))
			}
		}
		got, err := w.send(t.Context())
		switch {
		case err == nil:
			accepted++
			if len(faults) > 0 {
				t.Errorf("%s: %s: accepted, though validate says %s", w.file, w.name, faults)
			}
			w.stored(t, loader, got.object)
		case strings.Contains(err.Error(), "denied the request"):
			refused++
			status := apierrors.APIStatus(nil)
			errors.As(err, &status)
			var told []string
			for _, cause := range status.Status().Details.Causes {
				told = append(told, cause.Field+": "+cause.Message)
			}
			if diff := cmp.Diff(faults, told); diff != "" {
				t.Errorf("%s: %s: (-validate +apply)\n%s", w.file, w.name, diff)
			}
		default:
			// The API server refuses values that violate the types of the CRD.
			byServer++
			if !slices.ContainsFunc(w.findings(), func(f templates.Finding) bool {
				return f.Severity == templates.SeverityError && (f.Reason == templates.WrongType || f.Path == "metadata.name")
			}) {
				t.Errorf("%s: %s: the API server refuses what validate does not, or for another reason: %v\nvalidate: %s", w.file, w.name, err, faults)
			}
			continue
		}
		const most = 12
		if len(warnings) > most {
			warnings = append(warnings[:most], fmt.Sprintf("and %d more warnings", len(warnings)-most))
		}
		if len(got.warnings) != len(warnings) {
			t.Errorf("%s: %s: warnings %q\nvalidate: %q", w.file, w.name, got.warnings, warnings)
			continue
		}
		for n, text := range got.warnings {
			if !strings.HasPrefix(warnings[n], strings.TrimSuffix(text, "…")) {
				t.Errorf("%s: %s: warning %q\nvalidate: %q", w.file, w.name, text, warnings[n])
			}
		}
	}
	t.Logf("%d accepted, %d refused with all findings, %d refused by the API server itself", accepted, refused, byServer)
	if accepted < 100 || refused < 30 || byServer > 20 {
		t.Errorf("%d accepted, %d refused, %d refused by the API server itself", accepted, refused, byServer)
	}
}

// stored checks that what the API server stored loads as what was sent, and deletes it.
func (w *writtenTemplate) stored(t *testing.T, loader *load.Loader, got object) {
	t.Helper()
	text, err := json.Marshal(got)
	must(t, err)
	entries := make([]templates.Entry, 0, 2)
	for _, object := range [][]byte{w.object, text} {
		content, err := load.ResourceContent(object)
		must(t, err)
		entries = append(entries, loader.LoadResource(load.Resource{Kind: w.kind, Namespace: w.namespace, Name: w.name, Content: content}))
	}
	if diff := cmp.Diff(entries[0].Findings, entries[1].Findings); diff != "" || entries[0].Broken() {
		t.Errorf("%s: %s: findings (-sent +stored)\n%s", w.file, w.name, diff)
		return
	}
	if sent, stored := entries[0].Template.Revision, entries[1].Template.Revision; sent != stored {
		t.Errorf("%s: %s: revision %s was sent, %s is stored", w.file, w.name, sent, stored)
	}
	deleteTemplate(t, w.namespace, w.name)
}

func TestABrokenTemplateCanBeAnnotatedAndDeletedButNotChanged(t *testing.T) {
	installCRDs(t)
	broken := sidecarTemplate("", "extra", "example.com/one:1")
	broken.Object["spec"].(object)["nonsense"] = true
	broken.SetFinalizers([]string{"controlplane.test/keep"})
	applyTemplate(t, broken) // while the webhook is not installed
	reviewed(t, startInjector(t))
	client := templatesOf(t, v1alpha1.ClusterSidecarTemplates, "")
	patch := func(text string) error {
		_, err := client.Patch(t.Context(), "extra", types.MergePatchType, []byte(text), metav1.PatchOptions{})
		return err
	}
	if err := patch(`{"metadata":{"annotations":{"note":"x"}}}`); err != nil {
		t.Errorf("it cannot be annotated: %v", err)
	}
	if err := patch(`{"spec":{"order":1}}`); !apierrors.IsInvalid(err) {
		t.Errorf("it can be changed and stay broken: %v", err)
	}
	deleteTemplate(t, "", "extra")
	if err := patch(`{"metadata":{"finalizers":null}}`); err != nil {
		t.Errorf("its finalizers cannot be taken away: %v", err)
	}
	if _, err := client.Get(t.Context(), "extra", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestKubectlShowsTemplates compares kubectl's output with docs/templates.md.
func TestKubectlShowsTemplates(t *testing.T) {
	installCRDs(t)
	i := startNamedInjector(t)
	reviewed(t, i)
	kubectl(t, "apply", "-f", filepath.Join(repository, "examples/cluster-template.yaml"))
	template := readyIs(t, "", "tls-proxy", metav1.ConditionTrue, "Loaded")
	columns := strings.Fields(kubectl(t, "get", "csct", "--no-headers"))
	if want := []string{"tls-proxy", "secret", "+", "2", template.Status.Revision, "True"}; !slices.Equal(columns[:min(len(columns), len(want))], want) {
		t.Errorf("kubectl get csct: %q, want it to begin %q", columns, want)
	}
	t.Log(kubectl(t, "get", "csct", "-o", "wide"))
	if text := kubectl(t, "explain", "csct.spec.parameters"); !strings.Contains(text, "maxLength") {
		t.Errorf("kubectl explain: %s", text)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	text := "apiVersion: sidecar-injector.dev/v1alpha1\nkind: SidecarTemplate\nmetadata: {name: extra, namespace: default}\n" +
		"spec:\n  failurPolicy: Ignore\n  pod:\n    spec:\n      initContainers:\n      - {name: x, image: \"${params.image}\", resources: {requests: {cpu: 1m, memory: 1Mi}}}\n"
	must(t, os.WriteFile(broken, []byte(text), 0o600))
	program, err := kubectlProgram()
	must(t, err)
	_, err = command(t, program, "apply", "-f", broken)
	if err == nil || !strings.Contains(err.Error(), "* spec.failurPolicy: ") || !strings.Contains(err.Error(), "* spec.pod.spec.initContainers[0].image: ") {
		t.Errorf("kubectl apply of a broken template: %v", err)
	}
	t.Log(err)
}
