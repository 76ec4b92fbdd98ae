package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is a Go module that pins real programs, each at the version that a template names.
type module struct {
	folder   string // relative to this folder
	tags     string
	packages []string // whose last elements are the programs' names
}

func modules() []module {
	return []module{
		{"programs/containerd", "no_btrfs no_devmapper no_zfs no_aufs", []string{
			"github.com/containerd/containerd/v2/cmd/containerd",
			"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
			"github.com/containerd/containerd/v2/cmd/ctr",
		}},
		{"programs/coredns", "", []string{"github.com/sidecar-injector/sidecar-injector/test/node/programs/coredns"}},
		{"programs/blackbox-exporter", "", []string{"github.com/prometheus/blackbox_exporter"}},
		{"programs/prometheus-operator", "", []string{
			"github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader",
			"github.com/prometheus-operator/prometheus-operator/cmd/operator",
		}},
		{"programs/kube-router", "", []string{"github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"}},
		{"programs/rclone", "", []string{"github.com/rclone/rclone"}},
		{"../../tools", "", []string{"helm.sh/helm/v4/cmd/helm"}},
	}
}

// buildPrograms builds the programs that the cache lacks. The stand-ins and the injector are always built,
// because Go caches their packages.
func (n *node) buildPrograms(ctx context.Context) error {
	n.programs = map[string]string{}
	kubernetes := exec.CommandContext(ctx, "go", "run", ".")
	kubernetes.Dir, kubernetes.Stderr = "../cluster", n.out
	out, err := kubernetes.Output()
	if err != nil {
		return fmt.Errorf("programs of Kubernetes: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if name, path, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			n.programs[name] = path
		}
	}
	for _, m := range modules() {
		if err := n.buildModule(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.folder, err)
		}
	}
	standins, err := filepath.Glob("standins/*")
	if err != nil {
		return err
	}
	for _, folder := range standins {
		if err := n.build(ctx, module{folder: ".", packages: []string{"./" + folder}}); err != nil {
			return err
		}
	}
	n.log("programs are built")
	return nil
}

// buildModule builds a module's programs unless the cache has the same versions.
func (n *node) buildModule(ctx context.Context, m module) error {
	own, err := filepath.Glob(filepath.Join(m.folder, "*.go"))
	if err != nil {
		return err
	}
	pins, err := digestFiles(append(own, filepath.Join(m.folder, "go.mod"), filepath.Join(m.folder, "go.sum"))...)
	if err != nil {
		return err
	}
	mark := filepath.Join(n.cache, "bin", ".built-"+filepath.Base(m.folder))
	if built, err := os.ReadFile(mark); err == nil && string(built) == pins && n.has(m) {
		return nil
	}
	n.log("building %s", strings.Join(m.packages, ", "))
	if err := n.build(ctx, m); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(pins), 0o644)
}

// has reports whether the cache has all of the module's programs, and records their paths.
func (n *node) has(m module) bool {
	all := true
	for _, name := range m.packages {
		path := filepath.Join(n.cache, "bin", filepath.Base(name))
		n.programs[filepath.Base(name)] = path
		if _, err := os.Stat(path); err != nil {
			all = false
		}
	}
	return all
}

func (n *node) build(ctx context.Context, m module) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", m.tags, "-o", filepath.Join(n.cache, "bin") + "/"}
	command := exec.CommandContext(ctx, "go", append(args, m.packages...)...)
	command.Dir = m.folder
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	if err := os.MkdirAll(filepath.Join(n.cache, "bin"), 0o755); err != nil {
		return err
	}
	_, err := capture(command)
	n.has(m)
	return err
}
