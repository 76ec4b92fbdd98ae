package playground

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/examples"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
)

// Catalogue is the initial data of the page.
type Catalogue struct {
	// Examples are complete requests; the first is shown when the page opens.
	Examples []Example `json:"examples"`
	// Templates are the built-in ones, to be copied and changed.
	Templates []TemplateText `json:"templates"`
}

// Example is a request with a title.
type Example struct {
	Title string `json:"title"`
	Request
}

// TemplateText is a template's name and YAML.
type TemplateText struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

//go:embed examples
var own embed.FS

// NewCatalogue reads the examples and templates that are embedded in the program.
func NewCatalogue() (*Catalogue, error) {
	c := &Catalogue{}
	for _, of := range []struct{ title, file, namespace string }{
		{"Grafana: dashboards and data sources", "grafana/deployment.yaml", "monitoring"},
		{"Web server: log collector", "web-server/deployment.yaml", "shop"},
		{"Job: results to a bucket", "results-job/job.yaml", "shop"},
		{"Health check", "health-check/deployment.yaml", "shop"},
		{"Prometheus: reload", "prometheus/deployment.yaml", "monitoring"},
		{"Alertmanager: reload", "alertmanager/statefulset.yaml", "monitoring"},
		{"Web site from git", "git-site/deployment.yaml", "shop"},
	} {
		text, err := fs.ReadFile(examples.FS, of.file)
		if err != nil {
			return nil, fmt.Errorf("example: %w", err)
		}
		c.Examples = append(c.Examples, Example{of.title, Request{Pod: string(text), Namespace: enabled(of.namespace)}})
	}
	for _, of := range []struct{ title, folder string }{
		{"A template of your own", "own-template"},
		{"Refused: misspelt names", "misspelt-names"},
		{"Refused: a conflict", "two-of-one-name"},
		{"Refused: a template with faults", "template-with-faults"},
		{"Skipped: annotation on the Deployment", "wrong-level"},
		{"Skipped: namespace not enabled", "namespace-not-enabled"},
	} {
		r := Request{Namespace: enabled("shop")}
		for file, text := range map[string]*string{PodFile: &r.Pod, NamespaceFile: &r.Namespace, TemplatesFile: &r.Templates} {
			if data, err := fs.ReadFile(own, "examples/"+of.folder+"/"+file); err == nil {
				*text = string(data)
			}
		}
		c.Examples = append(c.Examples, Example{of.title, r})
	}
	files, err := fs.ReadDir(builtin.FS, ".")
	if err != nil {
		return nil, fmt.Errorf("built-in templates: %w", err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(builtin.FS, file.Name())
		if err != nil {
			return nil, fmt.Errorf("built-in templates: %w", err)
		}
		c.Templates = append(c.Templates, TemplateText{strings.TrimSuffix(file.Name(), ".yaml"), string(text)})
	}
	return c, nil
}

// JSON returns the catalogue as the page reads it.
func (c *Catalogue) JSON() ([]byte, error) { return json.Marshal(c) }

// enabled returns the manifest of an enabled Namespace.
func enabled(name string) string {
	return "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n  labels:\n    sidecar-injector.dev/injection: enabled\n"
}
