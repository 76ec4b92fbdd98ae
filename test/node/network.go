package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

const networkFile = "/var/run/netns/" + networkNamespace

// makeNetwork creates the namespace and its addresses. The loopback interface has the Service addresses of
// the API server and the name server, by which pods reach them.
func (n *node) makeNetwork(ctx context.Context) error {
	if err := output(ctx, "ip", "netns", "add", networkNamespace); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "addr", "add", nodeAddress + "/32", "dev", "lo"},
		{"ip", "addr", "add", apiService + "/32", "dev", "lo"},
		{"ip", "addr", "add", dnsService + "/32", "dev", "lo"},
		{"sysctl", "-qw", "net.ipv4.ip_forward=1"},
	} {
		if err := output(ctx, "nsenter", append([]string{"--net=" + networkFile}, command...)...); err != nil {
			return err
		}
	}
	return nil
}

// within returns a command that runs in the network namespace. It uses nsenter instead of ip netns exec,
// which mounts a new /sys and so hides the cgroups.
func within(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + networkFile, name}, args...)...)
}

// dialWithin opens a connection from the node's network namespace.
func dialWithin(ctx context.Context, network, address string) (net.Conn, error) {
	return withinNetwork(func() (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, network, address) })
}

// withinNetwork creates a socket in the node's network namespace; the socket stays there. A thread enters the
// namespace for that time; if it cannot return, it is not used again.
func withinNetwork[Socket any](open func() (Socket, error)) (Socket, error) {
	type result struct {
		socket Socket
		err    error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		socket, err := openOnThread(open)
		done <- result{socket, err}
	}()
	r := <-done
	return r.socket, r.err
}

func openOnThread[Socket any](open func() (Socket, error)) (socket Socket, err error) {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return socket, err
	}
	defer home.Close()
	there, err := os.Open(networkFile)
	if err != nil {
		return socket, fmt.Errorf("no node is up: %w", err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return socket, fmt.Errorf("enter %s: %w", networkFile, err)
	}
	socket, err = open()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
		runtime.UnlockOSThread()
	}
	return socket, err
}
