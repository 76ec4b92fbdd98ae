// Command image assembles the container image without Docker, as an archive for docker load, ctr image import
// and kind load image-archive. Equal inputs result in equal bytes. It contains only what the Dockerfile adds
// to its base image, which is not available everywhere and which the program does not need.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	var (
		binary  = flag.String("binary", "", "static Linux `program`")
		out     = flag.String("o", "", "archive to write, a `file`")
		tag     = flag.String("tag", "", "`name:tag` of the image")
		version = flag.String("version", "devel", "what the label says")
		commit  = flag.String("commit", "unknown", "what the label says")
		epoch   = flag.Int64("epoch", 0, "when the sources were last changed, in `seconds` since 1970")
	)
	flag.Parse()
	digest, err := write(*out, *tag, *binary, about{version: *version, commit: *commit, created: time.Unix(*epoch, 0).UTC()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %s %s\n", *out, *tag, digest)
}

// write replaces the archive atomically.
func write(out, tag, binary string, a about) (v1.Hash, error) {
	reference, err := name.NewTag(tag, name.StrictValidation)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("tag: %w", err)
	}
	made, err := assemble(binary, a)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return v1.Hash{}, err
	}
	file, err := os.CreateTemp(filepath.Dir(out), ".image-*")
	if err != nil {
		return v1.Hash{}, err
	}
	defer os.Remove(file.Name()) // exists only after an error
	err = tarball.Write(reference, made, file)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return v1.Hash{}, fmt.Errorf("archive %s: %w", out, err)
	}
	if err := os.Rename(file.Name(), out); err != nil {
		return v1.Hash{}, err
	}
	return made.Digest()
}
