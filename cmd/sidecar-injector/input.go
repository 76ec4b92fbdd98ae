package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// maxInput is the largest size of one file in bytes, so that an endless file such as /dev/zero does not use
// up the memory.
const maxInput = 256 << 20

// stdinName is the name of standard input in messages.
const stdinName = "stdin"

// fileFlags are the flags -f and -R, as in kubectl.
type fileFlags struct {
	names     []string
	recursive bool
}

func (f *fileFlags) add(cmd *cobra.Command, what string) {
	flags := genericclioptions.FileNameFlags{
		Usage:     fmt.Sprintf("`file` or directory of %s, or - for standard input; may be repeated", what),
		Filenames: &f.names,
		Recursive: &f.recursive,
	}
	flags.AddFlags(cmd.Flags())
	cmd.Flags().Lookup("recursive").Usage = "read directories with all folders in them"
	cmd.Args = noArguments
}

// noArguments rejects arguments, with a hint to use -f.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &hinted{fmt.Errorf("unexpected argument %q", args[0]), "files are named by -f: -f " + args[0]}
}

func (f *fileFlags) required() error {
	if len(f.names) == 0 {
		return &hinted{errors.New("nothing to read: -f is missing"), "-f FILE, -f DIRECTORY, or -f - for standard input"}
	}
	return nil
}

// file is the name and content of one input.
type file struct {
	name string
	data []byte
}

// files reads all inputs. The error lists all that cannot be read.
func (f *fileFlags) files(std streams) ([]file, error) {
	var files []file
	var faults []error
	fromStdin := false
	for _, name := range f.names {
		if name == "-" && fromStdin {
			faults = append(faults, errors.New("-f - is given twice, but standard input can be read only once"))
			continue
		}
		fromStdin = fromStdin || name == "-"
		found, err := expand(name, f.recursive)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for i, name := range found {
			if name != "-" { // standard input may be typed at the same terminal
				progress.On(std.ErrOut).Show("reading files", i, len(found))
			}
			read, err := readInput(name, std.In)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			files = append(files, read)
		}
	}
	return files, errors.Join(faults...)
}

// read parses all inputs.
func (f *fileFlags) read(std streams) ([]*manifest.Stream, error) {
	files, err := f.files(std)
	if err != nil {
		return nil, err
	}
	var parsed []*manifest.Stream
	var faults []error
	for i, file := range files {
		progress.On(std.ErrOut).Show("parsing files", i, len(files))
		stream, err := manifest.Parse(file.name, file.data)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		parsed = append(parsed, stream)
	}
	return parsed, errors.Join(faults...)
}

func readInput(name string, stdin io.Reader) (file, error) {
	if name == "-" {
		data, err := readLimited(stdin)
		if err != nil {
			return file{}, fmt.Errorf("%s: %w", stdinName, err)
		}
		return file{stdinName, data}, nil
	}
	opened, err := os.Open(name)
	if err != nil {
		return file{}, withoutOperation(err)
	}
	defer opened.Close()
	data, err := readLimited(opened)
	if err != nil {
		return file{}, fmt.Errorf("%s: %w", name, withoutOperation(err))
	}
	return file{name, data}, nil
}

func readLimited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("larger than %d bytes", maxInput)
	}
	return data, err
}

// withoutOperation drops the operation from a *fs.PathError: "open x: no such file" becomes "x: no such file".
func withoutOperation(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Path, at.Err)
	}
	return err
}

// expand returns the files that an argument of -f stands for, as kubectl does.
func expand(name string, recursive bool) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return nil, &hinted{fmt.Errorf("%s: this command reads no network", name), "curl -fsSL " + name + " | sidecar-injector … -f -"}
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(name, "*?[") {
		return match(name)
	}
	if err != nil {
		return nil, withoutOperation(err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	return walk(name, recursive)
}

func match(pattern string) ([]string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w", pattern, fs.ErrNotExist)
	}
	return found, nil
}

// walk returns a directory's manifests in the order of their names.
func walk(directory string, recursive bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(directory, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return withoutOperation(err)
		case entry.IsDir() && name != directory && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(resource.FileExtensions, filepath.Ext(name)):
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		hint := "-R also reads the folders in it"
		if recursive {
			hint = ""
		}
		return nil, &hinted{fmt.Errorf("%s: no file ends in %s", directory, strings.Join(resource.FileExtensions, ", ")), hint}
	}
	return found, nil
}

// readNamespaceFile reads the Namespaces of a file. It returns nil if file is "", and an error if the file
// has none.
func readNamespaceFile(file string) ([]manifest.Namespace, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("namespaces: %w", err)
	}
	stream, err := manifest.Parse(file, data)
	if err != nil {
		return nil, err
	}
	found, err := stream.Namespaces()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &hinted{fmt.Errorf("namespaces: %s: holds no Namespace", file), "kubectl get namespace NAME -o yaml prints one"}
	}
	return found, nil
}
