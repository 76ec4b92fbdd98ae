package docs

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/test/helm"
)

// helmProgram returns the helm that tools/go.mod pins.
var helmProgram = sync.OnceValues(func() (string, error) { return helm.Program(filepath.Join(root, "tools")) })

// render returns the documents of the rendered chart.
func render(t *testing.T, args ...string) []string {
	t.Helper()
	dependOn(t, "charts/sidecar-injector")
	program, err := helmProgram()
	must(t, err)
	var complaints bytes.Buffer
	command := exec.Command(program, append([]string{"template", "sidecar-injector", filepath.Join(root, "charts/sidecar-injector"), "--namespace", "sidecar-injector", "--skip-tests"}, args...)...)
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, complaints.String())
	}
	return strings.Split(string(out), "\n---\n")
}

var rightsRow = regexp.MustCompile("(?m)^\\| (everywhere|own namespace) \\| `([^`]+)` \\| (.+) \\|$")

// TestEveryRightOfTheInjectorHasItsReason compares the table with the roles that the
// chart renders: a verb without a reason, or a reason without a verb, fails.
func TestEveryRightOfTheInjectorHasItsReason(t *testing.T) {
	rendered := map[string]bool{}
	for _, document := range render(t) {
		var role rbacv1.ClusterRole
		must(t, yaml.Unmarshal([]byte(document), &role))
		where := map[string]string{"ClusterRole": "everywhere", "Role": "own namespace"}[role.Kind]
		if where == "" {
			continue
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					rendered[right(where, resource, rule.ResourceNames, verb)] = true
				}
			}
		}
	}
	told := map[string]bool{}
	for _, m := range rightsRow.FindAllStringSubmatch(section(t, read(t, "docs/security.md"), "Rights of the injector"), -1) {
		resource, name, named := strings.Cut(m[2], " ")
		var names []string
		if named {
			names = []string{name}
		}
		// Each verb stands in front of its reason: `get`: why; `list`, `watch`: why
		verbs := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(m[3], -1)
		for _, verb := range verbs {
			told[right(m[1], resource, names, verb[1])] = true
		}
		if len(verbs) == 0 {
			t.Errorf("row %q: no verb", m[0])
		}
	}
	if diff := cmp.Diff(rendered, told); diff != "" {
		t.Errorf("rights (-rendered +told):\n%s", diff)
	}
}

var keeperRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| (.+) \\|$")

// TestEveryRightOfTheKeeperHasItsReason compares the other table with what the chart
// renders for a keeper, which is nothing unless there is to be one.
func TestEveryRightOfTheKeeperHasItsReason(t *testing.T) {
	rendered, told := map[string]bool{}, map[string]bool{}
	roles := func(args ...string) {
		for _, document := range render(t, args...) {
			var role rbacv1.ClusterRole
			must(t, yaml.Unmarshal([]byte(document), &role))
			for _, rule := range role.Rules {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						if role.Kind == "ClusterRole" && role.Name == "sidecar-injector-keeper" {
							rendered[right("everywhere", resource, rule.ResourceNames, verb)] = true
						}
					}
				}
			}
		}
	}
	if roles(); len(rendered) > 0 {
		t.Errorf("without a keeper: %v", rendered)
	}
	for _, version := range []string{"1.29.0", "1.33.0", "1.37.0"} {
		roles("-f", filepath.Join(root, "charts/sidecar-injector/ci/keeper-values.yaml"), "--kube-version", version)
	}
	_, text, _ := strings.Cut(read(t, "docs/security.md"), "\n### Rights of the keeper\n")
	text, _, _ = strings.Cut(text, "\n## ")
	for _, m := range keeperRow.FindAllStringSubmatch(text, -1) {
		for _, verb := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(m[2], -1) {
			told[right("everywhere", m[1], nil, verb[1])] = true
		}
	}
	if diff := cmp.Diff(rendered, told); diff != "" {
		t.Errorf("rights (-rendered +told):\n%s", diff)
	}
}

func right(where, resource string, names []string, verb string) string {
	return fmt.Sprintf("%s: %s %s %s", where, verb, resource, strings.Join(names, ","))
}

func TestTheExampleValuesRender(t *testing.T) {
	values, err := filepath.Abs(filepath.Join(root, "examples/values.yaml"))
	must(t, err)
	deployment := slices.IndexFunc(render(t, "-f", values), func(document string) bool {
		return strings.Contains(document, "kind: Deployment") && strings.Contains(document, "image: registry.example.com/") &&
			strings.Contains(document, "--listen=:10250")
	})
	if deployment < 0 {
		t.Error("no Deployment has the image and the port that the values give")
	}
}

func TestTheExampleTemplateHasNoFindings(t *testing.T) {
	for _, entry := range load.Load(templates.SourceDirectory, "examples/cluster-template.yaml", []byte(read(t, "examples/cluster-template.yaml"))) {
		for _, finding := range entry.Findings {
			t.Errorf("%s\n%s", finding, finding.Excerpt)
		}
	}
}

var (
	chartValue  = regexp.MustCompile("`((?:image|config|crds|webhook|keeper|tls|networkPolicy|monitoring)\\.[a-zA-Z.]+)`")
	tableOfOnes = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
)

// TestValuesOfTheChartInTheDocsExist checks values within a group, such as webhook.port.
func TestValuesOfTheChartInTheDocsExist(t *testing.T) {
	known := map[string]bool{}
	for _, m := range tableOfOnes.FindAllStringSubmatch(read(t, "charts/sidecar-injector/README.md"), -1) {
		known[m[1]] = true
	}
	for _, file := range []string{"docs/fleet.md", "docs/install.md", "docs/operations.md", "docs/security.md", "docs/troubleshooting.md", "docs/workloads.md", "README.md"} {
		for _, m := range chartValue.FindAllStringSubmatch(read(t, file), -1) {
			switch strings.TrimLeft(filepath.Ext(m[1]), ".") {
			case "crt", "key", "yaml": // a file name
				continue
			}
			if !known[m[1]] {
				t.Errorf("%s: the chart has no value %s", file, m[1])
			}
		}
	}
}

func TestEveryBuiltInImageIsListedForMirrors(t *testing.T) {
	image := regexp.MustCompile(`image: \$\{cluster\.\?registry\.orValue\("([^"]+)"\)\}(\S+)`)
	var inCode []string
	files, err := filepath.Glob(filepath.Join(root, "templates/builtin/*.yaml"))
	must(t, err)
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		must(t, err)
		for _, m := range image.FindAllStringSubmatch(read(t, name), -1) {
			inCode = append(inCode, m[1]+m[2])
		}
	}
	var inDocs []string
	for _, m := range regexp.MustCompile("(?m)^\\| `[a-z-]+` \\| `([^`]+:[^`]+)` \\|$").FindAllStringSubmatch(section(t, read(t, "docs/install.md"), "Air-gapped registries"), -1) {
		inDocs = append(inDocs, m[1])
	}
	slices.Sort(inCode)
	slices.Sort(inDocs)
	if diff := cmp.Diff(slices.Compact(inCode), inDocs); diff != "" {
		t.Errorf("images (-code +docs):\n%s", diff)
	}
}
