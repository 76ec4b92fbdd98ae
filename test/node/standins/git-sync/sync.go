package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// syncer keeps the link at the newest commit.
type syncer struct {
	settings
	git     *git
	log     *slog.Logger
	metrics *metrics
	ready   atomic.Bool
}

// loop synchronises repeatedly and sends each new commit to hook.
func (y *syncer) loop(ctx context.Context, hook chan string) error {
	failures, first := 0, true
	for {
		hash, changed, err := y.attempt(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			y.log.Error("error syncing repo, will retry", "error", err.Error(), "failCount", failures)
			if y.maxFailures >= 0 && failures > y.maxFailures {
				return errors.Join(errors.New("too many failures, aborting"), err)
			}
		default:
			failures = 0
			y.ready.Store(true)
			if changed || first {
				y.log.Info("updated successfully", "ref", y.ref, "remote", hash)
				replace(hook, hash)
				first = false
			}
			if y.oneTime {
				return nil
			}
		}
		wait(ctx, y.period)
	}
}

func (y *syncer) attempt(ctx context.Context) (hash string, changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, y.settings.timeout)
	defer cancel()
	start := time.Now()
	hash, changed, err = y.sync(ctx)
	y.metrics.observe(changed, err, time.Since(start))
	return hash, changed, err
}

// sync makes the link point at the repository's current commit.
func (y *syncer) sync(ctx context.Context) (hash string, changed bool, err error) {
	if err := y.initialise(ctx); err != nil {
		return "", false, err
	}
	if hash, err = y.fetch(ctx); err != nil {
		return "", false, err
	}
	if y.current() == hash && y.intact(ctx, hash) {
		return hash, false, nil
	}
	if err := y.checkOut(ctx, hash); err != nil {
		return "", false, err
	}
	if err := y.publish(hash); err != nil {
		return "", false, err
	}
	return hash, true, y.removeOthers(ctx, hash)
}

// initialise makes the root a repository whose remote is the one that is synchronised, to which the relative URLs of
// submodules refer. If the root is no repository yet, its content is deleted.
func (y *syncer) initialise(ctx context.Context) error {
	if err := os.MkdirAll(y.root, 0o777); err != nil {
		return err
	}
	actual, err := filepath.EvalSymlinks(y.root)
	if err != nil {
		return err
	}
	if top, err := y.git.run(ctx, "rev-parse", "--show-toplevel"); err != nil || top != actual {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := y.empty(ctx); err != nil {
			return err
		}
	}
	_, err = y.git.run(ctx, "config", "remote.origin.url", y.repo)
	return err
}

// empty deletes the root's content, and makes it a repository.
func (y *syncer) empty(ctx context.Context) error {
	entries, err := os.ReadDir(y.root)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(y.root, e.Name())))
	}
	if err != nil {
		return err
	}
	_, err = y.git.run(ctx, "init", "--initial-branch=git-sync")
	return err
}

func (y *syncer) fetch(ctx context.Context) (hash string, err error) {
	y.metrics.fetches.Inc()
	args := []string{"fetch", y.repo, y.ref, "--no-progress", "--prune", "--no-auto-gc"}
	if _, err := y.git.run(ctx, append(args, y.depthFlag()...)...); err != nil {
		return "", err
	}
	return y.git.run(ctx, "rev-parse", "FETCH_HEAD^{commit}")
}

func (y *syncer) depthFlag() []string {
	if y.depth == 0 {
		return nil
	}
	return []string{"--depth", strconv.Itoa(y.depth)}
}

// current returns the commit that the link points at, or "".
func (y *syncer) current() string {
	target, err := os.Readlink(y.link)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

func (y *syncer) intact(ctx context.Context, hash string) bool {
	head, err := y.git.runIn(ctx, y.worktree(hash), "rev-parse", "HEAD")
	return err == nil && head == hash
}

func (y *syncer) worktree(hash string) string {
	return filepath.Join(y.root, ".worktrees", hash)
}

func (y *syncer) checkOut(ctx context.Context, hash string) error {
	path := y.worktree(hash)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if _, err := y.git.run(ctx, "worktree", "prune"); err != nil {
		return err
	}
	if _, err := y.git.run(ctx, "worktree", "add", "--force", "--detach", path, hash); err != nil {
		return err
	}
	if y.submodules == "off" {
		return nil
	}
	args := append([]string{"submodule", "update", "--init"}, y.depthFlag()...)
	if y.submodules == "recursive" {
		args = append(args, "--recursive")
	}
	_, err := y.git.runIn(ctx, path, args...)
	return err
}

// publish replaces the link atomically.
func (y *syncer) publish(hash string) error {
	dir := filepath.Dir(y.link)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	target, err := filepath.Rel(dir, y.worktree(hash))
	if err != nil {
		return err
	}
	next := filepath.Join(dir, "."+filepath.Base(y.link)+".next")
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, y.link)
}

// removeOthers deletes every worktree except that of hash.
func (y *syncer) removeOthers(ctx context.Context, hash string) error {
	entries, err := os.ReadDir(filepath.Dir(y.worktree(hash)))
	for _, e := range entries {
		if e.Name() != hash {
			err = errors.Join(err, os.RemoveAll(y.worktree(e.Name())))
		}
	}
	if err != nil {
		return err
	}
	_, err = y.git.run(ctx, "worktree", "prune")
	return err
}

// wait returns when d is over or ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
