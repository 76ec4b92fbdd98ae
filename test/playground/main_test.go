// Package playground tests the playground's page in a real browser: as static files, whose engine is
// WebAssembly, and as served by the program. Both must behave alike.
package playground

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

var (
	folder      = flag.String("folder", "../../dist/playground", "the static page; make playground makes it")
	binary      = flag.String("binary", "../../bin/sidecar-injector", "the program; make build makes it")
	screenshots = flag.String("screenshots", "../../dist/screenshots", "where to keep what the page looked like")
)

// servers are the running programs; none may outlive the tests, because it would keep their output open.
var servers sync.WaitGroup

// addresses are the addresses of the page, by how it is served.
var addresses = map[string]string{}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if _, err := os.Stat(*folder + "/engine.wasm.gz"); err != nil {
		return 0, fmt.Errorf("%w: make playground makes it", err)
	}
	static := httptest.NewServer(http.FileServer(http.Dir(*folder)))
	defer static.Close()
	addresses["static"] = static.URL + "/"

	defer servers.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address, err := serve(ctx)
	if err != nil {
		return 0, err
	}
	addresses["served"] = address
	return m.Run(), nil
}

// serve starts the program's own server, and returns the address that it prints.
func serve(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, *binary, append([]string{"playground"}, arguments...)...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("%w: make build makes it", err)
	}
	servers.Go(func() { _ = command.Wait() }) // killed when the context ends
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s playground: %w", *binary, err)
	}
	return strings.TrimSpace(line), nil
}

// both runs a test on the static page and on the served one.
func both(t *testing.T, test func(t *testing.T, address string)) {
	for how, address := range addresses {
		t.Run(how, func(t *testing.T) { test(t, address) })
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
