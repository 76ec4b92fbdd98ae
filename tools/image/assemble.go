package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Values that the Dockerfile has too; a test compares them.
const (
	program = "sidecar-injector"
	// user is nonroot in distroless images, as a number, so that Kubernetes can verify runAsNonRoot.
	user        = "65532:65532"
	description = "A mutating admission webhook that adds sidecars to pods from typed templates."
	source      = "https://github.com/sidecar-injector/sidecar-injector"
)

// about is what differs between two images of the program.
type about struct {
	version, commit string
	created         time.Time
}

func (a about) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":       program,
		prefix + "description": description,
		prefix + "source":      source,
		prefix + "licenses":    "Apache-2.0",
		prefix + "version":     a.version,
		prefix + "revision":    a.commit,
	}
}

// assemble returns an image with one layer that contains the program.
func assemble(binary string, a about) (v1.Image, error) {
	architecture, err := staticArchitecture(binary)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	packed, err := pack(content, a.created)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed)), nil
	}, tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	image, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: a.created}, CreatedBy: "tools/image", Comment: "the program"},
	})
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", architecture, v1.Time{Time: a.created}
	file.Config = v1.Config{
		User:       user,
		WorkingDir: "/",
		Entrypoint: []string{"/" + program},
		Cmd:        []string{"serve"},
		Labels:     a.labels(),
	}
	return mutate.ConfigFile(image, file)
}

// pack returns the layer's tar archive.
func pack(content []byte, created time.Time) ([]byte, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	// Owned by root, so that the process cannot change its own program.
	header := &tar.Header{Typeflag: tar.TypeReg, Name: program, Mode: 0o555, Size: int64(len(content)), ModTime: created}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err := w.Close()
	return packed.Bytes(), err
}

// notStaticError is returned for a program that would not run in an empty image.
type notStaticError struct{ path, why string }

func (e *notStaticError) Error() string {
	return fmt.Sprintf("%s: want a static Linux program: %s", e.path, e.why)
}

// staticArchitecture returns Go's name of the architecture of a statically linked program, from its ELF
// header.
func staticArchitecture(path string) (string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return "", &notStaticError{path, err.Error()}
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return "", &notStaticError{path, "it asks for an interpreter"}
		}
	}
	switch file.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	}
	return "", &notStaticError{path, fmt.Sprintf("no image is made for %s", file.Machine)}
}
