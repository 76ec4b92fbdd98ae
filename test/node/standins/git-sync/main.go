// Command git-sync stands in for git-sync v4.7.1, which is not in any package registry. It runs the git that
// is in the image.
//
// It has the flags, and the variable GITSYNC_… of each, that the template git-sync uses, and behaves like the
// original in these points:
//
//   - it writes git's settings into the folder HOME, and does not start if HOME is not set;
//   - if the root is not a repository, its content is deleted first;
//   - each commit is checked out in .worktrees/HASH, and the link, which is relative, moves
//     there atomically. The previous worktree is deleted at once, even while a process has
//     it as the working directory;
//   - the HTTP server answers 503 until a commit is checked out, and 200 from then on;
//   - --max-failures counts failures in a row, and without it the process exits at the first one;
//   - the webhook is also called for the commit checked out at the start, concurrently with the
//     synchronisation, and is retried until it answers with 200.
//
// Flags that it does not have are refused, even if git-sync has them. So are variables whose name begins with
// GITSYNC_, which the original ignores. It runs no garbage collection.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) == 2 && os.Getenv(askVariable) != "" {
		fmt.Println(answer(os.Args[1], os.Getenv))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := run(ctx, os.Args[1:], os.Environ(), os.Stderr)
	switch {
	case ctx.Err() != nil:
		os.Exit(128 + int(syscall.SIGTERM))
	case err != nil:
		fmt.Fprintln(os.Stderr, "git-sync:", err)
		os.Exit(1)
	}
}

// run synchronises until ctx ends or there were too many failures, or only once with --one-time.
func run(ctx context.Context, args, environ []string, out io.Writer) error {
	s, err := newSettings(args, environ)
	if err != nil {
		return err
	}
	if s.groupWrite {
		syscall.Umask(0o002)
	}
	y := &syncer{settings: s, git: newGit(s, environ), log: slog.New(slog.NewJSONHandler(out, nil)), metrics: newMetrics()}
	if err := y.git.configure(ctx, s.groupWrite); err != nil {
		return err
	}
	stop, err := y.serve()
	if err != nil {
		return err
	}
	defer stop()
	hook, endHook := y.startWebhook(ctx)
	defer endHook()
	return y.loop(ctx, hook)
}
