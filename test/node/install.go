package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	repository      = "../.."
	injectorVersion = "0.0.0-node"
	injector        = "sidecar-injector" // release, namespace, Deployment
)

func makeTarget(ctx context.Context, target string, variables ...string) error {
	return output(ctx, "make", append([]string{"-C", repository, "--no-print-directory", target}, variables...)...)
}

// install installs the chart as docs/install.md says, and waits until the command check finds no problem.
func (n *node) install(ctx context.Context) error {
	if err := makeTarget(ctx, "build"); err != nil {
		return err
	}
	n.helmed = time.Now()
	if _, err := capture(n.helm(ctx, "install", injector, filepath.Join(repository, "charts/sidecar-injector"), "--namespace", injector, "--create-namespace", "--wait",
		"--set", "image.tag="+injectorVersion)); err != nil {
		return err
	}
	n.log("the injector is installed, %.1f s after helm install began", time.Since(n.helmed).Seconds())
	return eventually(ctx, time.Minute, func(ctx context.Context) error {
		_, err := capture(n.cli(ctx, "check"))
		return err
	})
}

func (n *node) helm(ctx context.Context, args ...string) *exec.Cmd {
	return within(ctx, n.programs["helm"], append(args, "--kubeconfig", n.path("admin.kubeconfig"))...)
}

// kubectl returns a command that runs kubectl with the user's kubeconfig.
func (n *node) kubectl(ctx context.Context, args ...string) *exec.Cmd {
	return within(ctx, n.programs["kubectl"], append([]string{"--kubeconfig", n.path("admin.kubeconfig")}, args...)...)
}

// cli returns a command that runs the injector's command line.
func (n *node) cli(ctx context.Context, args ...string) *exec.Cmd {
	program, err := filepath.Abs(filepath.Join(repository, "bin/sidecar-injector"))
	if err != nil {
		program = filepath.Join(repository, "bin/sidecar-injector")
	}
	return within(ctx, program, append(args, "--kubeconfig", n.path("admin.kubeconfig"))...)
}

// usage describes how to use a node that was left running.
func (n *node) usage() string {
	plugin, err := filepath.Abs(filepath.Join(repository, "bin"))
	if err != nil {
		plugin = "bin"
	}
	lines := []string{
		"",
		"The node is up. A shell in its network, with kubectl, helm and the plugin:",
		"",
		fmt.Sprintf("    sudo nsenter --net=%s env KUBECONFIG=%s PATH=%s:%s:%s:$PATH bash", networkFile, n.path("admin.kubeconfig"),
			filepath.Dir(n.programs["kubectl"]), filepath.Join(n.cache, "bin"), plugin),
		"    kubectl get nodes",
		"    kubectl label namespace default sidecar-injector.dev/injection=enabled",
		"    kubectl apply -f examples/web-server",
		"    sidecar-injector explain deploy/web",
		"",
		"make node-down takes it away.",
		"",
	}
	return strings.Join(lines, "\n")
}
