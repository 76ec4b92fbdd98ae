package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// shimSockets is the folder of the sockets by which containerd reaches its shims.
const shimSockets = "/run/sidecar-injector-node"

// Paths that the programs do not let anybody choose.
const (
	// networkResults is where the network plugins' library keeps what it did for each pod.
	networkResults = "/var/lib/cni/results"
	// pluginSocket is the kubelet's, for plugins of devices.
	pluginSocket = "/var/lib/kubelet/device-plugins/kubelet.sock"
)

// podCgroups returns the kubelet's groups for pods, one for each hierarchy. preflight refuses to start while
// there are any, so that those of a node are its own.
func podCgroups() ([]string, error) {
	groups, err := filepath.Glob("/sys/fs/cgroup/*/kubepods")
	if err != nil {
		return nil, err
	}
	if exists("/sys/fs/cgroup/kubepods") {
		groups = append(groups, "/sys/fs/cgroup/kubepods")
	}
	return groups, nil
}

// traces returns what a node has left outside of its state folder.
func (n *node) traces() ([]string, error) {
	found, err := podCgroups()
	if err != nil {
		return nil, err
	}
	if exists(shimSockets) {
		found = append(found, shimSockets)
	}
	if abandoned(pluginSocket) {
		found = append(found, pluginSocket)
	}
	results, err := n.networkResults()
	return append(found, results...), err
}

// removeTraces removes what traces returns.
func (n *node) removeTraces() error {
	groups, err := podCgroups()
	found := []error{err}
	for _, group := range groups {
		found = append(found, removeCgroup(group))
	}
	found = append(found, os.RemoveAll(shimSockets))
	if abandoned(pluginSocket) {
		found = append(found, os.Remove(pluginSocket))
	}
	results, err := n.networkResults()
	found = append(found, err)
	for _, file := range results {
		found = append(found, os.Remove(file))
	}
	return errors.Join(found...)
}

// networkResults returns the files about pods of this node, whose network namespaces are below its state
// folder.
func (n *node) networkResults() ([]string, error) {
	files, err := filepath.Glob(networkResults + "/*")
	if err != nil {
		return nil, err
	}
	var ours []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if bytes.Contains(text, []byte(n.state+"/")) {
			ours = append(ours, file)
		}
	}
	return ours, nil
}

// abandoned reports whether a socket exists that nobody listens to.
func abandoned(socket string) bool {
	connection, err := net.Dial("unix", socket)
	if err == nil {
		_ = connection.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// removeCgroup removes a cgroup and those in it, which have no processes.
func removeCgroup(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(folders)
	for _, folder := range folders {
		if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	return nil
}
