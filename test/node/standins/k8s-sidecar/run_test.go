package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// sidecar is a run of the program with an API server and an app of its own.
type sidecar struct {
	*testing.T
	api    *apiServer
	server *httptest.Server
	app    *app
	folder string
	env    []string
	log    *trial.Text
	health string
	stop   func() error // returns the result of run
}

// app counts the calls of its reload URL.
type app struct {
	mu       sync.Mutex
	calls    []string
	failures int
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	user, password, _ := r.BasicAuth()
	a.calls = append(a.calls, fmt.Sprintf("%s %s %s:%s", r.Method, r.URL, user, password))
	if a.failures > 0 {
		a.failures--
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

func newSidecar(t *testing.T, env ...string) *sidecar {
	t.Parallel()
	s := &sidecar{T: t, api: newAPIServer(), app: &app{}, folder: filepath.Join(t.TempDir(), "conf"), log: &trial.Text{}}
	s.server = httptest.NewServer(s.api)
	reload := httptest.NewServer(s.app)
	t.Cleanup(reload.Close)
	t.Cleanup(func() { s.server.CloseClientConnections(); s.server.Close() })
	health, port := trial.FreeAddress(t)
	s.health = health
	s.env = append([]string{
		"LABEL=config", "FOLDER=" + s.folder, "RESOURCE=both", "REQ_URL=" + reload.URL + "/-/reload", "REQ_METHOD=POST",
		"REQ_USERNAME=u", "REQ_PASSWORD=p", "REQ_RETRY_BACKOFF_FACTOR=0.01", "ERROR_THROTTLE_SLEEP=0.1", "LOG_LEVEL=DEBUG",
		"HEALTH_PORT=" + port,
	}, env...)
	return s
}

func (s *sidecar) run(ctx context.Context) error {
	settings, err := newSettings(s.env)
	if err != nil {
		return err
	}
	return run(ctx, settings, &rest.Config{Host: s.server.URL}, "shop", s.log)
}

func (s *sidecar) start() {
	s.log = &trial.Text{}
	s.stop = trial.Start(s.T, s.run)
}

// files returns the files of the folder with their contents.
func (s *sidecar) files() map[string]string {
	all := map[string]string{}
	_ = filepath.WalkDir(s.folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			content, _ := os.ReadFile(path)
			all[strings.TrimPrefix(path, s.folder+"/")] = string(content)
		}
		return nil
	})
	return all
}

func (s *sidecar) wait(what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(15 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("timeout: %s\nfiles: %v\nlog: %s", what, s.files(), s.log)
		}
	}
}

func (s *sidecar) waitFiles(want map[string]string) {
	s.Helper()
	s.wait(fmt.Sprint(want), func() bool { return cmp.Equal(s.files(), want) })
}

func (s *sidecar) healthz() int {
	status, _ := trial.Get("http://" + s.health + "/healthz")
	return status
}

func (s *sidecar) waitWatches(n int) {
	s.Helper()
	s.wait("watches", func() bool {
		s.api.mu.Lock()
		defer s.api.mu.Unlock()
		return len(s.api.watches) == n
	})
}

func TestFilesFollowTheObjects(t *testing.T) {
	s := newSidecar(t, "METHOD=WATCH")
	c := configMap("c", map[string]string{"a.yaml": "1", "b.yaml": "2"})
	c.BinaryData = map[string][]byte{"c.bin": {0, 1}}
	s.api.put(c)
	s.api.put(secret("s", map[string][]byte{"d.yaml": []byte("3")}))
	other := configMap("other", map[string]string{"e.yaml": "4"})
	other.Labels = nil
	s.api.put(other)
	s.start()
	s.waitFiles(map[string]string{"a.yaml": "1", "b.yaml": "2", "c.bin": "\x00\x01", "d.yaml": "3"})
	s.waitWatches(2)
	calls := s.app.count()
	s.api.put(configMap("c", map[string]string{"a.yaml": "5"}))
	s.waitFiles(map[string]string{"a.yaml": "5", "d.yaml": "3"})
	s.api.delete(secret("s", map[string][]byte{"d.yaml": []byte("3")}))
	s.waitFiles(map[string]string{"a.yaml": "5"})
	s.wait("calls", func() bool { return s.app.count() == calls+2 })
	if got, want := s.app.calls[0], "POST /-/reload u:p"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := s.healthz(); got != http.StatusOK {
		t.Errorf("health %d", got)
	}
}

func TestWithSkipInitNothingIsCalledUntilAChange(t *testing.T) {
	s := newSidecar(t, "METHOD=WATCH", "REQ_SKIP_INIT=true")
	gone := configMap("gone", map[string]string{"gone.yaml": "1"})
	s.api.put(gone)
	s.api.put(configMap("c", map[string]string{"a.yaml": "1"}))
	for range 2 {
		s.start()
		s.waitWatches(2)
		s.wait("the watch's events", func() bool { return strings.Count(s.log.String(), "Working on ADDED") >= 1 })
		if n := s.app.count(); n != 0 {
			t.Errorf("%d calls", n)
		}
		s.stop()
		s.waitWatches(0)
		s.api.delete(gone) // while it is down
	}
	s.start()
	s.waitWatches(2)
	s.api.put(configMap("c", map[string]string{"a.yaml": "2"}))
	s.waitFiles(map[string]string{"a.yaml": "2", "gone.yaml": "1"})
	s.wait("a call", func() bool { return s.app.count() == 1 })
}

func TestAfterARestartAChangeIsCalledAndADeletionIsNotSeen(t *testing.T) {
	s := newSidecar(t, "METHOD=WATCH")
	gone := configMap("gone", map[string]string{"gone.yaml": "1"})
	s.api.put(gone)
	s.api.put(configMap("c", map[string]string{"a.yaml": "1"}))
	s.start()
	s.waitWatches(2)
	s.stop()
	s.waitWatches(0)
	calls := s.app.count()
	s.api.delete(gone)
	s.api.put(configMap("c", map[string]string{"a.yaml": "2"}))
	s.start()
	s.waitFiles(map[string]string{"a.yaml": "2", "gone.yaml": "1"})
	s.waitWatches(2)
	if got := s.app.count(); got != calls+1 {
		t.Errorf("%d calls after the restart, want one", got-calls)
	}
}

func TestAURLThatDoesNotAnswerIsGivenUp(t *testing.T) {
	s := newSidecar(t, "METHOD=WATCH", "REQ_RETRY_TOTAL=1", "RESOURCE=configmap")
	s.app.failures = 2
	s.api.put(configMap("c", map[string]string{"a.yaml": "1"}))
	s.start()
	s.waitWatches(1)
	if got := s.app.count(); got != 2 || !strings.Contains(s.log.String(), "Max retries exceeded") {
		t.Errorf("%d calls, and it says\n%s", got, s.log)
	}
}

func TestWithoutRightsItIsNeverHealthyAndExits(t *testing.T) {
	for _, method := range []string{"WATCH", "LIST"} {
		t.Run(method, func(t *testing.T) {
			s := newSidecar(t, "METHOD="+method)
			s.api.forbidden = true
			s.api.put(configMap("c", map[string]string{"a.yaml": "1"}))
			if err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "ApiException when calling kubernetes: (403)\nReason: Forbidden") {
				t.Errorf("got %v", err)
			}
			if strings.Contains(s.log.String(), "is ready") {
				t.Errorf("it says\n%s", s.log)
			}
		})
	}
}

func TestListEndsAfterOnePass(t *testing.T) {
	s := newSidecar(t, "METHOD=LIST", "RESOURCE=configmap", "DEFAULT_FILE_MODE=600")
	s.api.put(configMap("c", map[string]string{"a.yaml": "1"}))
	if err := s.run(t.Context()); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(s.folder, "a.yaml"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestSleepSeesWhatIsGone(t *testing.T) {
	s := newSidecar(t, "METHOD=SLEEP", "SLEEP_TIME=0.05", "NAMESPACE=ALL")
	c := configMap("c", map[string]string{"a.yaml": "1"})
	s.api.put(c)
	s.start()
	s.waitFiles(map[string]string{"a.yaml": "1"})
	s.api.delete(c)
	s.waitFiles(map[string]string{})
}

func TestNamesOfFiles(t *testing.T) {
	s := newSidecar(t, "METHOD=WATCH", "UNIQUE_FILENAMES=true", "FOLDER_ANNOTATION=folder")
	c := configMap("c", map[string]string{"a.yaml": "1"})
	c.Annotations = map[string]string{"folder": "sub"}
	s.api.put(c)
	s.start()
	s.waitFiles(map[string]string{"sub/namespace_shop.configmap_c.a.yaml": "1"})
}

func TestTheScriptRunsAndTheURLIsTriedAgain(t *testing.T) {
	script := filepath.Join(t.TempDir(), "run.sh")
	s := newSidecar(t, "METHOD=WATCH", "SCRIPT="+script)
	trial.Must(t, os.WriteFile(script, []byte("echo ran > "+s.folder+"/ran"), 0o600))
	s.app.failures = 2
	s.api.put(configMap("c", map[string]string{"a.yaml": "1"}))
	s.start()
	s.waitFiles(map[string]string{"a.yaml": "1", "ran": "ran\n"})
	s.wait("three calls", func() bool { return s.app.count() == 3 })
}
