package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAnUpgradeOfTheChartAndTheWayBackLoseNoPod installs the previous chart, upgrades it to the current one and
// rolls that back, while pods are created. Both use the current program: the chart's objects and the rollout are tested.
func TestAnUpgradeOfTheChartAndTheWayBackLoseNoPod(t *testing.T) {
	p := newPlace(t, "restricted")
	former, name := formerChart(t)
	upgrade := func(chart string, values ...string) {
		t.Helper()
		args := append([]string{"upgrade", injector, chart, "--namespace", injector, "--reset-values", "--wait", "--set", "image.tag=" + injectorVersion}, values...)
		_, err := capture(suite.helm(t.Context(), args...))
		p.must(err)
	}
	today := filepath.Join(repository, "charts/sidecar-injector")
	if former == "" {
		former, name = today, "of today with other values"
		upgrade(former, "--set", "logLevel=debug,webhook.timeoutSeconds=3")
	} else {
		upgrade(former)
	}
	defer upgrade(today)

	span, stop := context.WithCancel(t.Context())
	created, faults := make(chan string, 10_000), []string(nil)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for pause(span, 20*time.Millisecond) {
				created <- p.createOne(t.Context())
			}
		})
	}
	pause(t.Context(), 2*time.Second)
	begun := time.Now()
	upgrade(today)
	took := time.Since(begun)
	pause(t.Context(), 2*time.Second)
	begun = time.Now()
	_, err := capture(suite.helm(t.Context(), "rollback", injector, "--namespace", injector, "--wait"))
	p.must(err)
	back := time.Since(begun)
	pause(t.Context(), 2*time.Second)
	stop()
	workers.Wait()
	close(created)
	count := len(created)
	for fault := range created {
		if fault != "" {
			faults = append(faults, fault)
		}
	}
	if len(faults) > 0 || count < 50 {
		t.Errorf("%d of %d pods were not injected, such as %v", len(faults), count, faults[:min(len(faults), 3)])
	}
	report("an upgrade from the chart %s took %.1f s, the way back %.1f s; %d pods were created meanwhile, and %d without sidecars",
		name, took.Seconds(), back.Seconds(), count, len(faults))
}

// createOne creates a pod by a dry run whose review does not show that it is one, and returns why it has no
// sidecar, "" if it has.
func (p *place) createOne(ctx context.Context) string {
	no := false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "web-", Annotations: map[string]string{"sidecar-injector.dev/inject": "log-collector"}},
		Spec: corev1.PodSpec{AutomountServiceAccountToken: &no, Containers: []corev1.Container{{
			Name: "app", Image: pauseImage, SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, RunAsNonRoot: new(true), RunAsUser: new(int64(10001)),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		}}},
	}
	made, err := suite.client.CoreV1().Pods(p.namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err != nil:
		return err.Error()
	case len(made.Spec.InitContainers) != 1:
		return fmt.Sprintf("%d sidecars", len(made.Spec.InitContainers))
	}
	return ""
}

// formerChart unpacks the chart of the last release or, if there is none, the chart before its last change.
// folder is "" if the clone is too shallow.
func formerChart(t *testing.T) (folder, name string) {
	t.Helper()
	git := func(args ...string) string {
		out, _ := capture(exec.CommandContext(t.Context(), "git", append([]string{"-C", repository, "-c", "safe.directory=*"}, args...)...))
		return strings.TrimSpace(out)
	}
	revision := git("describe", "--tags", "--abbrev=0", "HEAD^")
	if revision == "" {
		revision = git("log", "-1", "--skip=1", "--format=%h", "--", "charts")
	}
	if revision == "" {
		return "", ""
	}
	folder = t.TempDir()
	archive := filepath.Join(folder, "chart.tar")
	git("archive", "-o", archive, revision, "charts/sidecar-injector")
	if err := output(t.Context(), "tar", "-C", folder, "-xf", archive); err != nil {
		t.Fatalf("chart of %s: %v", revision, err)
	}
	return filepath.Join(folder, "charts/sidecar-injector"), "of " + revision
}
