package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the values of the environment.
type settings struct {
	method           string
	selector         string
	folder           string
	folderAnnotation string
	kinds            []string // configmap, secret
	namespaces       []string // empty for the pod's own
	unique           bool
	fileMode         fs.FileMode // 0 for the default
	script           string
	reload           reload
	skipInit         bool
	sleep            time.Duration // between two passes of METHOD=SLEEP
	throttle         time.Duration // after an error of the API server's
	healthPort       int
	level            slog.Level
}

// elsewhere are variables that the original has and this program does not.
var elsewhere = []string{
	"DISABLE_X509_STRICT_VERIFICATION", "ENABLE_5XX", "IGNORE_ALREADY_PROCESSED", "KUBECONFIG", "LOG_CONFIG", "LOG_FORMAT",
	"LOG_TZ", "REQ_BASIC_AUTH_ENCODING", "REQ_PAYLOAD", "REQ_RETRY_CONNECT", "REQ_RETRY_READ", "REQ_TOKEN_FILE", "RESOURCE_NAME",
	"SKIP_TLS_VERIFY", "WATCH_CLIENT_TIMEOUT", "WATCH_SERVER_TIMEOUT",
}

func newSettings(environ []string) (settings, error) {
	r := reader{values: map[string]string{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		r.values[name] = value
	}
	s := settings{
		method:           r.choice("METHOD", "WATCH", "LIST", "SLEEP"),
		selector:         r.required("LABEL"),
		folder:           r.required("FOLDER"),
		folderAnnotation: r.text("FOLDER_ANNOTATION", "k8s-sidecar-target-directory"),
		kinds:            kinds(r.choice("RESOURCE", "configmap", "secret", "both")),
		unique:           r.boolean("UNIQUE_FILENAMES"),
		fileMode:         r.mode("DEFAULT_FILE_MODE"),
		script:           r.text("SCRIPT", ""),
		skipInit:         r.boolean("REQ_SKIP_INIT"),
		sleep:            r.seconds("SLEEP_TIME", 60),
		throttle:         r.seconds("ERROR_THROTTLE_SLEEP", 5),
		healthPort:       int(r.number("HEALTH_PORT", 8080)),
		level:            levels[r.choice("LOG_LEVEL", "INFO", "DEBUG", "WARN", "ERROR")],
	}
	if value := r.text("LABEL_VALUE", ""); value != "" {
		s.selector += "=" + value
	}
	if names := r.text("NAMESPACE", ""); names != "" {
		s.namespaces = strings.Split(names, ",")
	}
	s.reload = newReload(&r)
	return s, r.err()
}

func newReload(r *reader) reload {
	return reload{
		url:      r.text("REQ_URL", ""),
		method:   r.choice("REQ_METHOD", "GET", "POST"),
		username: r.text("REQ_USERNAME", ""),
		password: r.text("REQ_PASSWORD", ""),
		retries:  int(r.number("REQ_RETRY_TOTAL", 5)),
		backoff:  time.Duration(r.number("REQ_RETRY_BACKOFF_FACTOR", 1.1) * float64(time.Second)),
		timeout:  r.seconds("REQ_TIMEOUT", 10),
	}
}

var levels = map[string]slog.Level{"DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError}

func kinds(resource string) []string {
	if resource == "both" {
		return []string{"secret", "configmap"}
	}
	return []string{resource}
}

// reader reads variables of the environment and collects errors for err.
type reader struct {
	values map[string]string
	wrong  []error
}

func (r *reader) fail(name, value, want string) {
	r.wrong = append(r.wrong, fmt.Errorf("%s: want %s, got %q", name, want, value))
}

func (r *reader) text(name, fallback string) string {
	value := r.values[name]
	delete(r.values, name)
	if value == "" {
		return fallback
	}
	return value
}

func (r *reader) required(name string) string {
	value := r.text(name, "")
	if value == "" {
		r.fail(name, value, "a value")
	}
	return value
}

// choice returns one of a list of texts; the first is the default.
func (r *reader) choice(name string, of ...string) string {
	value := r.text(name, of[0])
	if !slices.Contains(of, value) {
		r.fail(name, value, "one of "+strings.Join(of, ", "))
	}
	return value
}

func (r *reader) boolean(name string) bool {
	return strings.ToLower(r.choice(name, "false", "true", "False", "True")) == "true"
}

func (r *reader) number(name string, fallback float64) float64 {
	value := r.text(name, "")
	if value == "" {
		return fallback
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 {
		r.fail(name, value, "a number")
	}
	return n
}

func (r *reader) seconds(name string, fallback float64) time.Duration {
	return time.Duration(r.number(name, fallback) * float64(time.Second))
}

// mode returns permissions written as three octal digits.
func (r *reader) mode(name string) fs.FileMode {
	value := r.text(name, "0")
	n, err := strconv.ParseUint(value, 8, 9)
	if err != nil {
		r.fail(name, value, "octal permissions")
	}
	return fs.FileMode(n)
}

// err returns the errors of invalid values and of unknown variables.
func (r *reader) err() error {
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		switch {
		case slices.Contains(elsewhere, name):
			r.wrong = append(r.wrong, fmt.Errorf("%s is not in this stand-in", name))
		case strings.HasPrefix(name, "REQ_"):
			r.wrong = append(r.wrong, fmt.Errorf("%s is unknown", name))
		}
	}
	return errors.Join(r.wrong...)
}
