package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const root = "../.."

var cold = flag.Bool("cold", false, "compile everything anew for the second build, and all for another processor; takes minutes")

// release returns the version data that the tests use.
func release() about {
	return about{version: "v1.2.3", commit: "0123456789abcdef", created: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
}

// build runs the build script of a copy of the sources and returns the program's path.
func build(t *testing.T, sources, architecture string, environment ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), program)
	script, err := filepath.Abs(filepath.Join(sources, "tools/build.sh"))
	must(t, err)
	command := exec.Command(script, out)
	command.Env = slices.Concat(os.Environ(), environment,
		[]string{"TARGETOS=linux", "TARGETARCH=" + architecture, "VERSION=" + release().version, "COMMIT=" + release().commit})
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, said)
	}
	return out
}

// dockerContext copies the files that docker build would send: those that .dockerignore does not exclude.
func dockerContext(t *testing.T) string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	must(t, err)
	ignored := readIgnored(t)
	to := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		leaveOut, err := ignored.MatchesOrParentMatches(name)
		must(t, err)
		from := filepath.Join(root, name)
		info, err := os.Stat(from)
		if leaveOut || errors.Is(err, os.ErrNotExist) { // deleted, but not yet in git
			continue
		}
		must(t, err)
		data, err := os.ReadFile(from)
		must(t, err)
		file := filepath.Join(to, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o700))
		// Other permissions and times than those of the sources.
		must(t, os.WriteFile(file, data, info.Mode().Perm()&0o700))
		must(t, os.Chtimes(file, time.Time{}, time.Unix(1_000_000_000, 0)))
	}
	return to
}

func readIgnored(t *testing.T) *patternmatcher.PatternMatcher {
	t.Helper()
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	must(t, err)
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	must(t, err)
	matcher, err := patternmatcher.New(patterns)
	must(t, err)
	return matcher
}

// archive assembles an image and reads it back.
func archive(t *testing.T, binary string) (v1.Image, []byte) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image.tar")
	digest, err := write(out, "example.com/team/"+program+":v1.2.3", binary, release())
	must(t, err)
	image, err := tarball.ImageFromPath(out, nil)
	must(t, err)
	read, err := image.Digest()
	must(t, err)
	data, err := os.ReadFile(out)
	must(t, err)
	if read != digest {
		t.Errorf("the archive holds %s, want %s", read, digest)
	}
	return image, data
}

func TestTheImageRunsTheProgramAsNobody(t *testing.T) {
	image, _ := archive(t, build(t, root, "amd64"))
	config, err := image.ConfigFile()
	must(t, err)
	want := v1.Config{
		User: "65532:65532", WorkingDir: "/", Entrypoint: []string{"/sidecar-injector"}, Cmd: []string{"serve"}, Labels: release().labels(),
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != "amd64" || !config.Created.Equal(release().created) {
		t.Errorf("%s/%s of %s", config.OS, config.Architecture, config.Created)
	}
	layers, err := image.Layers()
	must(t, err)
	if len(layers) != 1 {
		t.Fatalf("%d layers", len(layers))
	}
	content, err := layers[0].Uncompressed()
	must(t, err)
	defer content.Close()
	files := tar.NewReader(content)
	header, err := files.Next()
	must(t, err)
	if header.Name != program || header.Mode != 0o555 || header.Uid != 0 || !header.ModTime.Equal(release().created) {
		t.Errorf("file %s, mode %o, owner %d, of %s", header.Name, header.Mode, header.Uid, header.ModTime)
	}
	extracted := filepath.Join(t.TempDir(), program)
	data, err := io.ReadAll(files)
	must(t, err)
	must(t, os.WriteFile(extracted, data, header.FileInfo().Mode()))
	if _, err := files.Next(); err != io.EOF {
		t.Errorf("a second file: %v", err)
	}
	if architecture, err := staticArchitecture(extracted); architecture != "amd64" {
		t.Errorf("architecture %q: %v", architecture, err)
	}
	run := exec.Command(extracted, "version")
	run.Env = []string{} // no variables, as in an empty image
	said, err := run.CombinedOutput()
	must(t, err)
	for _, want := range []string{"version: v1.2.3\n", "commit: 0123456789abcdef\n"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("version says %s", said)
		}
	}
}

func TestTheSameSourcesGiveTheSameBytesElsewhere(t *testing.T) {
	here := build(t, root, "amd64")
	// The copy has only the files of a docker build.
	environment := []string{"GOFLAGS=-buildvcs=true -ldflags=-X=main.commit=wrong", "GOAMD64=v3", "CGO_ENABLED=1", "TZ=Asia/Tokyo", "LC_ALL=tr_TR.UTF-8", "TMPDIR=" + t.TempDir()}
	if *cold {
		environment = append(environment, "GOCACHE="+t.TempDir())
	}
	there := build(t, dockerContext(t), "amd64", environment...)
	if sum(t, here) != sum(t, there) {
		t.Error("the programs differ")
	}
	first, firstBytes := archive(t, here)
	second, secondBytes := archive(t, there)
	firstDigest, err := first.Digest()
	must(t, err)
	secondDigest, err := second.Digest()
	must(t, err)
	if firstDigest != secondDigest || !bytes.Equal(firstBytes, secondBytes) {
		t.Errorf("the images differ: %s, %s", firstDigest, secondDigest)
	}
}

func TestAnotherProcessorGetsItsOwnImage(t *testing.T) {
	var binary string
	if *cold {
		binary = build(t, root, "arm64")
	} else {
		// Compiling the real program again would take as long as everything else here together.
		binary = filepath.Join(t.TempDir(), program)
		source := filepath.Join(t.TempDir(), "main.go")
		must(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
		compile := exec.Command("go", "build", "-o", binary, source)
		compile.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
		if said, err := compile.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	image, _ := archive(t, binary)
	config, err := image.ConfigFile()
	must(t, err)
	if config.OS != "linux" || config.Architecture != "arm64" {
		t.Errorf("image for %s/%s", config.OS, config.Architecture)
	}
}

// TestThePlatformIsTheOneAskedFor: for an unsupported platform, the compiler's error names it.
func TestThePlatformIsTheOneAskedFor(t *testing.T) {
	command := exec.Command(filepath.Join(root, "tools/build.sh"), filepath.Join(t.TempDir(), program))
	command.Env = append(os.Environ(), "TARGETOS=plan10", "TARGETARCH=z80", "GOOS=linux", "GOARCH=amd64")
	said, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "plan10/z80") {
		t.Errorf("%v: %s", err, said)
	}
}

func TestWhatWouldNotRunAloneIsRefused(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	for name, path := range map[string]string{
		"a program that needs a loader and libraries": "/bin/sh",
		"a script":                   script,
		"a file that does not exist": filepath.Join(t.TempDir(), "absent"),
	} {
		out := filepath.Join(t.TempDir(), "image.tar")
		_, err := write(out, "example.com/x:1", path, release())
		var notStatic *notStaticError
		if !errors.As(err, &notStatic) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: an archive was left", name)
		}
	}
}

func sum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return sha256.Sum256(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
