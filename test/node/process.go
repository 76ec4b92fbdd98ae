package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// output runs a command; its error includes the output.
func output(ctx context.Context, name string, args ...string) error {
	_, err := capture(exec.CommandContext(ctx, name, args...))
	return err
}

// capture returns the stdout of a command; its error includes stderr.
func capture(command *exec.Cmd) (string, error) {
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, lastLines(complaints.String()+out.String(), 20))
	}
	return out.String(), nil
}

func lastLines(text string, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > count {
		lines = lines[len(lines)-count:]
	}
	return strings.Join(lines, "\n")
}

// launch starts a server of the node. The server outlives this program, because make node leaves it running.
// Its process ID and its output are in files under the state folder.
func (n *node) launch(name, program string, args ...string) error {
	for _, folder := range []string{"logs", "pids"} {
		if err := os.MkdirAll(n.path(folder), 0o755); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(n.path("logs", name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := within(context.Background(), program, args...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), "PATH="+filepath.Join(n.cache, "bin")+":"+os.Getenv("PATH"))
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return err
	}
	go func() { _ = command.Wait() }() // nsenter replaces itself by the program, so this is the server's process
	return os.WriteFile(n.path("pids", name), []byte(strconv.Itoa(command.Process.Pid)), 0o644)
}

// pid returns the process ID of a server, 0 if it does not run.
func (n *node) pid(name string) int {
	text, err := os.ReadFile(n.path("pids", name))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil || !n.isOurs(pid) {
		return 0
	}
	return pid
}

// isOurs reports whether a process is one of the node's: the ID may have been reused, also by a server of
// the tests on a control plane. It is in the node's network namespace, or about to enter it.
func (n *node) isOurs(pid int) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if bytes.HasPrefix(line, []byte("nsenter\x00--net="+networkFile)) {
		return true
	}
	own, err := os.Stat(networkFile)
	if err != nil {
		return false
	}
	its, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && os.SameFile(own, its)
}

// end sends SIGTERM to a server, and SIGKILL after limit.
func (n *node) end(name string, limit time.Duration) error {
	pid := n.pid(name)
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if n.pid(name) == 0 {
			return os.Remove(n.path("pids", name))
		}
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return os.Remove(n.path("pids", name))
}

// commandLine returns the program and arguments of a server, nil if it does not run.
func (n *node) commandLine(name string) []string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", n.pid(name)))
	if err != nil || len(line) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
}

// tail returns an error with the last log lines of each server that has ended.
func (n *node) tail() error {
	names, err := os.ReadDir(n.path("pids"))
	if err != nil {
		return nil //nolint:nilerr // nothing had been started
	}
	var found []error
	for _, name := range names {
		if n.pid(name.Name()) != 0 {
			continue
		}
		text, err := os.ReadFile(n.path("logs", name.Name()))
		found = append(found, err, fmt.Errorf("%s has ended; its last lines:\n%s", name.Name(), lastLines(string(text), 15)))
	}
	return errors.Join(found...)
}
