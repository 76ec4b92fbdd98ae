// Command static writes the playground as static files for any web server: the page, its examples, and the
// engine as WebAssembly.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground/page"
)

func main() {
	folder := flag.String("o", "dist/playground", "the `folder` to write")
	flag.Parse()
	if err := run(*folder); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	files, err := page.Files()
	if err != nil {
		return err
	}
	catalogue, err := playground.NewCatalogue()
	if err != nil {
		return err
	}
	if files["catalogue.json"], err = catalogue.JSON(); err != nil {
		return err
	}
	if files["wasm_exec.js"], err = goRuntime(); err != nil {
		return err
	}
	engine, err := build()
	if err != nil {
		return err
	}
	if files["engine.wasm.gz"], err = packed(engine); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	total := 0
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return err
		}
		small, err := packed(data)
		if err != nil {
			return err
		}
		total += min(len(small), len(data))
	}
	fmt.Printf("%s: %.1f MB as a browser gets it, of which the engine is %.1f MB (%.1f MB unpacked)\n",
		folder, megabytes(total), megabytes(len(files["engine.wasm.gz"])), megabytes(len(engine)))
	return nil
}

func megabytes(bytes int) float64 { return float64(bytes) / (1 << 20) }

// goRuntime returns the JavaScript support file that WebAssembly of this Go version needs.
func goRuntime() ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec.js"))
}

// build compiles the engine to WebAssembly.
func build() ([]byte, error) {
	folder, err := os.MkdirTemp("", "playground-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "engine.wasm")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out,
		"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground/wasm")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	return os.ReadFile(out)
}

func packed(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
