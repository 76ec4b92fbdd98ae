package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// debianPackages are the real programs that are not available as Go modules. They are on one root file system
// that several images share.
const debianPackages = "ca-certificates,git,iptables,nginx-light,openssh-client,openssh-server,prometheus,prometheus-alertmanager,prometheus-node-exporter,python3-minimal"

// makeDebian makes the root file system, once for each list of packages.
func (n *node) makeDebian(ctx context.Context) (string, error) {
	sum := sha256.Sum256([]byte(debianPackages))
	file := filepath.Join(n.cache, "debian-"+hex.EncodeToString(sum[:6])+".tar.gz")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	n.log("unpacking Debian packages: %s", debianPackages)
	part := filepath.Join(n.cache, "part.tar.gz")
	defer os.Remove(part)
	err := output(ctx, "mmdebstrap", "--variant=essential", "--include="+debianPackages,
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/javascript/*",
		"--dpkgopt=path-exclude=/usr/bin/promtool", "--dpkgopt=path-exclude=/usr/bin/amtool",
		"bookworm", part)
	if err != nil {
		return "", err
	}
	return file, os.Rename(part, file)
}

// buildImages writes one archive with every image, unless the existing one was made from the same programs.
func (n *node) buildImages(ctx context.Context) error {
	debian, err := n.makeDebian(ctx)
	if err != nil {
		return err
	}
	all := images()
	inputs := []string{debian}
	for _, i := range all {
		for _, source := range i.programs {
			inputs = append(inputs, n.source(source))
		}
	}
	slices.Sort(inputs)
	digest, err := digestFiles(slices.Compact(inputs)...)
	if err != nil {
		return err
	}
	table := sha256.Sum256(fmt.Appendf(nil, "%s %+v", digest, all))
	digest = hex.EncodeToString(table[:])
	mark := n.archive() + ".of"
	if made, err := os.ReadFile(mark); err == nil && string(made) == digest {
		return nil
	}
	if err := n.writeArchive(debian, all); err != nil {
		return err
	}
	n.log("%d images are made", len(all))
	return os.WriteFile(mark, []byte(digest), 0o644)
}

func (n *node) archive() string { return filepath.Join(n.cache, "images.tar") }

func (n *node) writeArchive(debian string, all []image) error {
	base, err := tarball.LayerFromFile(debian)
	if err != nil {
		return err
	}
	made := map[name.Tag]v1.Image{}
	for _, i := range all {
		image, err := n.assemble(i, base)
		if err != nil {
			return fmt.Errorf("image %s: %w", i.ref, err)
		}
		tag, err := name.NewTag(i.ref)
		if err != nil {
			return err
		}
		made[tag] = image
	}
	return tarball.MultiWriteToFile(n.archive(), made)
}

// image is a container image that is made here under a reference that templates, examples or tests name.
type image struct {
	ref      string
	debian   bool              // on the root file system of debianPackages
	programs map[string]string // path in the image to a program of the cache, or a file of this machine
	files    map[string]string // path in the image to the file's content
	links    map[string]string // path in the image to the link's target
	busybox  bool              // has busybox, with a link for each of its commands
	config   v1.Config
}

// assemble adds an image's files to its root file system.
func (n *node) assemble(i image, debian v1.Layer) (v1.Image, error) {
	made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{Architecture: "amd64", OS: "linux", Config: i.config, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		return nil, err
	}
	if i.debian {
		if made, err = mutate.AppendLayers(made, debian); err != nil {
			return nil, err
		}
	}
	packed, err := n.pack(i)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil })
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(made, layer)
}

// pack returns the layer of an image's own files, all owned by root.
func (n *node) pack(i image) ([]byte, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	put := func(header *tar.Header, content []byte) error {
		header.Size = int64(len(content))
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	// The runtime needs these folders as mount points.
	for _, folder := range []string{"tmp/", "etc/", "bin/", "proc/", "dev/", "sys/", "var/", "var/run/"} {
		mode := int64(0o755)
		if folder == "tmp/" {
			mode = 0o1777
		}
		if i.debian && folder != "tmp/" {
			continue
		}
		if err := put(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: mode}, nil); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(i.programs)) {
		content, err := os.ReadFile(n.source(i.programs[path]))
		if err != nil {
			return nil, err
		}
		if err := put(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path, "/"), Mode: 0o755}, content); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(i.files)) {
		if err := put(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path, "/"), Mode: 0o644}, []byte(i.files[path])); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(i.links)) {
		if err := put(&tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(path, "/"), Linkname: i.links[path], Mode: 0o777}, nil); err != nil {
			return nil, err
		}
	}
	if i.busybox {
		if err := putBusybox(put); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return packed.Bytes(), err
}

// putBusybox adds Debian's static busybox, with a link for each of its commands.
func putBusybox(put func(*tar.Header, []byte) error) error {
	const program = "/bin/busybox"
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if err := put(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, content); err != nil {
		return err
	}
	names, err := capture(exec.Command(program, "--list"))
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(names) {
		if name == "busybox" {
			continue
		}
		if err := put(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777}, nil); err != nil {
			return err
		}
	}
	return nil
}

// source returns the file of a program: an absolute path, or one in the cache.
func (n *node) source(program string) string {
	if filepath.IsAbs(program) {
		return program
	}
	return filepath.Join(n.cache, "bin", program)
}

// loadImages imports the images into containerd, and the injector's own image as built by make image.
func (n *node) loadImages(ctx context.Context) error {
	if err := n.ctr(ctx, "images", "import", n.archive()); err != nil {
		return err
	}
	if err := makeTarget(ctx, "image", "VERSION="+injectorVersion); err != nil {
		return err
	}
	return n.ctr(ctx, "images", "import", filepath.Join(repository, "dist/image.tar"))
}

func digestFiles(files ...string) (string, error) {
	sum := sha256.New()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
