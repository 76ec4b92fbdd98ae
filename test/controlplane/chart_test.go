//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTheAPIServerTakesEveryRenderingOfTheChart installs the chart and upgrades it from one
// file of values to the next: no rendering is refused, none conflicts with the one before.
func TestTheAPIServerTakesEveryRenderingOfTheChart(t *testing.T) {
	installForeignKinds(t)
	installChart(t)
	files, err := filepath.Glob(chartFolder + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, chartFolder+"/values-ha.yaml", chartFolder+"/values-dev.yaml") {
		if err := upgradeChart(t, "--values", file); err != nil {
			t.Error(err)
		}
	}
}

// TestUninstallingTheChartLeavesOnlyWhatItIsToldToKeep looks at all objects of the cluster.
func TestUninstallingTheChartLeavesOnlyWhatItIsToldToKeep(t *testing.T) {
	kept := []string{
		"customresourcedefinitions.apiextensions.k8s.io clustersidecartemplates.sidecar-injector.dev",
		"customresourcedefinitions.apiextensions.k8s.io sidecartemplates.sidecar-injector.dev",
	}
	for keep, want := range map[string][]string{"true": kept, "false": nil} {
		t.Run("crds.keep="+keep, func(t *testing.T) {
			newReleaseNamespace(t)
			t.Cleanup(func() { dropCRDs(t) })
			before := inventory(t)
			mustHelm(t, "install", releaseName, chartFolder, "--namespace", releaseName, "--set", "crds.keep="+keep)
			if n := len(more(before, inventory(t))); n < 15 {
				t.Errorf("only %d objects were installed", n)
			}
			podsComeUp(t, 2)
			mustHelm(t, "uninstall", releaseName, "--namespace", releaseName)
			err := eventually(t.Context(), time.Minute, func(context.Context) error {
				if diff := cmp.Diff(want, more(before, inventory(t))); diff != "" {
					return fmt.Errorf("what is left (-want +got):\n%s", diff)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// podsComeUp waits until the chart's pods are there: neither Pod Security nor a quota
// nor a priority class keeps them away.
func podsComeUp(t *testing.T, want int) {
	t.Helper()
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		pods, err := suite.client.CoreV1().Pods(releaseName).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=sidecar-injector"})
		if err == nil && len(pods.Items) != want {
			err = fmt.Errorf("%d pods, want %d; events:\n%s", len(pods.Items), want, events(t, releaseName))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPeopleWithoutHelmApplyTheManifests takes the file that make manifests writes.
func TestPeopleWithoutHelmApplyTheManifests(t *testing.T) {
	if _, err := output(repository, "make", "--no-print-directory", "manifests"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		kubectl(t, "delete", "--ignore-not-found", "-f", repository+"/dist/install.yaml")
	})
	for _, args := range [][]string{{"--server-side"}, {"--server-side"}, {}} {
		out := kubectl(t, append([]string{"apply", "-f", repository + "/dist/install.yaml"}, args...)...)
		if n := strings.Count(out, "\n"); n < 15 {
			t.Errorf("kubectl apply %v took %d objects:\n%s", args, n, out)
		}
	}
	webhooks, err := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "sidecar-injector", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if service := webhooks.Webhooks[0].ClientConfig.Service; service.Namespace != "sidecar-injector" {
		t.Errorf("the API server calls %+v", service)
	}
	if crds := strings.Fields(kubectl(t, "get", "crd", "-o", "name")); !slices.Contains(crds, "customresourcedefinition.apiextensions.k8s.io/sidecartemplates.sidecar-injector.dev") {
		t.Errorf("custom resources: %v", crds)
	}
}
