package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// newLibrary puts the built-in templates, those of directories and those of further
// sources together; report may be nil. It is empty until it is loaded.
func newLibrary(directories []string, report func(source.Change), further ...source.Source) *source.Library {
	sources := []source.Source{source.NewEmbedded(builtin.FS)}
	if len(directories) > 0 {
		sources = append(sources, source.NewDirectory(directories...))
	}
	return source.NewLibrary(time.Now, report, append(sources, further...)...)
}

// readNamespaceFile reads the Namespaces of a file; "" is no file.
func readNamespaceFile(file string) ([]inject.Namespace, error) {
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
	namespaces := make([]inject.Namespace, len(found))
	for i, n := range found {
		namespaces[i] = inject.Namespace{Name: n.Name, Labels: n.Labels, Annotations: n.Annotations}
	}
	return namespaces, nil
}

// loadTemplates gives a library that is in force and reports every change from now on. A
// broken template is no reason not to serve the others; a source that cannot be read
// at all is.
func (o *serveOptions) loadTemplates(report func(source.Change), further ...source.Source) (*source.Library, error) {
	library := newLibrary(o.templateDirs, report, further...)
	var unreadable *source.UnreadableError
	if err := library.Load(); errors.As(err, &unreadable) {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return library, nil
}

// logChange tells what a source brought. Findings hold the template's text, which is public, never a pod's.
func logChange(log logr.Logger, c source.Change) {
	log = log.WithValues("source", c.Source)
	if c.Err != nil {
		log.Error(c.Err, "templates cannot be read; those in force stay")
	}
	if c.Recovered {
		log.Info("templates can be read again")
	}
	for _, e := range c.Loaded {
		log.Info("template loaded", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace,
			"revision", e.Template.Revision, "file", e.Origin.File, "findings", texts(e.Findings))
	}
	for _, e := range c.Broken {
		inForce := "none"
		if e.Template != nil {
			inForce = e.Template.Revision
		}
		log.Error(nil, "template broken", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace,
			"revisionInForce", inForce, "file", e.Origin.File, "findings", texts(e.Findings))
	}
	for _, e := range c.Removed {
		log.Info("template removed", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace, "file", e.Origin.File)
	}
}

// maxLogged bounds the findings of a log line.
const maxLogged = 16

// texts are the first findings, one by one, and how many more there are.
func texts(findings []templates.Finding) []string {
	if len(findings) == 0 {
		return nil
	}
	list := make([]string, 0, maxLogged+1)
	for i, f := range findings {
		if i == maxLogged {
			return append(list, fmt.Sprintf("and %d more", len(findings)-i))
		}
		list = append(list, f.String())
	}
	return list
}

// writeFile replaces a file whole: a reader sees the old content or the new one.
func writeFile(name string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // a no-op once it has been renamed
	if err := fill(temporary, data); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}

func fill(f *os.File, data []byte) error {
	defer f.Close()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Close()
}
