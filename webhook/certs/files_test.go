package certs

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestFilesAreReadAgainWhenTheMountTurns: the kubelet updates a mounted Secret by replacing the link ..data
// and removing the directory to which it pointed.
func TestFilesAreReadAgainWhenTheMountTurns(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	turn := func(name string) []byte {
		t.Helper()
		authority, err := newAuthority(time.Now(), storedLife)
		must(err)
		data, err := (&stored{authority: authority}).data()
		must(err)
		before, _ := os.Readlink(filepath.Join(dir, "..data")) // none at first
		must(os.Mkdir(filepath.Join(dir, name), 0o700))
		for key, text := range data {
			must(os.WriteFile(filepath.Join(dir, name, key), text, 0o600))
		}
		must(os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		if before != "" {
			must(os.RemoveAll(filepath.Join(dir, before)))
		}
		return authority.cert.Raw
	}
	first := turn("..1")
	for _, key := range []string{certificateKey, privateKeyKey, trustedKey} {
		must(os.Symlink(filepath.Join("..data", key), filepath.Join(dir, key)))
	}
	files, err := NewFiles(dir)
	must(err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := files.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	serves := func(want []byte) bool {
		cert, err := files.GetCertificate(nil)
		return err == nil && bytes.Equal(cert.Certificate[0], want)
	}
	if !serves(first) {
		t.Fatal("the files are not served")
	}
	for _, name := range []string{"..2", "..3"} {
		want := turn(name)
		for deadline := time.Now().Add(30 * time.Second); !serves(want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not served", name)
			}
		}
		if list, err := files.authorities(); err != nil || len(list) != 1 || !bytes.Equal(list[0].Raw, want) {
			t.Errorf("%s: ca.crt: %d certificates, %v", name, len(list), err)
		}
	}
	must(os.WriteFile(filepath.Join(dir, "..3", trustedKey), []byte("garbage"), 0o600))
	if _, err := files.authorities(); err == nil {
		t.Error("garbage is taken for an authority")
	}
	must(os.Remove(filepath.Join(dir, "..3", trustedKey)))
	if list, err := files.authorities(); err != nil || len(list) > 0 {
		t.Errorf("without ca.crt: %v, %v", list, err)
	}
	if lives := files.Lives(); len(lives) != 1 || lives[0].Certificate != ServingLife {
		t.Errorf("Lives() = %v", lives)
	}
}
