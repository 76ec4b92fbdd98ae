package source_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

func TestVanishedDirectoryKeepsWhatWasAndSaysSo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "templates")
	fillDirectory(t, dir, files{"a.yaml": template("a", 1), "b.yaml": unparsable})
	s := source.NewDirectory(dir)
	_, err := s.Read()
	must(t, err)

	must(t, os.RemoveAll(dir))
	entries, err := s.Read()
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("the error does not name the directory: %v", err)
	}
	if got, want := describe(entries), "? broken, a@1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	fillDirectory(t, dir, files{"c.yaml": template("c", 1)})
	entries, err = s.Read()
	must(t, err)
	if got, want := describe(entries), "c@1"; got != want {
		t.Errorf("after its return: got %s, want %s", got, want)
	}
}

func TestDirectoryThatNeverWasGivesNothingAndAnError(t *testing.T) {
	there := t.TempDir()
	fillDirectory(t, there, files{"a.yaml": template("a", 1)})
	entries, err := source.NewDirectory(there, filepath.Join(there, "absent")).Read()
	if err == nil || entries != nil {
		t.Errorf("got %v, %v; want nil and an error", entries, err)
	}
}

func TestSeveralDirectoriesAreOneSource(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	fillDirectory(t, one, files{"a.yaml": template("a", 1)})
	s := source.NewDirectory(one, two)
	_, err := s.Read()
	must(t, err)

	fillDirectory(t, two, files{"a.yaml": template("a", 2), "b.yaml": template("b", 1)})
	entries, err := s.Read()
	must(t, err)
	if got, want := describe(entries), "a@1 broken, a@1 broken, b@1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFileThatCannotBeReadKeepsItsTemplates(t *testing.T) {
	dir := t.TempDir()
	fillDirectory(t, dir, files{"a.yaml": template("a", 1), "b.yaml": template("b", 1)})
	s := source.NewDirectory(dir)
	_, err := s.Read()
	must(t, err)

	// A link to itself cannot be opened by any user, including root.
	a := filepath.Join(dir, "a.yaml")
	must(t, os.Remove(a))
	must(t, os.Symlink("a.yaml", a))
	must(t, os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(template("b", 2)), 0o644))
	entries, err := s.Read()
	if err == nil || !strings.Contains(err.Error(), "a.yaml") {
		t.Errorf("the error does not name the file: %v", err)
	}
	if got, want := describe(entries), "a@1, b@2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLinkThatLeadsBackUpIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	fillDirectory(t, dir, files{"x/a.yaml": template("a", 1)})
	must(t, os.Symlink("..", filepath.Join(dir, "x", "up")))
	entries, err := source.NewDirectory(dir).Read()
	must(t, err)
	if got, want := describe(entries), "a@1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLinkedDirectoryIsRead(t *testing.T) {
	dir := t.TempDir()
	fillDirectory(t, filepath.Join(dir, "real"), files{"a.yaml": template("a", 1)})
	must(t, os.Symlink("real", filepath.Join(dir, "link")))
	entries, err := source.NewDirectory(filepath.Join(dir, "link")).Read()
	must(t, err)
	if got, want := describe(entries), "a@1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The two versions have different files, so that links are created and removed as well.
func TestConfigMapSwappedWhileItIsReadIsNeverSeenHalf(t *testing.T) {
	versions := []files{
		{"a.yaml": template("a", 1), "b.yaml": template("b", 1), "old.yaml": template("old", 1)},
		{"a.yaml": template("a", 2), "b.yaml": template("b", 2), "new.yaml": template("new", 2)},
	}
	whole := map[string]bool{"a@1, b@1, old@1": true, "a@2, b@2, new@2": true}
	mount := newMount(t, t.TempDir())
	mount.set(versions[0])

	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				mount.set(versions[i%2])
			}
		}
	})
	defer swapping.Wait()
	defer close(stop)
	s := source.NewDirectory(mount.dir)
	for range 500 {
		entries, err := s.Read()
		if err != nil && entries == nil {
			continue // replaced during every attempt: an allowed, reported error
		}
		if got := describe(entries); !whole[got] {
			t.Fatalf("seen: %s", got)
		}
	}
}

// watched is a library that follows a directory while the test runs.
func watched(t *testing.T, s source.Source) *source.Library {
	t.Helper()
	library := source.NewLibrary(time.Now, nil, s)
	must(t, library.Load())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { library.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return library
}

func eventually(t *testing.T, library *source.Library, want string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	var got string
	for time.Now().Before(deadline) {
		if got = describe(library.Current().Entries()); got == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("after 20s: got %s, want %s", got, want)
}

func TestLibraryFollowsAMountedConfigMap(t *testing.T) {
	mount := newMount(t, t.TempDir())
	mount.set(files{"a.yaml": template("a", 1)})
	library := watched(t, source.NewDirectory(mount.dir))
	eventually(t, library, "a@1")
	for version := 2; version < 5; version++ {
		mount.set(files{"a.yaml": template("a", version), "b.yaml": template("b", version)})
		eventually(t, library, strings.NewReplacer("N", string(rune('0'+version))).Replace("a@N, b@N"))
	}
	mount.set(files{"b.yaml": broken("b", 5)})
	eventually(t, library, "b@4 broken")
}

func TestLibraryFollowsEditsAndNewFolders(t *testing.T) {
	dir := t.TempDir()
	library := watched(t, source.NewDirectory(dir))
	fillDirectory(t, dir, files{"x/y/a.yaml": template("a", 1)})
	eventually(t, library, "a@1")
	fillDirectory(t, dir, files{"x/y/a.yaml": template("a", 2), "b.yaml": template("b", 1)})
	eventually(t, library, "a@2, b@1")
	// Written in place, in several writes.
	f, err := os.Create(filepath.Join(dir, "b.yaml"))
	must(t, err)
	for _, line := range strings.SplitAfter(template("b", 2), "\n") {
		_, err := f.WriteString(line)
		must(t, err)
	}
	must(t, f.Close())
	eventually(t, library, "a@2, b@2")
	must(t, os.RemoveAll(filepath.Join(dir, "x")))
	eventually(t, library, "b@2")
}

func TestLibraryFindsADirectoryThatCameBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "templates")
	fillDirectory(t, dir, files{"a.yaml": template("a", 1)})
	s := source.NewDirectory(dir)
	source.SetRescan(s, 50*time.Millisecond)
	library := watched(t, s)
	must(t, os.RemoveAll(dir))
	fillDirectory(t, dir, files{"a.yaml": template("a", 2)})
	eventually(t, library, "a@2")
}
