package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

// asTemplate is the configuration that the template log-collector writes into its annotation.
const asTemplate = `service:
  flush: 1
  grace: 10
  log_level: ${LOG_LEVEL}
  http_server: on
  http_listen: ${HTTP_LISTEN}
  http_port: ${HTTP_PORT}
pipeline:
  inputs:
  - name: tail
    tag: ${LOG_TAG}
    path: ${LOG_PATH}
    read_from_head: ${LOG_FROM_HEAD}
    refresh_interval: ${LOG_REFRESH_SECONDS}
    db: /state/tail.db
    db.locking: true
    buffer_max_size: 256k
    skip_long_lines: on
    mem_buf_limit: 16MB
    exclude_path: ${LOG_EXCLUDE}
    multiline.parser: ${LOG_MULTILINE}
  filters:
  - name: record_modifier
    match: '*'
    record:
    - namespace ${POD_NAMESPACE}
    - pod ${POD_NAME}
    - container ${APP_CONTAINER}
    - node ${NODE_NAME}
  outputs:
  - name: stdout
    match: '*'
    format: json_lines
`

func environment() map[string]string {
	return map[string]string{
		"LOG_LEVEL": "info", "HTTP_LISTEN": "127.0.0.1", "HTTP_PORT": "2020", "LOG_TAG": "logs",
		"LOG_PATH": "/logs/*.log,/logs/*.txt", "LOG_FROM_HEAD": "true", "LOG_REFRESH_SECONDS": "0.500000000",
		"LOG_EXCLUDE": "*/debug*.log", "LOG_MULTILINE": "java",
		"POD_NAMESPACE": "shop", "POD_NAME": "web-1", "APP_CONTAINER": "web", "NODE_NAME": "node-1",
	}
}

func lookupIn(m map[string]string) lookup {
	return func(name string) (string, bool) { value, ok := m[name]; return value, ok }
}

func engineOf(text string, env map[string]string) (*engine, error) {
	doc, err := parse([]byte(text), lookupIn(env))
	if err != nil {
		return nil, err
	}
	return newEngine(doc, io.Discard, io.Discard)
}

func TestTheTemplatesConfigurationIsRead(t *testing.T) {
	e, err := engineOf(asTemplate, environment())
	trial.Must(t, err)
	o := e.inputs[0]
	if len(o.paths) != 2 || !o.fromHead || !o.multiline || !o.skipLongLine || o.longestLine != 256<<10 || o.refresh != 500*time.Millisecond {
		t.Errorf("input: %+v", o)
	}
	if e.address != "127.0.0.1:2020" || e.grace.Seconds() != 10 {
		t.Errorf("service: %+v", e.serviceOptions)
	}
	if add := e.filters[0].add; len(add) != 4 || add[0] != (field{"namespace", "shop"}) {
		t.Errorf("filter: %v", add)
	}
}

func TestAValueIsNeverStructure(t *testing.T) {
	env := environment()
	env["POD_NAME"] = "a: {b\n- c: ${NODE_NAME}"
	e, err := engineOf(asTemplate, env)
	trial.Must(t, err)
	if got := e.filters[0].add[1].value; got != env["POD_NAME"] {
		t.Errorf("got %q", got)
	}
}

func TestWhatTheRealOneRefusesIsRefused(t *testing.T) {
	authority := filepath.Join(t.TempDir(), "ca.crt")
	trial.Must(t, os.WriteFile(authority, []byte("no certificate"), 0o600))
	tests := map[string]struct{ old, new, want string }{
		"a key of the input":        {"db.locking:", "db.lock:", `property "db.lock"`},
		"a key of the service":      {"grace:", "gracetime:", `property "gracetime"`},
		"a key of the output":       {"format: json_lines", "host: a", `property "host"`},
		"a part of the pipeline":    {"filters:", "filter:", "pipeline.filter"},
		"a section":                 {"service:", "services:", `section "services"`},
		"an input":                  {"name: tail", "name: tial", `input "tial"`},
		"a filter":                  {"name: record_modifier", "name: grep", `filter "grep"`},
		"an output":                 {"name: stdout", "name: forward", `output "forward" is not in this stand-in`},
		"no name":                   {"name: stdout", "format: json_lines", "no name"},
		"no match":                  {"match: '*'\n    format", "match: ''\n    format", "match"},
		"a variable without value":  {"${LOG_PATH}", "${LOGPATH}", "path"},
		"a field without value":     {"${POD_NAME}", "${PODNAME}", "a key and a value"},
		"a switch":                  {"skip_long_lines: on", "skip_long_lines: perhaps", "on or off"},
		"a size":                    {"256k", "256 kilo", "size"},
		"an interval":               {"${LOG_REFRESH_SECONDS}", "10s", "seconds"},
		"a log level":               {"${LOG_LEVEL}", "loud", "one of"},
		"a parser":                  {"${LOG_MULTILINE}", "cobol", "go, java, python or ruby"},
		"a format":                  {"json_lines", "json_rows", "one of"},
		"a structure that is wrong": {"inputs:\n  - name: tail", "inputs:\n    name: tail", "line"},
		"a key of Loki":             {"name: stdout\n    match: '*'\n    format: json_lines", "name: loki\n    match: '*'\n    tenant: a", `property "tenant"`},
		"a label of Loki":           {"name: stdout\n    match: '*'\n    format: json_lines", "name: loki\n    match: '*'\n    labels: pod", "name=value"},
		"a limit of retries":        {"format: json_lines", "retry_limit: often", "no_limits"},
		"authorities":               {"name: stdout\n    match: '*'\n    format: json_lines", "name: http\n    match: '*'\n    tls: on\n    tls.ca_file: " + authority, "no certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(asTemplate, test.old) {
				t.Fatalf("the configuration has no %q", test.old)
			}
			_, err := engineOf(strings.Replace(asTemplate, test.old, test.new, 1), environment())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want an error with %q, got %v", test.want, err)
			}
		})
	}
}

func TestAnUnknownFlagIsRefused(t *testing.T) {
	for _, args := range [][]string{{}, {"--conf=x"}, {"--config=x", "y"}, {"--config=/nowhere"}} {
		if err := run(t.Context(), args, lookupIn(nil), io.Discard, io.Discard); err == nil {
			t.Errorf("%v: want an error", args)
		}
	}
}

func TestPatternsMatchAsFnmatchDoes(t *testing.T) {
	tests := []struct {
		glob, text string
		want       bool
	}{
		{"*/debug*.log", "/var/log/app/debug-1.log", true},
		{"*.gz", "/var/log/app/a.gz", true},
		{"a?c", "abc", true},
		{"a?c", "abbc", false},
		{"a[!b]c", "abc", false},
		{"a[0-9]c", "a7c", true},
		{"a.c", "abc", false},
	}
	for _, test := range tests {
		re, err := pattern(test.glob)
		trial.Must(t, err)
		if got := re.MatchString(test.text); got != test.want {
			t.Errorf("%s, %s: got %v", test.glob, test.text, got)
		}
	}
}
