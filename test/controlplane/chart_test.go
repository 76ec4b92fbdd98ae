//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestTheAPIServerTakesEveryRenderingOfTheChart installs the chart and upgrades it from one file of values to
// the next: no rendering is refused, and none conflicts with the previous one. The chart itself refuses a
// guard if the API server does not serve policies.
func TestTheAPIServerTakesEveryRenderingOfTheChart(t *testing.T) {
	installForeignKinds(t)
	installChart(t)
	files, err := filepath.Glob(chartFolder + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, chartFolder+"/values-ha.yaml", chartFolder+"/values-dev.yaml") {
		err := upgradeChart(t, "--values", file)
		if filepath.Base(file) == "guard-values.yaml" && !serves(t, policiesVersion, "validatingadmissionpolicies") {
			if err == nil || !strings.Contains(err.Error(), "guard: Deny needs ValidatingAdmissionPolicy") {
				t.Errorf("a guard that the API server does not know: %v", err)
			}
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestUninstallingTheChartLeavesOnlyWhatItIsToldToKeep compares all objects of the cluster before and after.
func TestUninstallingTheChartLeavesOnlyWhatItIsToldToKeep(t *testing.T) {
	kept := []string{
		"customresourcedefinitions.apiextensions.k8s.io clustersidecartemplates.sidecar-injector.dev",
		"customresourcedefinitions.apiextensions.k8s.io sidecartemplates.sidecar-injector.dev",
	}
	for keep, want := range map[string][]string{"true": kept, "false": nil} {
		t.Run("crds.keep="+keep, func(t *testing.T) {
			newReleaseNamespace(t)
			t.Cleanup(func() { removeCRDs(t) })
			before := inventory(t)
			guard := "Off"
			if serves(t, policiesVersion, "validatingadmissionpolicies") {
				guard = "Deny"
			}
			mustHelm(t, "install", releaseName, chartFolder, "--namespace", releaseName, "--set", "guard="+guard+",crds.keep="+keep)
			if n := len(more(before, inventory(t))); n < 15 {
				t.Errorf("only %d objects were installed", n)
			}
			podsComeUp(t, 2)
			waitReady(t, startReplica(t)) // and keeps writing during the uninstallation
			mustHelm(t, "uninstall", releaseName, "--namespace", releaseName)
			err := eventually(t.Context(), time.Minute, func(context.Context) error {
				left := slices.DeleteFunc(more(before, inventory(t)), func(name string) bool { return strings.HasPrefix(name, "endpoints") }) // created by the test itself
				if diff := cmp.Diff(want, left, cmpopts.EquateEmpty()); diff != "" {
					return fmt.Errorf("what is left (-want +got):\n%s", diff)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			// Kept objects are adopted by a release of the same name.
			mustHelm(t, "install", releaseName, chartFolder, "--namespace", releaseName)
			mustHelm(t, "uninstall", releaseName, "--namespace", releaseName)
		})
	}
}

// podsComeUp waits until the chart's pods exist: they must not be refused by Pod Security, a quota or a
// priority class.
func podsComeUp(t *testing.T, want int) {
	t.Helper()
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(releaseName).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=sidecar-injector"})
		if err == nil && len(pods.Items) != want {
			err = fmt.Errorf("%d pods, want %d; events:\n%s", len(pods.Items), want, events(t, releaseName))
		}
		return err
	})
	must(t, err)
}

// TestPeopleWithoutHelmApplyTheManifests applies the file written by make manifests.
func TestPeopleWithoutHelmApplyTheManifests(t *testing.T) {
	if _, err := output(repository, "make", "--no-print-directory", "manifests"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unapply(t, repository+"/dist/install.yaml")
		must(t, eventually(context.Background(), patience, func(ctx context.Context) error {
			_, err := suite.client.CoreV1().Namespaces().Get(ctx, "sidecar-injector", metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(errors.New("the namespace is still there"), err)
		}))
	})
	for _, args := range [][]string{{"--server-side"}, {"--server-side"}, {}} {
		out := kubectl(t, append([]string{"apply", "-f", repository + "/dist/install.yaml"}, args...)...)
		if n := strings.Count(out, "\n"); n < 15 {
			t.Errorf("kubectl apply %v took %d objects:\n%s", args, n, out)
		}
	}
	webhooks, err := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "sidecar-injector", metav1.GetOptions{})
	must(t, err)
	if service := webhooks.Webhooks[0].ClientConfig.Service; service.Namespace != "sidecar-injector" {
		t.Errorf("the API server calls %+v", service)
	}
	if crds := strings.Fields(kubectl(t, "get", "crd", "-o", "name")); !slices.Contains(crds, "customresourcedefinition.apiextensions.k8s.io/sidecartemplates.sidecar-injector.dev") {
		t.Errorf("custom resources: %v", crds)
	}
}

// unapply deletes the objects of a file, and waits until the custom resource definitions are gone: a busy API server
// may take minutes for one that it has just stored, longer than a command may run.
func unapply(t *testing.T, file string) {
	t.Helper()
	kubectl(t, "delete", "--ignore-not-found", "--wait=false", "-f", file)
	removeCRDs(t)
}

// TestTheFirstMinute follows the README: install, label, annotate, and the next pod is injected. The test
// starts the injector instead of a kubelet, with exactly the rights of the chart's service account.
func TestTheFirstMinute(t *testing.T) {
	begun := time.Now()
	installChart(t)
	r := startReplica(t)
	namespace := newNamespace(t, nil, nil)
	kubectl(t, "label", "namespace", namespace, "sidecar-injector.dev/injection=enabled")
	kubectl(t, "annotate", "namespace", namespace, "sidecar-injector.dev/inject=log-collector")
	waitReady(t, r)
	pod := appPod("web")
	pod.Annotations = nil
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		got, err := create(ctx, namespace, "Pod", pod, "dryRun=All")
		if status, _, _ := unstructured.NestedString(got.object, "metadata", "annotations", "sidecar-injector.dev/status"); err == nil && !strings.Contains(status, "log-collector") {
			err = fmt.Errorf("the pod has no log collector; its status is %q", status)
		}
		return err
	})
	must(t, err)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("from helm install to the first injected pod: %s", took)
	}
	suite.report("from helm install to the first injected pod: %s", time.Since(begun).Round(time.Second))
}

// TestAnUpgradeConflictsWithNothingThatTheInjectorWrites applies the chart again, by helm and as GitOps tools
// do, after the injector has written CA bundles, Secret and Lease.
func TestAnUpgradeConflictsWithNothingThatTheInjectorWrites(t *testing.T) {
	changed := []string{"--values", chartFolder + "/values-ha.yaml", "--values", chartFolder + "/ci/labels-values.yaml", "--set", "webhook.timeoutSeconds=7"}
	apply := func(t *testing.T, args ...string) (file string) {
		t.Helper()
		text := rendered(t, append([]string{releaseName, "--namespace", releaseName, "--skip-tests"}, args...)...)
		file = filepath.Join(t.TempDir(), "rendered.yaml")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		kubectl(t, "apply", "--server-side", "--field-manager", "gitops", "-f", file)
		return file
	}
	for name, way := range map[string]struct{ install, upgrade func(t *testing.T) }{
		"helm": {
			func(t *testing.T) { installChart(t) },
			func(t *testing.T) {
				if err := upgradeChart(t, changed...); err != nil {
					t.Error(err)
				}
			},
		},
		"kubectl apply --server-side": {
			func(t *testing.T) {
				newReleaseNamespace(t)
				file := apply(t)
				t.Cleanup(func() { unapply(t, file) })
			},
			func(t *testing.T) { apply(t, changed...) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			way.install(t)
			waitReady(t, startReplica(t))
			before := written(t)
			way.upgrade(t)
			if diff := cmp.Diff(before, written(t)); diff != "" {
				t.Errorf("the upgrade undid what the injector had written (-before +after):\n%s", diff)
			}
			webhooks, err := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), releaseName, metav1.GetOptions{})
			must(t, err)
			if got := *webhooks.Webhooks[0].TimeoutSeconds; got != 7 {
				t.Errorf("the upgrade changed nothing: timeoutSeconds %d", got)
			}
		})
	}
}

// written returns the values that the injector has written into the chart's objects.
func written(t *testing.T) map[string]string {
	t.Helper()
	found, err := bundles(t.Context())
	must(t, err)
	secret, err := suite.client.CoreV1().Secrets(releaseName).Get(t.Context(), releaseName+"-ca", metav1.GetOptions{})
	must(t, err)
	found["authority"] = string(secret.Data[corev1.TLSCertKey])
	lease, err := suite.client.CoordinationV1().Leases(releaseName).Get(t.Context(), releaseName, metav1.GetOptions{})
	must(t, err)
	if lease.Spec.HolderIdentity != nil {
		found["holder"] = *lease.Spec.HolderIdentity
	}
	for what, value := range found {
		if value == "" {
			t.Errorf("%s: not written", what)
		}
	}
	return found
}
