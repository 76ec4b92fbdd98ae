package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is the running binary.
type server struct {
	command         *exec.Cmd
	ended           chan struct{} // closed once err is set
	err             error         // the result of Wait
	webhook, health string        // addresses
	client          *http.Client
}

// start runs the binary on free ports of the loopback interface and waits until it is ready.
func start(ctx context.Context, binary, folder string) (*server, error) {
	bundle := filepath.Join(folder, "ca.crt")
	command := exec.CommandContext(ctx, binary, "serve", "--standalone", "--ca-out", bundle,
		"--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--metrics-listen", "", "--drain", "0s")
	log, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &server{command: command, ended: make(chan struct{})}
	if err := s.connect(ctx, log, bundle); err != nil {
		s.kill()
		return nil, fmt.Errorf("server: %w", err)
	}
	return s, nil
}

func (s *server) connect(ctx context.Context, log io.Reader, bundle string) error {
	lines := bufio.NewScanner(log)
	err := s.addresses(lines)
	go func() {
		// The pipe is drained, because a full one would block the server, and Wait must be called after its
		// end.
		for lines.Scan() {
		}
		s.err = s.command.Wait()
		close(s.ended)
	}()
	if err != nil {
		return err
	}
	trusted, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(trusted) {
		return fmt.Errorf("%s: no certificate in it", bundle)
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	return s.ready(ctx)
}

// addresses reads the log until it contains both addresses.
func (s *server) addresses(lines *bufio.Scanner) error {
	last := "nothing"
	for lines.Scan() {
		last = lines.Text()
		var line struct{ Msg, What, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Msg != "serving" {
			continue
		}
		switch line.What {
		case "webhook":
			s.webhook = line.Address
		case "health":
			s.health = line.Address
		}
		if s.webhook != "" && s.health != "" {
			return nil
		}
	}
	return fmt.Errorf("ended before it served; its last line was %s", last)
}

// ready polls until the server is ready.
func (s *server) ready(ctx context.Context) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := s.askReady(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", ctx.Err())
		case <-s.ended:
			return errors.Join(errors.New("ended before it was ready"), s.err)
		case <-ticker.C:
		}
	}
}

func (s *server) askReady(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.health+"/readyz", nil)
	if err != nil {
		return false, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK, nil
}

// stop terminates the server with SIGTERM, as Kubernetes does, and checks its exit status.
func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	<-s.ended
	if s.err != nil {
		return fmt.Errorf("server, after SIGTERM: %w", s.err)
	}
	return nil
}

// kill kills the server if it is still running, and waits for its end.
func (s *server) kill() {
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintf(os.Stderr, "demo: server: %v\n", err)
	}
	<-s.ended
}
