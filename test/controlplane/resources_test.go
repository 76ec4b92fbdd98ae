//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// installCRDs makes the API server know the templates' kinds, as the chart does, for
// the time of the test.
func installCRDs(t *testing.T) {
	t.Helper()
	options := envtest.CRDInstallOptions{Paths: []string{filepath.Join(repository, "charts/sidecar-injector/files/crds")}, ErrorIfPathMissing: true}
	if _, err := envtest.InstallCRDs(suite.config, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeCRDs(t) })
}

// removeCRDs takes the kinds away, and with them every template.
func removeCRDs(t *testing.T) {
	t.Helper()
	options := envtest.CRDInstallOptions{Paths: []string{filepath.Join(repository, "charts/sidecar-injector/files/crds")}}
	if err := envtest.UninstallCRDs(suite.config, options); err != nil {
		t.Fatal(err)
	}
	err := eventually(context.Background(), patience, func(ctx context.Context) error {
		for _, plural := range []string{v1alpha1.ClusterSidecarTemplates, v1alpha1.SidecarTemplates} {
			_, err := templatesOf(t, plural, "").List(ctx, metav1.ListOptions{})
			if !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s: still there: %w", plural, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// templatesOf speaks about templates of one kind, in one namespace or in none.
func templatesOf(t *testing.T, plural, namespace string) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(suite.config)
	if err != nil {
		t.Fatal(err)
	}
	resource := client.Resource(v1alpha1.GroupVersion.WithResource(plural))
	if namespace == "" {
		return resource
	}
	return resource.Namespace(namespace)
}

// sidecarTemplate is a template of a namespace, or of the cluster where that is "". Pods get a
// container of the template's name with that image.
func sidecarTemplate(namespace, name, image string) *unstructured.Unstructured {
	kind := v1alpha1.ClusterSidecarTemplateKind
	metadata := object{"name": name}
	if namespace != "" {
		kind = v1alpha1.SidecarTemplateKind
		metadata["namespace"] = namespace
	}
	return &unstructured.Unstructured{Object: object{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       kind,
		"metadata":   metadata,
		"spec": object{"pod": object{"spec": object{"initContainers": []any{object{
			"name": "${instance}", "restartPolicy": "Always", "image": image,
			"resources": object{"requests": object{"cpu": "10m", "memory": "16Mi"}, "limits": object{"memory": "16Mi"}},
		}}}}},
	}}
}

func pluralOf(template *unstructured.Unstructured) string {
	if template.GetNamespace() == "" {
		return v1alpha1.ClusterSidecarTemplates
	}
	return v1alpha1.SidecarTemplates
}

// applyTemplate creates a template or replaces its spec, and gives what is stored.
func applyTemplate(t *testing.T, template *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	stored, err := templatesOf(t, pluralOf(template), template.GetNamespace()).
		Apply(t.Context(), template.GetName(), template, metav1.ApplyOptions{FieldManager: "test", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func deleteTemplate(t *testing.T, namespace, name string) {
	t.Helper()
	plural := pluralOf(sidecarTemplate(namespace, name, ""))
	if err := templatesOf(t, plural, namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// imagesOf are those of a new pod's sidecars that asks for the template, or what it is told
// instead: the reason's sentence.
func imagesOf(ctx context.Context, namespace, template string) (string, error) {
	pod := appPod("web")
	pod.Annotations[requestAnnotation] = template
	got, err := create(ctx, namespace, "Pod", pod, "dryRun=All")
	if message, refused := refusal(err); refused {
		return message, nil
	}
	if err != nil {
		return "", err
	}
	var images []string
	list, _ := got.object["spec"].(object)["initContainers"].([]any)
	for _, c := range list {
		images = append(images, c.(object)["image"].(string))
	}
	return strings.Join(images, ","), nil
}

// soon waits until a pod that asks for the template gets a sidecar of that image, or is refused
// with that text.
func soon(t *testing.T, namespace, template, want string) {
	t.Helper()
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		got, err := imagesOf(ctx, namespace, template)
		if err == nil && !strings.Contains(got, want) {
			err = errors.New(cmp.Diff(want, got))
		}
		return err
	})
	if err != nil {
		t.Fatalf("template %s in namespace %s: %v", template, namespace, err)
	}
}

func TestTemplatesOfTheClusterComeChangeAndGo(t *testing.T) {
	i := startInjector(t)
	install(t, webhookConfiguration(t, i.url, i.ca))
	namespace, other := enabledNamespace(t), enabledNamespace(t)
	const unknown = `template "extra" does not exist`

	soon(t, namespace, "extra", unknown) // the server runs though the API server knows no templates
	installCRDs(t)
	applyTemplate(t, sidecarTemplate("", "extra", "example.com/one:1"))
	soon(t, namespace, "extra", "example.com/one:1")
	applyTemplate(t, sidecarTemplate("", "extra", "example.com/two:1"))
	soon(t, namespace, "extra", "example.com/two:1")

	applyTemplate(t, sidecarTemplate(other, "extra", "example.com/own:1"))
	soon(t, other, "extra", "example.com/own:1")     // it hides the cluster's
	soon(t, namespace, "extra", "example.com/two:1") // but nowhere else
	deleteTemplate(t, "", "extra")                   // what pods use may be deleted
	soon(t, namespace, "extra", unknown)             // the other namespace's is not to be had here
	soon(t, other, "extra", "example.com/own:1")     // and stays there
	applyTemplate(t, sidecarTemplate("", "log-collector", "example.com/mine:1"))
	soon(t, namespace, "log-collector", "example.com/mine:1") // it hides the built-in one

	removeCRDs(t)
	soon(t, other, "extra", unknown)
	soon(t, namespace, "config-reload", `parameter "`) // the built-in ones are still there
}
