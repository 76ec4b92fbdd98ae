package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

const prefix = "GITSYNC_"

// settings are the values of the flags and variables.
type settings struct {
	repo, ref, root, link string
	period, timeout       time.Duration
	depth                 int
	submodules            string
	maxFailures           int
	oneTime, groupWrite   bool
	bind                  string
	httpMetrics           bool
	credentials
	webhook
}

type credentials struct {
	username, password, sshKey string
	sshKnownHosts              bool
}

type webhook struct {
	url, method string
	backoff     time.Duration
}

func newSettings(args, environ []string) (settings, error) {
	var s settings
	flags := s.flags()
	if err := fromEnvironment(flags, environ); err != nil {
		return s, err
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s.complete()
	return s, s.check()
}

func (s *settings) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("git-sync", pflag.ContinueOnError)
	f.StringVar(&s.repo, "repo", "", "repository")
	f.StringVar(&s.ref, "ref", "HEAD", "branch, tag or commit")
	f.StringVar(&s.root, "root", "", "folder of the repository and the worktrees")
	f.StringVar(&s.link, "link", "", "link to the worktree; relative to the root")
	f.DurationVar(&s.period, "period", 10*time.Second, "time between two synchronisations")
	f.DurationVar(&s.timeout, "sync-timeout", 120*time.Second, "time for one synchronisation")
	f.IntVar(&s.depth, "depth", 1, "number of commits to fetch; 0 is all")
	f.StringVar(&s.submodules, "submodules", "recursive", "recursive, shallow or off")
	f.IntVar(&s.maxFailures, "max-failures", 0, "failures in a row to bear; all if negative")
	f.BoolVar(&s.oneTime, "one-time", false, "end after one synchronisation")
	f.BoolVar(&s.groupWrite, "group-write", false, "let the group write")
	f.StringVar(&s.bind, "http-bind", "", "address of the HTTP server; none without")
	f.BoolVar(&s.httpMetrics, "http-metrics", false, "serve /metrics")
	f.StringVar(&s.username, "username", "", "user name for https")
	f.StringVar(&s.password, "password", "", "password for https")
	f.StringVar(&s.sshKey, "ssh-key-file", "/etc/git-secret/ssh", "private key for ssh")
	f.BoolVar(&s.sshKnownHosts, "ssh-known-hosts", true, "verify the server's key")
	f.StringVar(&s.webhook.url, "webhook-url", "", "URL to call after a new checkout")
	f.StringVar(&s.webhook.method, "webhook-method", "POST", "how to call it")
	f.DurationVar(&s.webhook.backoff, "webhook-backoff", 3*time.Second, "time between two calls")
	return f
}

// fromEnvironment sets the flags from their variables.
func fromEnvironment(flags *pflag.FlagSet, environ []string) error {
	var wrong []error
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || value == "" {
			continue
		}
		flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", "-"))
		if err := flags.Set(flag, value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

// complete derives the link if it was not given, or is relative.
func (s *settings) complete() {
	if s.link == "" {
		s.link = strings.TrimSuffix(path.Base(s.repo), ".git")
	}
	if !filepath.IsAbs(s.link) {
		s.link = filepath.Join(s.root, s.link)
	}
}

func (s *settings) check() error {
	var wrong []error
	for _, rule := range []struct {
		ok   bool
		text string
	}{
		{s.repo != "", "--repo is missing"},
		{filepath.IsAbs(s.root), "--root: want an absolute path"},
		{s.ref != "", "--ref is empty"},
		{s.depth >= 0, "--depth: want 0 or more"},
		{slices.Contains([]string{"recursive", "shallow", "off"}, s.submodules), "--submodules: want recursive, shallow or off"},
		{s.period >= 10*time.Millisecond, "--period: want at least 10ms"},
		{s.timeout >= 10*time.Millisecond, "--sync-timeout: want at least 10ms"},
		{!s.httpMetrics || s.bind != "", "--http-metrics needs --http-bind"},
		{s.password == "" || s.username != "", "--password needs --username"},
		{s.username == "" || s.password != "", "--username needs a password"},
	} {
		if !rule.ok {
			wrong = append(wrong, errors.New(rule.text))
		}
	}
	return errors.Join(wrong...)
}
