package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// down removes everything that up created, as far as it exists. The cache is kept.
func (n *node) down() error {
	ctx := context.Background()
	// First the servers that would restart containers, then the containers, then containerd.
	var found []error
	for _, name := range []string{"kubelet", "kube-proxy", "kube-router", "coredns", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"} {
		found = append(found, n.end(name, 5*time.Second))
	}
	found = append(found, n.end("containerd", 5*time.Second))
	found = append(found, n.killPods(), n.unmountAll())
	if exists(networkFile) {
		found = append(found, output(ctx, "ip", "netns", "del", networkNamespace))
	}
	found = append(found, n.removeTraces(), os.RemoveAll(n.state))
	return errors.Join(found...)
}

// killPods kills the containers' processes: the shims of this containerd, recognized by its address among
// their arguments, and processes whose root file system is one of its mounts.
func (n *node) killPods() error {
	for range 20 {
		pids, err := n.podProcesses()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("processes of pods did not end")
}

func (n *node) podProcesses() ([]int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		shim := strings.Contains(string(line), "containerd-shim") && strings.Contains(string(line), n.state)
		if shim || n.isContained(folder) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// isContained reports whether the root of a process is mounted from this containerd's images.
func (n *node) isContained(folder string) bool {
	state, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil || strings.Contains(string(state), ") Z ") {
		return false
	}
	file, err := os.Open(filepath.Join(folder, "mountinfo"))
	if err != nil {
		return false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && fields[4] == "/" {
			return strings.Contains(lines.Text(), n.state)
		}
	}
	return false
}

// unmountAll unmounts everything below the state folder.
func (n *node) unmountAll() error {
	text, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return err
	}
	var mounts []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[1], n.state+"/") {
			mounts = append(mounts, fields[1])
		}
	}
	slices.Reverse(mounts) // the last mount is above the others
	var found []error
	for _, mount := range mounts {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			found = append(found, fmt.Errorf("unmount %s: %w", mount, err))
		}
	}
	return errors.Join(found...)
}

// servers returns the processes of the node's own programs.
func (n *node) servers() []int {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		line, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err == nil && pid != os.Getpid() && bytes.HasPrefix(line, []byte(filepath.Join(n.cache, "bin")+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// left describes what remains of a node; empty after a successful down.
func (n *node) left() []string {
	var found []string
	if pids, err := n.podProcesses(); err != nil || len(pids) > 0 {
		found = append(found, fmt.Sprintf("processes %v (%v)", pids, err))
	}
	if servers := n.servers(); len(servers) > 0 {
		found = append(found, fmt.Sprintf("servers %v", servers))
	}
	if mounts, err := os.ReadFile("/proc/mounts"); err != nil || strings.Contains(string(mounts), n.state) {
		found = append(found, fmt.Sprintf("mounts below %s (%v)", n.state, err))
	}
	for _, path := range []string{networkFile, n.state} {
		if exists(path) {
			found = append(found, path)
		}
	}
	traces, err := n.traces()
	if err != nil {
		found = append(found, err.Error())
	}
	return append(found, traces...)
}
