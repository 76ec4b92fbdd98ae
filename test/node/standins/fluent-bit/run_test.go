package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// collector is a run of the program on a folder of its own.
type collector struct {
	*testing.T
	dir, state string
	address    string
	env        map[string]string
	replace    []string
	out, log   *trial.Text
	stop       func() error // returns the result of run
}

func newCollector(t *testing.T, replace ...string) *collector {
	c := &collector{T: t, dir: t.TempDir(), state: t.TempDir(), env: environment(), replace: replace}
	c.env["LOG_PATH"] = c.dir + "/*.log"
	c.env["LOG_REFRESH_SECONDS"] = "1"
	c.address, c.env["HTTP_PORT"] = trial.FreeAddress(t)
	return c
}

func (c *collector) start() {
	c.Helper()
	config := strings.NewReplacer(append(c.replace, "flush: 1", "flush: 0.1", "/state", c.state, "    multiline.parser: ${LOG_MULTILINE}\n", "")...).Replace(asTemplate)
	path := filepath.Join(c.state, "fluent-bit.yaml")
	trial.Must(c, os.WriteFile(path, []byte(config), 0o600))
	c.out, c.log = &trial.Text{}, &trial.Text{}
	c.stop = trial.Start(c.T, func(ctx context.Context) error {
		return run(ctx, []string{"--config=" + path}, lookupIn(c.env), c.out, c.log)
	})
}

func (c *collector) write(name, lines string) {
	c.Helper()
	f, err := os.OpenFile(filepath.Join(c.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	trial.Must(c, err)
	defer f.Close()
	if _, err := f.WriteString(lines); err != nil {
		c.Fatal(err)
	}
}

// messages returns the records' lines, in order.
func (c *collector) messages() string {
	var all []string
	for line := range strings.Lines(c.out.String()) {
		var r struct{ Log string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			c.Errorf("%q: %v", line, err)
		}
		all = append(all, r.Log)
	}
	return strings.Join(all, "|")
}

func (c *collector) wait(what string, done func() bool) {
	c.Helper()
	for deadline := time.Now().Add(15 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("timeout: %s\nout: %s\nlog: %s", what, c.out, c.log)
		}
	}
}

func (c *collector) waitMessages(want string) {
	c.Helper()
	c.wait("messages "+want, func() bool { return c.messages() == want })
}

func (c *collector) get(path string) (int, string) {
	return trial.Get("http://" + c.address + path)
}

func TestRecordsHaveTheFieldsOfThePod(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.write("a.log", "<one>\n")
	c.start()
	c.waitMessages("<one>")
	const want = `,"log":"<one>","namespace":"shop","pod":"web-1","container":"web","node":"node-1"}` + "\n"
	if got := c.out.String(); !strings.HasPrefix(got, `{"date":`) || !strings.HasSuffix(got, want) {
		t.Errorf("got %s", got)
	}
}

func TestFilesAreFollowed(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.write("a.log", "1\n")
	c.write("debug.log", "left out\n")
	c.write("a.txt", "left out\n")
	c.start()
	c.waitMessages("1")
	c.write("a.log", "2\n") // by inotify
	c.waitMessages("1|2")
	c.write("b.log", "3\n") // by the next scan
	c.waitMessages("1|2|3")
	trial.Must(t, os.Truncate(filepath.Join(c.dir, "b.log"), 0))
	c.wait("truncation", func() bool { return strings.Contains(c.log.String(), "truncated") })
	c.write("b.log", "4\n")
	c.waitMessages("1|2|3|4")
	trial.Must(t, os.Rename(filepath.Join(c.dir, "a.log"), filepath.Join(c.dir, "a.log.1")))
	c.write("a.log.1", "5\n") // the app still has the file open
	c.waitMessages("1|2|3|4|5")
	c.write("a.log", "6\n")
	c.waitMessages("1|2|3|4|5|6")
}

func TestARotatedFileWhosePatternMatchesIsReadAgain(t *testing.T) {
	t.Parallel()
	c := newCollector(t, "skip_long_lines: on", "skip_long_lines: on\n    rotate_wait: 1")
	c.write("a.log", "1\n")
	c.start()
	c.waitMessages("1")
	trial.Must(t, os.Rename(filepath.Join(c.dir, "a.log"), filepath.Join(c.dir, "b.log")))
	c.waitMessages("1|1")
}

func TestNoScanAtTheEnd(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.env["LOG_REFRESH_SECONDS"] = "3600"
	c.write("a.log", "1\n")
	c.start()
	c.waitMessages("1")
	c.write("a.log", "2\n")
	c.write("b.log", "never seen\n")
	c.wait("the second line", func() bool {
		_, metrics := c.get("/api/v2/metrics/prometheus")
		return strings.Contains(metrics, `fluentbit_input_records_total{name="tail.0"} 2`)
	})
	trial.Must(t, c.stop())
	if got := c.messages(); got != "1|2" {
		t.Errorf("got %s", got)
	}
}

func TestARestartNeitherRepeatsNorLosesLines(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.write("a.log", "1\n2\nhalf")
	c.start()
	c.waitMessages("1|2")
	c.stop()
	c.write("a.log", " and half\n3\n")
	c.start()
	c.waitMessages("half and half|3")
}

func TestFilesThatAreThereAtTheStartMayBeReadFromTheirEnd(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.env["LOG_FROM_HEAD"] = "false"
	c.write("a.log", "old\n")
	c.start()
	c.wait("the file", func() bool { return strings.Contains(c.log.String(), "a.log") })
	c.write("a.log", "new\n")
	c.write("b.log", "later\n")
	c.waitMessages("new|later")
}

func TestTheServerAnswers(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.write("a.log", "1\n")
	c.start()
	c.wait("delivery", func() bool {
		_, metrics := c.get("/api/v1/metrics/prometheus")
		return strings.Contains(metrics, `fluentbit_output_proc_records_total{name="stdout.0"} 1`)
	})
	for path, want := range map[string]int{"/": 200, "/api/v1/health": 200, "/api/v1/uptime": 200, "/nowhere": 404} {
		if got, body := c.get(path); got != want {
			t.Errorf("%s: got %d %s", path, got, body)
		}
	}
}

func TestALineThatIsTooLongIsLeftOut(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.write("a.log", "1\n"+strings.Repeat("x", 300<<10)+"\n2\n")
	c.start()
	c.waitMessages("1|2")
	if !strings.Contains(c.log.String(), "Skipping long lines") {
		t.Error("the log does not say so")
	}
}

func TestOfALineThatIsTooLongTheBeginningIsSent(t *testing.T) {
	t.Parallel()
	c := newCollector(t, "skip_long_lines: on", "skip_long_lines: on\n    truncate_long_lines: on")
	c.write("a.log", "1\n"+strings.Repeat("x", 300<<10)+"\n2\n")
	c.start()
	c.waitMessages("1|" + strings.Repeat("x", 256<<10) + "|2")
}

// A thread with another file system user ID does not have root's permissions.
func TestAFileThatMayNotBeOpenedIsAnErrorInTheLogOnly(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user for a moment")
	}
	dir := t.TempDir()
	for path, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: 0o755} {
		trial.Must(t, os.Chmod(path, mode))
	}
	trial.Must(t, os.WriteFile(filepath.Join(dir, "a.log"), []byte("secret\n"), 0o600))
	out := &trial.Text{}
	tail, err := newTail(tailOptions{paths: []string{dir + "/*.log"}, longestLine: 100}, newLog(out, "error").of("input:tail:tail.0"), func(line string) { t.Errorf("got %s", line) })
	trial.Must(t, err)
	defer tail.close()
	scanned := make(chan struct{})
	go func() {
		defer close(scanned)
		runtime.LockOSThread() // the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			t.Error(err)
		}
		tail.scan(true)
	}()
	<-scanned
	if got := out.String(); !strings.Contains(got, "[error] [input:tail:tail.0] cannot open "+dir+"/a.log: ") || !strings.Contains(got, "permission denied") {
		t.Errorf("log: %s", got)
	}
}

// receiving is a server that records requests, and may return errors at first.
type receiving struct {
	mu       sync.Mutex
	failures []int
	requests []string
}

func (s *receiving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) > 0 {
		w.WriteHeader(s.failures[0])
		s.failures = s.failures[1:]
		return
	}
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	s.requests = append(s.requests, fmt.Sprintf("%s %s %s %s:%s %s", r.Method, r.URL, r.Header.Get("X-Scope-OrgID"), user, password, body))
}

func (s *receiving) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.requests, "\n")
}
