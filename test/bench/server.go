//go:build linux

package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a measured program, on a core of its own.
type server struct {
	name    string
	address string // host:port of the webhook
	trusted *x509.CertPool
	log     string // file
	process *os.Process
	ended   chan struct{}
	began   time.Time
	ready   time.Duration // from start until it accepted a connection
}

// patience is the maximum time until a server accepts connections, including one that loads thousands of
// templates on a busy machine.
const patience = 90 * time.Second

// launch starts a program in a folder of its own; argv returns its arguments for the address to listen on and
// the file for its CA bundle.
func launch(name string, core int, folder string, argv func(address, bundle string) []string) (*server, error) {
	folder = filepath.Join(folder, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{name: name, address: address, log: filepath.Join(folder, "log"), ended: make(chan struct{})}
	bundle := filepath.Join(folder, "ca.crt")
	// Opened for appending, so that the file can be truncated while the server writes to it.
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := argv(address, bundle)
	command := exec.Command(args[0], args[1:]...)
	command.Stdout, command.Stderr = log, log
	s.began = time.Now()
	if err := startOn(core, command); err != nil {
		return nil, fmt.Errorf("server %s: %w", name, err)
	}
	s.process = command.Process
	go func() {
		_ = command.Wait() // its log has the error
		close(s.ended)
	}()
	if err := s.connect(bundle); err != nil {
		text, _ := os.ReadFile(s.log)
		return nil, errors.Join(fmt.Errorf("server %s: %w; its log ends with\n%s", name, err, lastLines(text, 5)), s.stop())
	}
	return s, nil
}

// connect waits until the server accepts connections.
func (s *server) connect(bundle string) error {
	for {
		connection, err := net.DialTimeout("tcp", s.address, time.Second)
		if err == nil {
			s.ready = time.Since(s.began)
			_ = connection.Close()
			break
		}
		select {
		case <-s.ended:
			return errors.New("ended before it served")
		case <-time.After(5 * time.Millisecond):
		}
		if time.Since(s.began) > patience {
			return fmt.Errorf("takes no connection: %w", err)
		}
	}
	text, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	s.trusted = x509.NewCertPool()
	if !s.trusted.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s: no certificate in it", bundle)
	}
	return nil
}

// stop terminates the server and waits until it has ended.
func (s *server) stop() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	if err := s.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

// cpu returns the processor time that the server has used, with a resolution of 10 ms.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses and may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: has %d fields", s.process.Pid, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * (time.Second / 100), nil // USER_HZ is 100 on Linux
}

// memory is the resident memory of a server, in bytes.
type memory struct {
	now, peak int64
	// own is the part of now that is not file-backed: heap and stacks. The rest is the program file, whose
	// pages the kernel can drop and read again.
	own int64
}

func (s *server) memory() (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	if err != nil {
		return memory{}, err
	}
	var m memory
	fields := map[string]*int64{"VmRSS": &m.now, "VmHWM": &m.peak, "RssAnon": &m.own}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		field := fields[name]
		if field == nil {
			continue
		}
		if _, err := fmt.Sscanf(value, "%d kB", field); err != nil {
			return memory{}, fmt.Errorf("%s of %q: %w", name, s.name, err)
		}
		*field <<= 10
	}
	return m, nil
}

// freeAddress returns an unused address of the loopback interface.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func lastLines(text []byte, n int) []byte {
	text = bytes.TrimSpace(text)
	at := len(text)
	for range n {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return text
		}
	}
	return text[at+1:]
}
