package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/node/trial"
)

func TestTheTemplatesFlagsAndVariablesAreRead(t *testing.T) {
	s, err := newSettings(
		[]string{"--period=60s", "--max-failures=-1", "--http-bind=:8116", "--http-metrics", "--webhook-url=http://localhost:9000/reload", "--webhook-method=PUT"},
		[]string{
			"HOME=/tmp", "GITSYNC_REPO=https://git.example.com/team/config.git", "GITSYNC_REF=main", "GITSYNC_ROOT=/git/.git-sync-a",
			"GITSYNC_LINK=/git/current", "GITSYNC_DEPTH=0", "GITSYNC_SUBMODULES=off", "GITSYNC_SYNC_TIMEOUT=5m0s", "GITSYNC_GROUP_WRITE=true",
			"GITSYNC_USERNAME=u", "GITSYNC_PASSWORD=p", "GITSYNC_SSH_KEY_FILE=/etc/git-secret/ssh", "GITSYNC_SSH_KNOWN_HOSTS=false",
		})
	trial.Must(t, err)
	if s.period != time.Minute || s.timeout != 5*time.Minute || s.link != "/git/current" || s.depth != 0 || !s.groupWrite || s.sshKnownHosts || s.webhook.method != "PUT" {
		t.Errorf("got %+v", s)
	}
}

func TestTheLinkIsNamedAfterTheRepository(t *testing.T) {
	s, err := newSettings([]string{"--repo=https://git.example.com/team/config.git", "--root=/git"}, nil)
	if err != nil || s.link != "/git/config" {
		t.Errorf("got %q, %v", s.link, err)
	}
}

func TestWhatTheRealOneRefusesIsRefused(t *testing.T) {
	tests := map[string][]string{
		"unknown flag: --branch":           {"--branch=main"},
		"unexpected argument":              {"main"},
		"--repo is missing":                {"--repo="},
		"--root: want an absolute path":    {"--root=git"},
		"--depth: want 0 or more":          {"--depth=-1"},
		"--submodules: want":               {"--submodules=on"},
		"--period: want":                   {"--period=1ms"},
		"missing unit in duration":         {"--period=60"},
		"--http-metrics needs --http-bind": {"--http-metrics"},
		"--username needs":                 {"--username=a"},
		"--password needs":                 {"--password=a"},
		"no such flag -branch":             {"GITSYNC_BRANCH=main"},
		"GITSYNC_DEPTH":                    {"GITSYNC_DEPTH=one"},
	}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			args, environ := []string{"--repo=r", "--root=/git"}, []string(nil)
			if strings.HasPrefix(change[0], prefix) {
				environ = change
			} else {
				args = append(args, change...)
			}
			if _, err := newSettings(args, environ); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
