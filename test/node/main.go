// Command node runs Kubernetes on this machine: a control plane, containerd and a kubelet in a network
// namespace of their own, with the injector installed by its chart as docs/install.md says. Tests can observe
// what a sidecar does, not only what the API server has stored.
//
//	go run . up      starts a node, installs the injector, and says how to use it
//	go run . down    takes the node away
//
// Programs come from Go modules and Debian packages and are built once, into the user's cache. No image is
// pulled: images are made locally under the references that templates and examples name. It needs root, for
// namespaces, mounts and cgroups.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "up" && args[0] != "down" {
		return fmt.Errorf("arguments %q: want up or down", args)
	}
	n, err := newNode(os.Stderr)
	if err != nil {
		return err
	}
	if args[0] == "down" {
		return n.down()
	}
	if err := n.up(ctx); err != nil {
		return err
	}
	fmt.Print(n.usage())
	return os.WriteFile(n.path(leftUp), nil, 0o644)
}
