package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// preflight returns an error if a node cannot run on this machine, before anything is built.
func (n *node) preflight(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root, for namespaces, mounts and cgroups: run it with sudo")
	}
	if err := n.reserve(ctx); err != nil {
		return err
	}
	if err := n.takeAwayLeft(ctx); err != nil {
		return err
	}
	if err := needCgroups(); err != nil {
		return err
	}
	if err := needOverlay(); err != nil {
		return err
	}
	return installLacking(ctx)
}

// reserve waits until no other run of this program or of its tests uses the machine's node, 20 minutes at most,
// which is longer than the tests take. The reservation is an abstract socket: it leaves no file, and it ends
// with the process, however that ends.
func (n *node) reserve(ctx context.Context) error {
	told := false
	return eventually(ctx, 20*time.Minute, func(ctx context.Context) error {
		reservation, err := new(net.ListenConfig).Listen(ctx, "unix", "@"+networkNamespace)
		if !errors.Is(err, syscall.EADDRINUSE) {
			n.reservation = reservation
			return err
		}
		if !told {
			n.log("waiting for the end of another run that uses this machine's node")
			told = true
		}
		return errors.New("another run uses this machine's node: end it")
	})
}

// takeAwayLeft takes away what a killed run, or a restart of the machine, has left. A node that make node has
// left up is an error, and so is another user's.
func (n *node) takeAwayLeft(ctx context.Context) error {
	if !exists(networkFile) && !exists(n.state) {
		return nil
	}
	if exists(n.path(leftUp)) && n.commandLine("kubelet") != nil {
		return errors.New("a node is up: make node-down takes it away")
	}
	// After a restart the file remains, and no namespace is mounted on it.
	pids, _ := capture(exec.CommandContext(ctx, "ip", "netns", "pids", networkNamespace))
	if pids != "" && !exists(n.state) {
		return fmt.Errorf("a node of another user is up (network namespace %s): make node-down as that user takes it away", networkNamespace)
	}
	n.log("taking away what a killed run has left")
	return n.down()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// needCgroups checks that there are cgroups, and that no other kubelet uses those for pods.
func needCgroups() error {
	one, unified := "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/cgroup.procs" // versions 1 and 2
	if !exists(one) && !exists(unified) {
		return errors.New("no cgroups under /sys/fs/cgroup: mount them, or run this on a machine or in a container that has them")
	}
	pods, err := podCgroups()
	if err == nil && len(pods) > 0 {
		err = fmt.Errorf("another kubelet runs on this machine, or a killed run has left %s: stop it, or make node-down", pods[0])
	}
	return err
}

// needOverlay checks that the kernel supports overlayfs, with which images are mounted.
func needOverlay() error {
	file, err := os.Open("/proc/filesystems")
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), "\toverlay") {
			return nil
		}
	}
	if exec.Command("modprobe", "overlay").Run() == nil {
		return nil
	}
	return errors.New("the kernel has no overlay file system, which containers' images are mounted with: modprobe overlay")
}

// lacking returns the Debian packages of the commands that this machine does not have.
func lacking() []string {
	var packages []string
	for _, need := range []struct{ file, debian string }{
		{"runc", "runc"}, {"/usr/lib/cni/bridge", "containernetworking-plugins"}, {"conntrack", "conntrack"}, {"iptables", "iptables"}, {"ipset", "ipset"},
		{"ip", "iproute2"}, {"nsenter", "util-linux"}, {"sysctl", "procps"}, {"mmdebstrap", "mmdebstrap"}, {"/bin/busybox", "busybox-static"}, {"ssh-keygen", "openssh-client"},
	} {
		if _, err := exec.LookPath(need.file); err != nil {
			packages = append(packages, need.debian)
		}
	}
	return packages
}

// installLacking installs missing packages with apt-get; without it, the error names them.
func installLacking(ctx context.Context) error {
	packages := lacking()
	if len(packages) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this machine lacks %s (Debian's names), and has no apt-get to install them with", strings.Join(packages, ", "))
	}
	if err := output(ctx, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	return output(ctx, "env", append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"}, packages...)...)
}
