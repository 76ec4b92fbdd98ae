package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestARepositoryIsThereBeforeTheAppAndFollowsItsBranch serves a repository over HTTP and SSH.
func TestARepositoryIsThereBeforeTheAppAndFollowsItsBranch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ repo, secret, native, level, context string }{
		"http, native, numeric user": {"http://git/site.git", "", "true", "restricted", "runAsUser: 10001, runAsNonRoot: true"},
		"http, container, root app":  {"http://git/site.git", "", "false", "baseline", ""},
		"ssh, native, root app":      {"root@git:/srv/git/site.git", "keys", "true", "baseline", ""},
		"ssh, container, numeric":    {"root@git:/srv/git/site.git", "keys", "false", "restricted", "runAsUser: 10001, runAsNonRoot: true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "")
			p.keys()
			p.apply("git/server.yaml")
			server := p.ready("app=git").Name
			p.kubectl("label", "namespace", p.namespace, "--overwrite", "pod-security.kubernetes.io/enforce="+c.level)
			p.applyText(strings.NewReplacer("REPO", c.repo, "REF", "main", "NATIVE", c.native, "SECRET", c.secret, "CONTEXT", c.context).Replace(read(t, "git/app.yaml")))
			pod := p.ready("app=app")
			p.says("app", "app", "at the start: one")
			if got := p.in("app", "app", "cat", "/pages/current/part/part"); got != "part\n" {
				t.Errorf("the submodule, whose URL is relative, has %q", got)
			}
			push := func(text, flags string) {
				p.in(server, "author", "sh", "-ec", "cd /work && echo "+text+" > index.html && git commit -q -a -m "+text+" "+flags+" && git push -q -f origin main")
			}
			push("two", "")
			p.says("app", "app", "now: two")
			// The branch is moved to a commit that does not follow the last one.
			push("three", "--amend")
			p.says("app", "app", "now: three")
			p.quiet()
			reportTimes(t, "git-sync, "+name, pod, p.stop("app"), "app-sc-git-sync")
		})
	}
}

func TestARepositoryThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "restricted")
	p.applyText(strings.NewReplacer("REPO", "http://nowhere.invalid/site.git", "REF", "main", "NATIVE", "true", "SECRET", "", "CONTEXT", "runAsUser: 10001, runAsNonRoot: true").
		Replace(read(t, "git/app.yaml")))
	p.described("app", "Startup probe failed: HTTP probe failed with statuscode: 503")
	p.until("explain shows the last line of the log", func(context.Context) error {
		if out := p.inject("explain", "pod/app"); !strings.Contains(out, "nowhere.invalid") || !strings.Contains(out, "error syncing repo") {
			return errors.New(out)
		}
		return nil
	})
}

// keys creates the Secret with the server's and the client's keys.
func (p *place) keys() {
	p.Helper()
	folder, err := os.MkdirTemp("", "keys") // kubectl does not accept a comma in a path, which t.TempDir may contain
	p.must(err)
	defer os.RemoveAll(folder)
	for _, name := range []string{"host", "key"} {
		_, err := capture(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(folder, name)))
		p.must(err)
	}
	known, err := capture(exec.Command("sed", "s/^/git /", filepath.Join(folder, "host.pub")))
	p.must(err)
	p.kubectl("create", "secret", "generic", "keys", "--from-file=ssh="+filepath.Join(folder, "key"), "--from-literal=known_hosts="+known,
		"--from-file="+filepath.Join(folder, "host"), "--from-file="+filepath.Join(folder, "key.pub"))
}
