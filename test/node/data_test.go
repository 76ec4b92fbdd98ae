package main

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"
)

// store starts the pod of the stores and returns its name; its folder has their content.
func (p *place) store() string {
	p.Helper()
	p.apply("data/stores.yaml")
	return p.ready("app=store").Name
}

// holds waits until the store has a file, and returns its content.
func (p *place) holds(store, file string) string {
	p.Helper()
	text := ""
	p.until(file+" in the store", func(context.Context) error {
		out, err := p.try("exec", store, "-c", "s3", "--", "cat", "/data/bucket/"+file)
		text = strings.TrimSpace(out)
		return err
	})
	return text
}

func TestDataIsPushedToAStoreAndTheLastOfItAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"s3", "webdav"} {
		for user, u := range users() {
			for mode, native := range modes() {
				t.Run(secret+", "+user+", "+mode, func(t *testing.T) {
					t.Parallel()
					p := newPlace(t, u.level)
					store := p.store()
					p.applyText(strings.NewReplacer("SECURITY", u.security, "NATIVE", native, "SECRET", secret).Replace(read(t, "data/app.yaml")))
					pod := p.ready("app=app")
					if got := p.holds(store, "pushed/first"); got != "first" {
						t.Errorf("the store holds %q", got)
					}
					if out := p.kubectl("logs", "app", "-c", "app-sc-data-sync"); strings.Contains(out, "NOTICE") {
						t.Errorf("rclone gives notice of something, though all is well:\n%s", out)
					}
					p.quiet()
					endings := p.stop("app")
					if got := p.holds(store, "pushed/at-the-end"); got != "last" {
						t.Errorf("what was written last: %q", got)
					}
					if out, err := p.try("exec", store, "-c", "s3", "--", "ls", "/data/bucket/pushed/link"); err == nil {
						t.Errorf("the symbolic link was copied: %s", out)
					}
					if code := endings["app-sc-data-sync"].code; code != 0 {
						t.Errorf("the last run ended with exit code %d", code)
					}
					reportTimes(t, "data-sync, "+mode, pod, endings, "app-sc-data-sync")
				})
			}
		}
	}
}

func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	store := p.store()
	p.applyText(strings.NewReplacer("SECURITY", "", "NATIVE", "true", "SECRET", "webdav", "interval: 2s\n", "interval: 2s\n    data-sync.sidecar-injector.dev/maxAge: 10s\n").
		Replace(read(t, "data/app.yaml")))
	p.ready("app=app")
	p.holds(store, "pushed/first")
	p.kubectl("scale", "deployment/store", "--replicas=0")
	p.kubectl("wait", "--for=delete", "pod/"+store, "--timeout=2m")
	p.in("app", "app", "sh", "-c", "echo meanwhile > /data/meanwhile")
	p.described("app", "Readiness probe failed: the last success is ", "more than 10 s (maxAge); the log says why")
	p.kubectl("scale", "deployment/store", "--replicas=1")
	store = p.ready("app=store").Name
	if got := p.holds(store, "pushed/meanwhile"); got != "meanwhile" {
		t.Errorf("the store holds %q", got)
	}
	p.ready("app=app")
	p.quiet()
}

// TestAMirrorOfAFolderThatBeginsEmptyIsWarnedOf: what an earlier pod has copied is deleted.
func TestAMirrorOfAFolderThatBeginsEmptyIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	store := p.store()
	p.in(store, "s3", "sh", "-c", "mkdir /data/bucket/pushed; echo of-the-pod-before > /data/bucket/pushed/old")
	out, err := p.tryApply(strings.NewReplacer("SECURITY", "", "NATIVE", "true", "SECRET", "s3", "interval: 2s\n", "interval: 2s\n    data-sync.sidecar-injector.dev/operation: sync\n").
		Replace(read(t, "data/app.yaml")))
	p.must(err)
	if !strings.Contains(out, "its first run deletes from the storage") {
		t.Errorf("kubectl apply does not warn:\n%s", out)
	}
	p.ready("app=app")
	p.holds(store, "pushed/first")
	if out := p.in(store, "s3", "ls", "/data/bucket/pushed"); strings.Contains(out, "old") {
		t.Errorf("the store still has\n%s", out)
	}
}

// TestEachPodMayHaveAPlaceOfItsOwnInTheStore follows the recipe of docs/workloads.md.
func TestEachPodMayHaveAPlaceOfItsOwnInTheStore(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	store := p.store()
	p.applyText(strings.NewReplacer("SECURITY", "", "NATIVE", "true", "SECRET", "s3", "store:bucket/pushed", "mine:", "  annotations:\n", `  annotations:
    data-sync.sidecar-injector.dev/override: |
      ${app.name}-sc-${instance}:
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: RCLONE_CONFIG_MINE_TYPE, value: alias}
        - {name: RCLONE_CONFIG_MINE_REMOTE, value: "store:bucket/$(POD_NAME)"}
`).Replace(read(t, "data/app.yaml")))
	p.ready("app=app")
	if got := p.holds(store, "app/first"); got != "first" {
		t.Errorf("the store holds %q", got)
	}
}

func TestDataIsPulledBeforeTheAppStartsAndAfterThat(t *testing.T) {
	t.Parallel()
	for user, u := range users() {
		for mode, native := range modes() {
			t.Run(user+", "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, u.level)
				store := p.store()
				p.in(store, "s3", "sh", "-c", "echo one > /data/bucket/pull/one")
				p.applyText(strings.NewReplacer("SECURITY", u.security, "NATIVE", native).Replace(read(t, "data/pull.yaml")))
				pod := p.ready("app=app")
				p.says("app", "app", "at the start: one")
				p.in(store, "s3", "sh", "-c", "echo two > /data/bucket/pull/two")
				p.says("app", "app", "now: one two")
				p.quiet()
				reportTimes(t, "data-sync that pulls, "+mode, pod, p.stop("app"), "app-sc-data-sync")
			})
		}
	}
}

// TestAStoreThatNeverAnswersDoesNotKeepThePod: connections to a stopped process are accepted by the kernel,
// but never answered. The last run may take the rest of the pod's grace period, and no longer.
func TestAStoreThatNeverAnswersDoesNotKeepThePod(t *testing.T) {
	t.Parallel()
	const grace = 8 * time.Second
	for mode, native := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "baseline")
			p.apply("data/stores.yaml")
			store := p.ready("app=store")
			p.applyText(strings.NewReplacer("SECURITY", "", "NATIVE", native, "SECRET", "webdav",
				"interval: 2s\n", "interval: 2s\n    data-sync.sidecar-injector.dev/gracePeriod: 8s\n", "  containers:\n", "  terminationGracePeriodSeconds: 8\n  containers:\n").
				Replace(read(t, "data/app.yaml")))
			p.ready("app=app")
			p.holds(store.Name, "pushed/first")
			hanging := processes(t, store, "webdav")
			signalAll(t, hanging, syscall.SIGSTOP)
			defer signalAll(t, hanging, syscall.SIGCONT)
			endings := p.stop("app")
			if e := endings["app"]; e.code != 0 || e.after >= grace {
				t.Errorf("the app ended after %s with exit code %d", e.after, e.code)
			}
			// The kubelet of a busy node is seconds late. A run that kept the pod would take the minutes of rclone's own timeouts.
			if e := endings["app-sc-data-sync"]; e.after > 3*grace {
				t.Errorf("the last run took %s, of %s that the pod has", e.after, grace)
			}
			if e := endings["app-sc-data-sync"]; e.code == 0 {
				t.Errorf("the last run cannot have succeeded: %v", endings)
			}
			report("data-sync, %s, whose store never answers: ended %.0f s after the pod's deletion, of %.0f, with exit code %d",
				mode, endings["app-sc-data-sync"].after.Seconds(), grace.Seconds(), endings["app-sc-data-sync"].code)
		})
	}
}
