package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// users returns the two kinds of app: one that runs as root, and one with a numeric user in a namespace that
// admits only restricted pods.
func users() map[string]struct{ level, security string } {
	return map[string]struct{ level, security string }{
		"root app":     {"baseline", ""},
		"numeric user": {"restricted", "runAsUser: 10001, runAsNonRoot: true"},
	}
}

// modes returns the values of the annotation native.
func modes() map[string]string {
	return map[string]string{"native": "true", "container": "false"}
}

// lines counts the lines printed by log-collector, by the app's text.
func lines(t *testing.T, collected string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for line := range strings.Lines(collected) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		record := struct{ Log string }{}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		found[record.Log]++
	}
	return found
}

func TestEachLineOfAnAppComesOutOfTheCollectorOnce(t *testing.T) {
	t.Parallel()
	for user, u := range users() {
		for mode, native := range modes() {
			t.Run(user+", "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, u.level)
				p.applyText(strings.NewReplacer("SECURITY", u.security, "NATIVE", native).Replace(read(t, "logs/app.yaml")))
				pod := p.ready("app=app")
				output := p.keepOutput(pod, "app-sc-log-collector")
				p.says("app", "app", "written")
				p.quiet()
				endings := p.stop("app")
				want := map[string]int{"line-last": 1}
				for n := range 60 {
					want[fmt.Sprintf("line-%d", n+1)] = 1
				}
				got := lines(t, output())
				for _, line := range slices.Sorted(maps.Keys(want)) {
					if got[line] != 1 {
						t.Errorf("%s came out %d times", line, got[line])
					}
				}
				reportTimes(t, "log-collector, "+mode, pod, endings, "app-sc-log-collector")
			})
		}
	}
}

// reportTimes reports how long a sidecar took to start, by the status of its pod when that was ready first, and
// to stop. It fails if stopping took longer than the pod's grace period. All times are whole seconds.
func reportTimes(t *testing.T, what string, pod *corev1.Pod, endings map[string]ending, container string) {
	t.Helper()
	after := func(at metav1.Time) float64 { return at.Sub(pod.CreationTimestamp.Time).Seconds() }
	started, ready := metav1.Time{}, metav1.Time{}
	if running := statusOf(pod, container).State.Running; running != nil {
		started = running.StartedAt
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			ready = condition.LastTransitionTime
		}
	}
	e, found := endings[container]
	if !found {
		t.Errorf("nobody saw how %s ended: %v", container, endings)
		return
	}
	if e.code == 137 {
		t.Errorf("%s did not end in its time, and was killed", container)
	}
	report("%s: started %.0f s after its pod was made, which was READY after %.0f s; stopped %.0f s after the deletion, exit code %d",
		what, after(started), after(ready), max(0, e.after.Seconds()), e.code)
}

// TestAShortGracePeriodLosesNoLine: the app's last line comes out also where the pod has less time to end than
// the collector would wait.
func TestAShortGracePeriodLosesNoLine(t *testing.T) {
	t.Parallel()
	for _, grace := range []string{"1", "2"} {
		for mode, native := range modes() {
			t.Run(grace+" s, "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, "baseline")
				p.applyText(strings.NewReplacer("SECURITY", "", "NATIVE", native, "spec:\n", "spec:\n  terminationGracePeriodSeconds: "+grace+"\n").Replace(read(t, "logs/app.yaml")))
				pod := p.ready("app=app")
				output := p.keepOutput(pod, "app-sc-log-collector")
				p.says("app", "app", "written")
				p.stop("app")
				if got := lines(t, output()); got["line-last"] != 1 || got["line-60"] != 1 {
					t.Errorf("the last line came out %d times, the one before it %d times", got["line-last"], got["line-60"])
				}
			})
		}
	}
}

// TestAShortJobLosesNoLine runs Jobs that end before, or while, the collector scans for files.
func TestAShortJobLosesNoLine(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	jobs := map[string]struct {
		script string
		want   []string
	}{
		"instant":   {"echo only >> /var/log/app/a.log", []string{"only"}},
		"seconds":   {"for i in 1 2 3; do echo $i >> /var/log/app/a.log; sleep 1; done", []string{"1", "2", "3"}},
		"late-file": {"sleep 3; echo late >> /var/log/app/late.log", []string{"late"}},
	}
	const each = 3
	for name, job := range jobs {
		for n := range each {
			p.applyText(strings.NewReplacer("NAME", fmt.Sprintf("%s-%d", name, n), "SCRIPT", job.script).Replace(read(t, "jobs/logs.yaml")))
		}
	}
	for name, job := range jobs {
		for n := range each {
			pod := p.finished(fmt.Sprintf("%s-%d", name, n))
			got := lines(t, p.kubectl("logs", pod.Name, "-c", "app-sc-log-collector"))
			for _, line := range job.want {
				if got[line] != 1 {
					t.Errorf("%s-%d: line %q came out %d times", name, n, line, got[line])
				}
			}
		}
	}
}

// TestFilesThatOutliveThePodAreReadAgainUnlessFromTheirEnd: where the collector stands is in the pod's own emptyDir.
func TestFilesThatOutliveThePodAreReadAgainUnlessFromTheirEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	for name, c := range map[string]struct {
		head   string
		before int
	}{"again": {"true", 1}, "end": {"false", 0}} {
		folder, err := os.MkdirTemp("", "kept")
		p.must(err)
		p.Cleanup(func() { os.RemoveAll(folder) })
		p.must(os.Chmod(folder, 0o755))
		file := filepath.Join(folder, "app.log")
		p.must(os.WriteFile(file, []byte("before\n"), 0o600))
		p.must(os.Chown(file, 10001, 10001))
		p.applyText(strings.NewReplacer("NAME", name, "HEAD", c.head, "FOLDER", folder).Replace(read(t, "logs/kept.yaml")))
		p.says(p.ready("app="+name).Name, "app-sc-log-collector", `"log":"now"`)
		if got := lines(t, p.kubectl("logs", name, "-c", "app-sc-log-collector")); got["before"] != c.before || got["now"] == 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestAnAppThatWritesMoreThanTheVolumeMayHoldIsEvicted: no log is rotated, and the collector deletes none.
// The kubelet's event names the volume. The pod's own status may not: if every container ends with 0, as this
// app does on SIGTERM, the kubelet may overwrite it with Succeeded.
func TestAnAppThatWritesMoreThanTheVolumeMayHoldIsEvicted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	p.applyText(strings.NewReplacer("    health-check.sidecar-injector.dev/interval: 1s\n", "    health-check.sidecar-injector.dev/interval: 1s\n    log-collector.sidecar-injector.dev/volumeSize: 2Mi\n",
		"while :; do", "head -c 4000000 /dev/urandom > /var/log/app/large; while :; do").Replace(read(t, "lifecycles/app.yaml")))
	p.until("eviction", func(ctx context.Context) error {
		events, err := suite.client.CoreV1().Events(p.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Evicted,involvedObject.name=app"})
		if err != nil {
			return err
		}
		for _, event := range events.Items {
			if strings.Contains(event.Message, `EmptyDir volume "sc-log-collector-volume" exceeds the limit "2Mi"`) {
				return nil
			}
		}
		return fmt.Errorf("%d events of an eviction", len(events.Items))
	})
	p.explained("app", "the cluster has ended the pod (Evicted): ", `EmptyDir volume "sc-log-collector-volume" exceeds the limit "2Mi"`)
	p.until("its end", func(ctx context.Context) error {
		pod, err := suite.client.CoreV1().Pods(p.namespace).Get(ctx, "app", metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			err = fmt.Errorf("phase %s", pod.Status.Phase)
		}
		return err
	})
}
