//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/test/sources"
)

// installCRDs installs the CRDs of the templates' kinds, as the chart does, until the test ends.
func installCRDs(t *testing.T) {
	t.Helper()
	options := envtest.CRDInstallOptions{Paths: []string{filepath.Join(repository, "charts/sidecar-injector/files/crds")}, ErrorIfPathMissing: true}
	if _, err := envtest.InstallCRDs(suite.config, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeCRDs(t) })
}

// removeCRDs removes the CRDs, and with them every template.
func removeCRDs(t *testing.T) {
	t.Helper()
	options := envtest.CRDInstallOptions{Paths: []string{filepath.Join(repository, "charts/sidecar-injector/files/crds")}}
	must(t, envtest.UninstallCRDs(suite.config, options))
	const deletion = 5 * time.Minute // of ten thousand templates, one after another
	err := eventually(context.Background(), deletion, func(ctx context.Context) error {
		for _, plural := range []string{v1alpha1.ClusterSidecarTemplates, v1alpha1.SidecarTemplates} {
			_, err := templatesOf(t, plural, "").List(ctx, metav1.ListOptions{})
			if !apierrors.IsNotFound(err) {
				return errors.Join(fmt.Errorf("%s: still there", plural), err)
			}
		}
		return nil
	})
	must(t, err)
}

// templatesOf returns a client for templates of one kind, in one namespace or in none.
func templatesOf(t *testing.T, plural, namespace string) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(suite.config)
	must(t, err)
	resource := client.Resource(v1alpha1.GroupVersion.WithResource(plural))
	if namespace == "" {
		return resource
	}
	return resource.Namespace(namespace)
}

// sidecarTemplate returns a template of a namespace, or of the cluster if that is "". It adds a container
// with the template's name and the image.
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

// applyTemplate creates a template or replaces its spec, and returns the stored object.
func applyTemplate(t *testing.T, template *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	stored, err := templatesOf(t, pluralOf(template), template.GetNamespace()).
		Apply(t.Context(), template.GetName(), template, metav1.ApplyOptions{FieldManager: "test", Force: true})
	must(t, err)
	return stored
}

func deleteTemplate(t *testing.T, namespace, name string) {
	t.Helper()
	plural := pluralOf(sidecarTemplate(namespace, name, ""))
	must(t, templatesOf(t, plural, namespace).Delete(t.Context(), name, metav1.DeleteOptions{}))
}

// imagesOf returns the images of the sidecars of a new pod that requests the template, or the message of the
// reason why it gets none.
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

// soon waits until a pod that requests the template gets a sidecar of that image, or is refused with that
// text.
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

	soon(t, namespace, "extra", unknown) // the injector runs although the API server does not serve the kinds
	installCRDs(t)
	applyTemplate(t, sidecarTemplate("", "extra", "example.com/one:1"))
	soon(t, namespace, "extra", "example.com/one:1")
	applyTemplate(t, sidecarTemplate("", "extra", "example.com/two:1"))
	soon(t, namespace, "extra", "example.com/two:1")

	applyTemplate(t, sidecarTemplate(other, "extra", "example.com/own:1"))
	soon(t, other, "extra", "example.com/own:1")     // it hides the cluster's
	soon(t, namespace, "extra", "example.com/two:1") // but nowhere else
	deleteTemplate(t, "", "extra")                   // a template in use may be deleted
	soon(t, namespace, "extra", unknown)             // the other namespace's is not available here
	soon(t, other, "extra", "example.com/own:1")     // and is kept there
	applyTemplate(t, sidecarTemplate("", "log-collector", "example.com/mine:1"))
	soon(t, namespace, "log-collector", "example.com/mine:1") // it hides the built-in one

	removeCRDs(t)
	soon(t, other, "extra", unknown)
	soon(t, namespace, "config-reload", `parameter "`) // the built-in ones still exist
}

// startNamedInjector starts an injector with --name, which writes the objects that all replicas share.
func startNamedInjector(t *testing.T, flags ...string) *injector {
	t.Helper()
	name := "injector-" + rand.String(8)
	i := serve(t, "", "/readyz", append(flags, "--kubeconfig", suite.kubeconfig, "--name", name)...)
	t.Cleanup(func() {
		_ = suite.client.CoreV1().Secrets("default").Delete(context.Background(), name+"-ca", metav1.DeleteOptions{})
		_ = suite.client.CoordinationV1().Leases("default").Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		secret, err := suite.client.CoreV1().Secrets("default").Get(ctx, name+"-ca", metav1.GetOptions{})
		if err == nil {
			i.ca = secret.Data["ca.crt"]
		}
		return err
	})
	must(t, err)
	return i
}

// readyIs waits until a template's Ready condition has that status and reason for its newest generation, and
// returns the template.
func readyIs(t *testing.T, namespace, name string, status metav1.ConditionStatus, reason string) v1alpha1.SidecarTemplate {
	t.Helper()
	var template v1alpha1.SidecarTemplate
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		got, err := templatesOf(t, pluralOf(sidecarTemplate(namespace, name, "")), namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		template = v1alpha1.SidecarTemplate{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object{"metadata": got.Object["metadata"], "status": got.Object["status"]}, &template); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(template.Status.Conditions, v1alpha1.ReadyCondition)
		if ready == nil || ready.Status != status || ready.Reason != reason || ready.ObservedGeneration != template.Generation {
			return fmt.Errorf("generation %d, status %+v", template.Generation, template.Status)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("template %s is not %s %s: %v", name, status, reason, err)
	}
	return template
}

func TestATemplateThatBreaksSaysSoAndItsLastGoodVersionStays(t *testing.T) {
	installCRDs(t)
	i := startNamedInjector(t)
	install(t, webhookConfiguration(t, i.url, i.ca))
	namespace := enabledNamespace(t)

	good := sidecarTemplate("", "extra", "example.com/one:1")
	good.Object["spec"].(object)["parameters"] = []any{
		object{"name": "folder", "type": "path"}, object{"name": "port", "type": "port", "default": int64(80)},
	}
	applyTemplate(t, good)
	first := readyIs(t, "", "extra", metav1.ConditionTrue, "Loaded")
	if s := first.Status; s.Revision == "" || s.Parameters != "2 optional" || s.ObservedGeneration != first.Generation {
		t.Errorf("status %+v", s)
	}

	// No webhook validates templates here, as if no injector were running.
	broken := good.DeepCopy()
	broken.Object["spec"].(object)["failurPolicy"] = "Ignore"
	broken.Object["spec"].(object)["order"] = int64(1)
	broken.Object["spec"].(object)["overrides"] = []any{"imagee"}
	applyTemplate(t, broken)
	second := readyIs(t, "", "extra", metav1.ConditionFalse, "UnknownField")
	message := second.Status.Conditions[0].Message
	for _, want := range []string{
		`spec.failurPolicy: `, `did you mean failurePolicy?`, `spec.overrides[0]: `,
		fmt.Sprintf("The version of generation %d stays in force", first.Generation),
	} {
		if !strings.Contains(message, want) {
			t.Errorf("the condition lacks %q:\n%s", want, message)
		}
	}
	if second.Status.Revision != first.Status.Revision {
		t.Errorf("the revision in force is %s, the status says %s", first.Status.Revision, second.Status.Revision)
	}
	soon(t, namespace, "extra", "example.com/one:1")

	applyTemplate(t, sidecarTemplate("", "extra", "example.com/three:1"))
	third := readyIs(t, "", "extra", metav1.ConditionTrue, "Loaded")
	if third.Status.Revision == first.Status.Revision {
		t.Error("the status has the old revision")
	}
	soon(t, namespace, "extra", "example.com/three:1")

	// An annotation is no new generation, nor are the injector's own writes.
	patch := []byte(`{"metadata":{"annotations":{"note":"x"}}}`)
	if _, err := templatesOf(t, v1alpha1.ClusterSidecarTemplates, "").Patch(t.Context(), "extra", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	settled := readyIs(t, "", "extra", metav1.ConditionTrue, "Loaded")
	time.Sleep(2 * time.Second)
	if later := readyIs(t, "", "extra", metav1.ConditionTrue, "Loaded"); later.ResourceVersion != settled.ResourceVersion {
		t.Errorf("the status was written again without need: resource version %s, then %s", settled.ResourceVersion, later.ResourceVersion)
	}
}

func TestResourcesKeepThePromisesOfEverySource(t *testing.T) {
	installCRDs(t)
	sources.Test(t, func(t *testing.T) sources.Place {
		resources, err := source.NewResources(suite.config, nil)
		must(t, err)
		ctx, stop := context.WithCancel(context.Background())
		watched := make(chan error, 1)
		go func() { watched <- resources.Watch(ctx, func() {}) }()
		t.Cleanup(func() {
			stop()
			if err := <-watched; err != nil {
				t.Error(err)
			}
		})
		set := func(content []sources.Template) { setTemplates(t, content) }
		t.Cleanup(func() { setTemplates(t, nil) })
		return sources.Place{Source: resources, Set: set}
	})
}

// setTemplates makes the cluster contain exactly these templates.
func setTemplates(t *testing.T, content []sources.Template) {
	t.Helper()
	ctx := context.Background()
	client := templatesOf(t, v1alpha1.ClusterSidecarTemplates, "")
	wanted := map[string]bool{}
	for _, c := range content {
		template := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal([]byte(c.Text()), &template.Object))
		wanted[c.Name] = true
		if _, err := client.Apply(ctx, c.Name, template, metav1.ApplyOptions{FieldManager: "test", Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := client.List(ctx, metav1.ListOptions{})
	must(t, err)
	for i := range list.Items {
		if name := list.Items[i].GetName(); !wanted[name] {
			must(t, client.Delete(ctx, name, metav1.DeleteOptions{}))
		}
	}
}
