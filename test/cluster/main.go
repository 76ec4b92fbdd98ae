// Command cluster builds the programs of a Kubernetes control plane and node from their Go modules, once per
// version, into a cache folder outside the checkout.
//
//	go run . [-version 1.37] [PROGRAM...]
//
// Without names it builds all programs whose modules are pinned for the version. It prints one line for each
// program on stdout: its name, a tab, its path. A program that exists in the folder KUBEBUILDER_ASSETS is
// used from there and not built. Progress is written to stderr.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// programs returns the package from which each program is built.
func programs() map[string]string {
	const module = "github.com/sidecar-injector/sidecar-injector/test/cluster"
	return map[string]string{
		"etcd":                    module + "/etcd",
		"kube-apiserver":          "k8s.io/kubernetes/cmd/kube-apiserver",
		"kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
		"kube-scheduler":          "k8s.io/kubernetes/cmd/kube-scheduler",
		"kubectl":                 "k8s.io/kubernetes/cmd/kubectl",
		"kubelet":                 "k8s.io/kubernetes/cmd/kubelet",
		"kube-proxy":              "k8s.io/kubernetes/cmd/kube-proxy",
	}
}

func main() {
	minor := flag.String("version", "1.37", "minor version of Kubernetes; go.mod or go.`VERSION`.mod names the patch")
	flag.Parse()
	if err := run(*minor, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(minor string, wanted []string) error {
	release, err := readRelease(minor)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		wanted = release.programs
	}
	for _, name := range wanted {
		if !slices.Contains(release.programs, name) {
			return fmt.Errorf("program %q of Kubernetes %s: want one of %s", name, minor, strings.Join(release.programs, ", "))
		}
	}
	cache, err := cacheDir(release)
	if err != nil {
		return err
	}
	paths, lacking := find(wanted, cache, os.Getenv("KUBEBUILDER_ASSETS"))
	if len(lacking) > 0 {
		start := time.Now()
		fmt.Fprintf(os.Stderr, "building %s of Kubernetes %s into %s\n", strings.Join(lacking, ", "), release.version, cache)
		if err := build(release, cache, lacking); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "built in %s\n", time.Since(start).Round(time.Second))
	}
	for _, name := range wanted {
		fmt.Printf("%s\t%s\n", name, paths[name])
	}
	return nil
}

// cacheDir returns the folder of one release's programs, which all checkouts of the project share.
func cacheDir(r release) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	return filepath.Join(base, "sidecar-injector", "cluster", r.version), nil
}

// find returns the path of each program, and the names of those that have to be built. The folder assets
// takes precedence over the cache.
func find(wanted []string, cache, assets string) (paths map[string]string, lacking []string) {
	paths = map[string]string{}
	for _, name := range wanted {
		paths[name] = filepath.Join(cache, name)
		if assets != "" && exists(filepath.Join(assets, name)) {
			paths[name] = filepath.Join(assets, name)
		} else if !exists(paths[name]) {
			lacking = append(lacking, name)
		}
	}
	return paths, lacking
}

func exists(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}
