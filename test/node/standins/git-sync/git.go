package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// askVariable is set for the process that git runs (GIT_ASKPASS) to ask for a user name or a password.
const askVariable = "GIT_SYNC_STANDIN_ASKED"

// git runs git in the root folder.
type git struct {
	dir string
	env []string
}

func newGit(s settings, environ []string) *git {
	g := &git{dir: s.root}
	for _, pair := range environ {
		if !strings.HasPrefix(pair, prefix) {
			g.env = append(g.env, pair)
		}
	}
	g.env = append(g.env, "GIT_TERMINAL_PROMPT=0", "GIT_SSH_COMMAND="+sshCommand(s.credentials))
	if self, err := os.Executable(); err == nil && s.username != "" {
		g.env = append(g.env, "GIT_ASKPASS="+self, askVariable+"=1", "GIT_SYNC_STANDIN_USERNAME="+s.username, "GIT_SYNC_STANDIN_PASSWORD="+s.password)
	}
	return g
}

// configure writes git's settings into the home folder.
func (g *git) configure(ctx context.Context, groupWrite bool) error {
	shared := "umask"
	if groupWrite {
		shared = "group"
	}
	for _, c := range [][2]string{{"safe.directory", "*"}, {"gc.auto", "0"}, {"core.sharedRepository", shared}} {
		if _, err := g.runIn(ctx, "/", "config", "--global", "--replace-all", c[0], c[1]); err != nil {
			return err
		}
	}
	return nil
}

func sshCommand(c credentials) string {
	known := "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
	if c.sshKnownHosts {
		known = "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=/etc/git-secret/known_hosts"
	}
	if _, err := os.Stat(c.sshKey); err != nil {
		return "ssh " + known
	}
	return "ssh -o IdentitiesOnly=yes -i " + quote(c.sshKey) + " " + known
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// answer returns the answer to git's question, "Username for 'https://…': " or "Password for …".
func answer(question string, env func(string) string) string {
	if strings.HasPrefix(question, "Username") {
		return env("GIT_SYNC_STANDIN_USERNAME")
	}
	return env("GIT_SYNC_STANDIN_PASSWORD")
}

// run returns what git prints, without the line break at its end.
func (g *git) run(ctx context.Context, args ...string) (string, error) {
	return g.runIn(ctx, g.dir, args...)
}

func (g *git) runIn(ctx context.Context, dir string, args ...string) (string, error) {
	var out, errors bytes.Buffer
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir, command.Env, command.Stdout, command.Stderr = dir, g.env, &out, &errors
	command.WaitDelay = time.Second // child processes of git may still have its output open
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errors.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
