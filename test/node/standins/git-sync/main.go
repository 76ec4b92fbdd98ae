// Command git-sync stands in for git-sync v4.7.1, which no package registry has. It runs the
// git that is in the image.
//
// It takes the flags, and for each its variable GITSYNC_…, that the template git-sync uses,
// and keeps these habits:
//
//   - it writes git's settings into the folder HOME, without which it does not start;
//   - a root that is no repository is emptied first;
//   - each commit is checked out in .worktrees/HASH, and the link, which is relative, moves
//     there in one step. The worktree before it is deleted at once, under whoever has it as
//     the working directory;
//   - the HTTP server answers 503 until a commit is checked out, and 200 from then on;
//   - --max-failures counts failures in a row, and without it the first one is the end;
//   - the webhook is called for what is checked out at the start, too, beside the
//     synchronisation, and again until it answers with --webhook-success-status.
//
// A flag that it does not have is refused, known to git-sync or not. So is a variable whose
// name begins with GITSYNC_, which the real one leaves alone. It runs no garbage collection.
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

// run synchronises until ctx ends, there were too many failures, or once.
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
