package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// TestMain answers git's questions for credentials: git runs the current program for that, which is this
// test.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Getenv(askVariable) != "" {
		fmt.Println(answer(os.Args[1], os.Getenv))
		return
	}
	os.Exit(m.Run())
}

// upstream is a repository to synchronise.
type upstream struct {
	*testing.T
	dir string
}

func newUpstream(t *testing.T) upstream {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	t.Parallel()
	u := upstream{t, t.TempDir()}
	u.git("init", "--initial-branch=main")
	return u
}

func (u upstream) git(args ...string) string {
	u.Helper()
	args = append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*"}, args...)
	command := exec.Command("git", args...)
	command.Dir = u.dir
	out, err := command.CombinedOutput()
	if err != nil {
		u.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit returns the hash.
func (u upstream) commit(content string) string {
	u.Helper()
	trial.Must(u, os.WriteFile(filepath.Join(u.dir, "page"), []byte(content), 0o600))
	u.git("add", ".")
	u.git("commit", "-m", content)
	return u.git("rev-parse", "HEAD")
}

func (u upstream) url() string { return "file://" + u.dir }

// sidecar is a run of the program.
type sidecar struct {
	*testing.T
	folder, address string
	log             *trial.Text
	stop            func() error // returns the result of run
}

func start(t *testing.T, args ...string) *sidecar {
	t.Helper()
	s := &sidecar{T: t, folder: t.TempDir(), log: &trial.Text{}}
	s.address, _ = trial.FreeAddress(t)
	args = append([]string{
		"--root=" + s.folder + "/.git-sync-a", "--link=" + s.folder + "/current", "--period=50ms", "--max-failures=-1",
		"--group-write", "--http-bind=" + s.address, "--http-metrics",
	}, args...)
	s.stop = trial.Start(t, func(ctx context.Context) error { return run(ctx, args, environ(t), s.log) })
	return s
}

// environ is this process's environment with another home.
func environ(t *testing.T) []string { return append(os.Environ(), "HOME="+t.TempDir()) }

func once(t *testing.T, args ...string) error {
	return run(t.Context(), append([]string{"--one-time", "--period=10ms"}, args...), environ(t), io.Discard)
}

func TestWithoutAHomeItDoesNotStart(t *testing.T) {
	u := newUpstream(t)
	u.commit("one")
	err := run(t.Context(), []string{"--one-time", "--repo=" + u.url(), "--root=" + t.TempDir()}, []string{"HOME=/proc", "PATH=" + os.Getenv("PATH")}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "git config") {
		t.Errorf("got %v", err)
	}
}

func (s *sidecar) page() string {
	content, _ := os.ReadFile(filepath.Join(s.folder, "current", "page"))
	return string(content)
}

func (s *sidecar) get(path string) (int, string) {
	return trial.Get("http://" + s.address + path)
}

func (s *sidecar) wait(what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("timeout: %s\n%s", what, s.log)
		}
	}
}

func TestTheLinkFollowsTheRepository(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("one")
	s := start(t, "--repo="+u.url())
	s.wait("the first checkout", func() bool { return s.page() == "one" })
	second := u.commit("two")
	s.wait("the second checkout", func() bool { return s.page() == "two" })
	target, err := os.Readlink(s.folder + "/current")
	if want := ".git-sync-a/.worktrees/" + second; err != nil || target != want {
		t.Errorf("the link is %q, want %q, %v", target, want, err)
	}
	s.wait("the end of the first worktree", func() bool {
		_, err := os.Stat(s.folder + "/.git-sync-a/.worktrees/" + first)
		return os.IsNotExist(err)
	})
	s.wait("metrics", func() bool {
		_, metrics := s.get("/metrics")
		return strings.Contains(metrics, `git_sync_count_total{status="success"} 2`) && strings.Contains(metrics, `git_sync_count_total{status="noop"}`)
	})
	info, err := os.Stat(s.folder + "/current/page")
	if err != nil || info.Mode()&0o020 == 0 {
		t.Errorf("the group may not write: %v, %v", info.Mode(), err)
	}
}

func TestASubmoduleMayBeNamedRelativeToItsRepository(t *testing.T) {
	module, u := newUpstream(t), upstream{t, t.TempDir()}
	module.commit("of the module")
	u.git("init", "--initial-branch=main")
	u.git("-c", "protocol.file.allow=always", "submodule", "add", module.url(), "module")
	u.git("config", "--file=.gitmodules", "submodule.module.url", "../"+filepath.Base(module.dir))
	u.commit("one")
	folder := t.TempDir()
	allowed := append(environ(t), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.file.allow", "GIT_CONFIG_VALUE_0=always")
	trial.Must(t, run(t.Context(), []string{"--one-time", "--repo=" + u.url(), "--root=" + folder + "/root", "--link=" + folder + "/current"}, allowed, io.Discard))
	if got, err := os.ReadFile(folder + "/current/module/page"); string(got) != "of the module" {
		t.Errorf("the module has %q, %v", got, err)
	}
}

func TestTheServerSaysWhetherThereIsACheckout(t *testing.T) {
	u := newUpstream(t)
	s := start(t, "--repo="+u.url())
	s.wait("a failure", func() bool { return strings.Contains(s.log.String(), "error syncing repo") })
	if got, _ := s.get("/"); got != http.StatusServiceUnavailable {
		t.Errorf("before: %d", got)
	}
	u.commit("one")
	s.wait("readiness", func() bool { got, _ := s.get("/"); return got == http.StatusOK })
	if got := s.page(); got != "one" {
		t.Errorf("page %q", got)
	}
}

func TestARestartKeepsTheCheckout(t *testing.T) {
	u := newUpstream(t)
	u.commit("one")
	root := t.TempDir()
	trial.Must(t, os.WriteFile(root+"/other", nil, 0o600))
	var before os.FileInfo
	for range 2 {
		trial.Must(t, once(t, "--repo="+u.url(), "--root="+root, "--link=current"))
		after, err := os.Stat(root + "/current/page")
		if err != nil || before != nil && !os.SameFile(before, after) {
			t.Fatalf("the file is another one: %v", err)
		}
		before = after
	}
	if _, err := os.Stat(root + "/other"); err == nil {
		t.Error("the root was not emptied")
	}
}

func TestRefs(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("one")
	u.git("tag", "-a", "v1", "-m", "one")
	u.git("branch", "old")
	u.commit("two")
	for ref, want := range map[string]string{"HEAD": "two", "main": "two", "v1": "one", "old": "one", first: "one"} {
		t.Run(ref, func(t *testing.T) {
			root := t.TempDir()
			trial.Must(t, once(t, "--repo="+u.url(), "--ref="+ref, "--root="+root, "--link=current", "--depth=0"))
			if content, _ := os.ReadFile(root + "/current/page"); string(content) != want {
				t.Errorf("got %q", content)
			}
		})
	}
	if err := once(t, "--repo="+u.url(), "--ref=nowhere", "--root="+t.TempDir(), "--max-failures=2"); err == nil || !strings.Contains(err.Error(), "too many failures") {
		t.Errorf("got %v", err)
	}
}

func TestAPasswordForHTTP(t *testing.T) {
	u := newUpstream(t)
	u.commit("one")
	core, err := exec.Command("git", "--exec-path").Output()
	trial.Must(t, err)
	backend := &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"),
		Env:    []string{"GIT_PROJECT_ROOT=" + u.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
		Stderr: io.Discard,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p: '%" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()
	root := t.TempDir()
	common := []string{"--repo=" + server.URL + "/.git", "--root=" + root, "--link=current", "--username=u"}
	if err := once(t, append(common, "--password=wrong")...); err == nil {
		t.Error("want an error for a wrong password")
	}
	trial.Must(t, once(t, append(common, "--password=p: '%")...))
	if content, _ := os.ReadFile(root + "/current/page"); string(content) != "one" {
		t.Errorf("got %q", content)
	}
}

func TestTheWebhookIsCalledUntilItSucceeds(t *testing.T) {
	u := newUpstream(t)
	hash := u.commit("one")
	calls := make(chan string, 10)
	failures := 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures > 0 {
			failures--
			w.WriteHeader(http.StatusBadGateway)
		}
		calls <- r.Method + " " + r.Header.Get("Gitsync-Hash")
	}))
	defer server.Close()
	start(t, "--repo="+u.url(), "--webhook-url="+server.URL, "--webhook-method=PUT", "--webhook-backoff=10ms")
	for range 2 {
		select {
		case got := <-calls:
			if got != "PUT "+hash {
				t.Errorf("got %s", got)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("no call")
		}
	}
}
