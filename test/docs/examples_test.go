package docs

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// blocks returns the YAML examples of a file that contain a text.
func blocks(t *testing.T, name, holding string) []string {
	t.Helper()
	var found []string
	for _, m := range yamlBlock.FindAllStringSubmatch(read(t, name), -1) {
		if strings.Contains(m[1], holding) {
			found = append(found, m[1])
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s: no example holds %q", name, holding)
	}
	return found
}

func TestTemplatesInTheDocsLoadWithoutFindings(t *testing.T) {
	for _, text := range blocks(t, "docs/templates.md", "kind: ClusterSidecarTemplate") {
		for _, entry := range load.Load(templates.SourceDirectory, "docs/templates.md", []byte(text)) {
			for _, finding := range entry.Findings {
				t.Errorf("%s\n%s", finding, finding.Excerpt)
			}
		}
	}
}

func TestEveryYAMLExampleIsYAML(t *testing.T) {
	for _, file := range markdownFiles(t) {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			decoder := yaml.NewDecoder(strings.NewReader(m[1]))
			for {
				var node yaml.Node
				err := decoder.Decode(&node)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Errorf("%s: %v in\n%s", file, err, m[1])
					break
				}
			}
		}
	}
}

func TestTheSettingsInTheDocsAreRead(t *testing.T) {
	for _, text := range blocks(t, "docs/operations.md", "onUnknownTemplate:") {
		if _, err := config.Parse("docs/operations.md", []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

var revision = regexp.MustCompile(`\b([a-z-]+)@([0-9a-f]{10})\b`)

func TestTheReadmesOutputIsOfTodaysTemplates(t *testing.T) {
	for _, m := range revision.FindAllStringSubmatch(read(t, "README.md"), -1) {
		file := m[1] + ".yaml"
		data, err := builtin.FS.ReadFile(file)
		must(t, err)
		for _, entry := range load.Load(templates.SourceBuiltIn, file, data) {
			if entry.Template == nil || entry.Template.Revision != m[2] {
				t.Errorf("README.md shows %s, which is not today's revision: paste the output of make demo", m[0])
			}
		}
	}
}
