package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// release is one version of Kubernetes and the file that pins its modules.
type release struct {
	version  string // v1.37.2
	modfile  string
	programs []string // whose modules the file pins
}

// readRelease finds the module file of a minor version: go.mod for the current one, go.1.29.mod for 1.29.
func readRelease(minor string) (release, error) {
	pin := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v` + regexp.QuoteMeta(minor) + `\.\d+)`)
	for _, file := range []string{"go.mod", "go." + minor + ".mod"} {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return release{}, err
		}
		if found := pin.FindSubmatch(text); found != nil {
			return release{version: string(found[1]), modfile: file, programs: pinned(text)}, nil
		}
	}
	return release{}, fmt.Errorf("version %q: neither go.mod nor go.%s.mod pins k8s.io/kubernetes to it", minor, minor)
}

// pinned returns the programs that a module file has as tools, and etcd, which is a package of this module.
func pinned(modfile []byte) []string {
	names := []string{"etcd"}
	for name, from := range programs() {
		if regexp.MustCompile(`(?m)^\t` + regexp.QuoteMeta(from) + `$`).Match(modfile) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// build builds programs into the cache. Each is moved there atomically, so that an interrupted build leaves
// nothing incomplete and concurrent builds do not interfere.
func build(r release, cache string, lacking []string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	var packages []string
	for _, name := range lacking {
		packages = append(packages, programs()[name])
	}
	total, err := countPackages(r, packages)
	if err != nil {
		return err
	}
	// The program that shows the progress on a terminal is in the product's module.
	const compile = "./cmd/sidecar-injector/progress/compile"
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	args := []string{"run", "-C", filepath.Join("..", ".."), compile, "-of", strconv.Itoa(total), "go", "build", "-C", here}
	args = append(args, "-modfile", r.modfile, "-v", "-trimpath", "-buildvcs=false", "-ldflags", linkerFlags(r), "-o", work+string(filepath.Separator))
	command := goCommand(append(args, packages...)...)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	for _, name := range lacking {
		if err := os.Rename(filepath.Join(work, name), filepath.Join(cache, name)); err != nil {
			return err
		}
	}
	return nil
}

// linkerFlags sets the version of the programs: without them the API server reports v0.0.0.
func linkerFlags(r release) string {
	parts := strings.SplitN(strings.TrimPrefix(r.version, "v"), ".", 3)
	flags := []string{"-s", "-w"}
	for _, variable := range []string{"gitVersion=" + r.version, "gitMajor=" + parts[0], "gitMinor=" + parts[1]} {
		flags = append(flags, "-X", "k8s.io/component-base/version."+variable)
	}
	return strings.Join(flags, " ")
}

func countPackages(r release, packages []string) (int, error) {
	list := goCommand(append([]string{"list", "-modfile", r.modfile, "-deps"}, packages...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return 0, fmt.Errorf("go list: %w", err)
	}
	return bytes.Count(out, []byte{'\n'}), nil
}

func goCommand(args ...string) *exec.Cmd {
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	return command
}
