package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// schemaFile is the default of --schema: the name that the usage of templates schema suggests.
const schemaFile = "sidecar-template.schema.json"

// starter has the template to start from, and its cases.
//
//go:embed starter
var starter embed.FS

const (
	starterTemplate = "starter/template.yaml"
	starterCases    = "starter/cases"
)

// newOptions are the flags of templates new.
type newOptions struct {
	commonFlags
	schema string
	dir    string
}

func newTemplatesNewCommand(std streams) *cobra.Command {
	o := &newOptions{}
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a template to start from, with its cases",
		Long: `Write a template to start from: it can be used as it is, and its comments say
what can be changed.

With --dir it goes into the folder templates there, and its cases, which pass, into a
folder of its name: templates test runs them. Without, the template alone is printed.`,
		Example: `  sidecar-injector templates new log-shipper --dir .
  sidecar-injector templates test .
  sidecar-injector templates new log-shipper > log-shipper.yaml
  sidecar-injector validate -f log-shipper.yaml`,
		Args:              oneArgument("the template's name", "sidecar-injector templates new NAME"),
		RunE:              func(_ *cobra.Command, args []string) error { return o.start(args[0], std) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.color = "auto" // the other flags of commonFlags keep their zero values
	cmd.Flags().StringVar(&o.schema, "schema", schemaFile, "`file` or address of the JSON Schema that editors read")
	cmd.Flags().StringVar(&o.dir, "dir", "", "`directory` to write the template and its cases into")
	return cmd
}

func (o *newOptions) start(name string, std streams) error {
	if !templates.ValidName(name) {
		return &hinted{fmt.Errorf("template name %s is not valid", message.Quote(name)),
			fmt.Sprintf("lower-case letters, digits and inner hyphens, at most %d, and not true, false or none", templates.MaxName)}
	}
	text, err := o.page(starterTemplate, name)
	if err != nil {
		return err
	}
	if o.dir == "" {
		return writeOut(std, text)
	}
	if name == cases.TemplatesDir {
		return &hinted{fmt.Errorf("template name %s: its cases would lie among the templates", message.Quote(name)), "take another name, or leave --dir out"}
	}
	files, err := o.files(name, text)
	if err != nil {
		return err
	}
	return o.write(name, files, std)
}

// page returns a file of the starter with the name, the schema and the template's folder filled in; as a value, a
// name such as yes or 12 is in quotes.
func (o *newOptions) page(file, name string) ([]byte, error) {
	text, err := starter.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("starter: %w", err)
	}
	folder := ""
	if o.dir != "" {
		folder = cases.TemplatesDir + "/"
	}
	return []byte(strings.NewReplacer("[[.Name]]", name, "[[.NameValue]]", manifest.Scalar(name), "[[.Schema]]", o.schema, "[[.Folder]]", folder).Replace(string(text))), nil
}

// newFile is a file to be written.
type newFile struct {
	path string
	text []byte
}

func (o *newOptions) files(name string, text []byte) ([]newFile, error) {
	files := []newFile{{filepath.Join(o.dir, cases.TemplatesDir, name+".yaml"), text}}
	err := fs.WalkDir(starter, starterCases, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		page, err := o.page(file, name)
		within := strings.TrimPrefix(file, starterCases+"/")
		files = append(files, newFile{filepath.Join(o.dir, name, filepath.FromSlash(path.Clean(within))), page})
		return err
	})
	return files, err
}

// write writes the files, none of which may exist, and then the expected pods of the cases.
func (o *newOptions) write(name string, files []newFile, std streams) error {
	var faults []error
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			faults = append(faults, &hinted{fmt.Errorf("%s: is there already", f.path), "remove it, or take another name or --dir"})
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return withoutOperation(err)
		}
		if err := os.WriteFile(f.path, f.text, 0o644); err != nil {
			return withoutOperation(err)
		}
		fmt.Fprintf(std.ErrOut, "wrote %s\n", terminal.Palette{}.Printable(f.path))
	}
	test := &testOptions{commonFlags: o.commonFlags}
	runner, err := test.runner(o.dir)
	if err != nil {
		return err
	}
	within := func(c string) bool { return strings.HasPrefix(c, name+"/") }
	results, err := runCases(runner, o.dir, within, true, std)
	if err != nil {
		return err
	}
	if _, err := updated(results, runner, o.dir, within, std); err != nil {
		return err
	}
	fmt.Fprintf(std.ErrOut, "sidecar-injector templates test %s runs its cases\n", terminal.ShellWord(o.dir))
	return nil
}
