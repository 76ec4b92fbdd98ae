package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWhatIsThereIsNotBuiltAndTheUsersOwnAssetsWin(t *testing.T) {
	cache, assets := t.TempDir(), t.TempDir()
	for _, file := range []string{filepath.Join(cache, "etcd"), filepath.Join(cache, "kubectl"), filepath.Join(assets, "kubectl")} {
		if err := os.WriteFile(file, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	paths, lacking := find([]string{"etcd", "kubectl", "kubelet"}, cache, assets)
	want := map[string]string{
		"etcd":    filepath.Join(cache, "etcd"),
		"kubectl": filepath.Join(assets, "kubectl"),
		"kubelet": filepath.Join(cache, "kubelet"),
	}
	for name, path := range want {
		if paths[name] != path {
			t.Errorf("%s: %s, want %s", name, paths[name], path)
		}
	}
	if !slices.Equal(lacking, []string{"kubelet"}) {
		t.Errorf("lacking %q, want only the kubelet", lacking)
	}
}

func TestEachVersionIsPinnedByItsModules(t *testing.T) {
	for minor, want := range map[string]struct {
		modfile  string
		programs []string
	}{
		"1.37": {"go.mod", slices.Sorted(maps.Keys(programs()))},
		"1.29": {"go.1.29.mod", []string{"etcd", "kube-apiserver", "kube-controller-manager"}},
	} {
		r, err := readRelease(minor)
		if err != nil {
			t.Fatal(err)
		}
		if r.modfile != want.modfile || !slices.Equal(r.programs, want.programs) {
			t.Errorf("%s is pinned by %s, for %q; want %s, for %q", minor, r.modfile, r.programs, want.modfile, want.programs)
		}
	}
	if r, err := readRelease("1.3"); err == nil {
		t.Errorf("version 1.3 is %v, want an error", r)
	}
}
