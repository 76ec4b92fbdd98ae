//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	helmtool "github.com/sidecar-injector/sidecar-injector/test/helm"
)

// releaseName is the release of the chart's tests, in a namespace of the same name.
const releaseName = "chart-sidecar-injector"

// chartFolder is relative to this package.
const chartFolder = repository + "/charts/sidecar-injector"

// helmProgram returns the helm that tools/go.mod pins.
var helmProgram = sync.OnceValues(func() (string, error) { return helmtool.Program(filepath.Join(repository, "tools")) })

// kubectlProgram returns the newest kubectl, independent of the control plane's version.
var kubectlProgram = sync.OnceValues(func() (string, error) {
	out, err := output(filepath.Join(repository, "test/cluster"), "go", "run", ".", "kubectl")
	_, path, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
	return path, err
})

// helm runs helm against the control plane.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program, err := helmProgram()
	must(t, err)
	return command(t, program, args...)
}

func mustHelm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := helm(t, args...)
	must(t, err)
	return out
}

// rendered returns the output of helm template for the control plane's version, which helm template does not
// query.
func rendered(t *testing.T, args ...string) string {
	t.Helper()
	return mustHelm(t, append([]string{"template", "--kube-version", suite.version, args[0], chartFolder}, args[1:]...)...)
}

// kubectl runs kubectl against the control plane.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	program, err := kubectlProgram()
	must(t, err)
	out, err := command(t, program, args...)
	must(t, err)
	return out
}

// command runs a program with the control plane's kubeconfig, without the settings of the user who runs the
// tests.
func command(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	out, _, err := commandWithComplaints(t, program, args...)
	return out, err
}

// commandWithComplaints also returns stderr if the program succeeds.
func commandWithComplaints(t *testing.T, program string, args ...string) (out, complaints string, err error) {
	t.Helper()
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+suite.kubeconfig, "HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err = c.Run(); err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), stderr.String(), err
}

// newReleaseNamespace creates the namespace of the chart's tests. It enforces restricted Pod Security, so
// that pods of the chart that need more are not created. The namespace is kept for the next test; its objects
// are not.
func newReleaseNamespace(t *testing.T) {
	t.Helper()
	namespaces := suite.client.CoreV1().Namespaces()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: releaseName, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
	}}}
	if _, err := namespaces.Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	// The service account that every namespace gets.
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		_, err := suite.client.CoreV1().ServiceAccounts(releaseName).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	must(t, err)
}

// installChart runs helm install and uninstalls the release when the test ends. Custom resources that it
// keeps are removed.
func installChart(t *testing.T, args ...string) {
	t.Helper()
	newReleaseNamespace(t)
	t.Cleanup(func() {
		if _, err := helm(t, "uninstall", releaseName, "--namespace", releaseName, "--ignore-not-found"); err != nil {
			t.Error(err)
		}
		removeCRDs(t)
	})
	mustHelm(t, append([]string{"install", releaseName, chartFolder, "--namespace", releaseName}, args...)...)
}

// upgradeChart runs helm upgrade with only these values.
func upgradeChart(t *testing.T, args ...string) error {
	t.Helper()
	_, err := helm(t, append([]string{"upgrade", releaseName, chartFolder, "--namespace", releaseName, "--reset-values"}, args...)...)
	return err
}

// installForeignKinds installs CRDs for the kinds of other projects that the chart can render. They accept
// any fields.
func installForeignKinds(t *testing.T) {
	t.Helper()
	var crds []*apiextensionsv1.CustomResourceDefinition
	for kind, group := range map[string]string{
		"ServiceMonitor": "monitoring.coreos.com", "PodMonitor": "monitoring.coreos.com", "PrometheusRule": "monitoring.coreos.com",
		"Certificate": "cert-manager.io", "Issuer": "cert-manager.io",
	} {
		plural := strings.ToLower(kind) + "s"
		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + "." + group}}
		crd.Spec.Group, crd.Spec.Scope = group, apiextensionsv1.NamespaceScoped
		crd.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, Plural: plural, Singular: strings.ToLower(kind), ListKind: kind + "List"}
		crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
			Name: "v1", Served: true, Storage: true,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object", XPreserveUnknownFields: new(true),
			}},
		}}
		crds = append(crds, crd)
	}
	options := envtest.CRDInstallOptions{CRDs: crds}
	if _, err := envtest.InstallCRDs(suite.config, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := envtest.UninstallCRDs(suite.config, options); err != nil {
			t.Error(err)
		}
		client, err := metadata.NewForConfig(suite.config)
		must(t, err)
		definitions := client.Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"))
		for _, crd := range crds {
			err := eventually(context.Background(), patience, func(ctx context.Context) error {
				_, err := definitions.Get(ctx, crd.Name, metav1.GetOptions{})
				if apierrors.IsNotFound(err) {
					return nil
				}
				return fmt.Errorf("%s is still there: %w", crd.Name, err)
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// inventory returns every object of every kind, except those that disappear by themselves: events, and what
// the API server derives from custom resources.
func inventory(t *testing.T) map[string]bool {
	t.Helper()
	client, err := metadata.NewForConfig(suite.config)
	must(t, err)
	lists, err := suite.client.Discovery().ServerPreferredResources()
	must(t, err)
	lists = discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "get"}}, lists)
	found := map[string]bool{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		must(t, err)
		for _, resource := range list.APIResources {
			if slices.Contains([]string{"events", "componentstatuses", "apiservices"}, resource.Name) {
				continue
			}
			objects, err := client.Resource(version.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if apierrors.IsNotFound(err) {
				continue // of a removed kind, which discovery drops a little later
			}
			if err != nil {
				t.Fatalf("%s: %v", resource.Name, err)
			}
			for _, o := range objects.Items {
				found[strings.Trim(resource.Name+"."+version.Group, ".")+" "+strings.Trim(o.Namespace+"/"+o.Name, "/")] = true
			}
		}
	}
	return found
}

// more returns the objects that are in now and not in before.
func more(before, now map[string]bool) []string {
	found := maps.Clone(now)
	maps.DeleteFunc(found, func(name string, _ bool) bool { return before[name] })
	return slices.Sorted(maps.Keys(found))
}
