package chart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// mostValues is the maximum number of values of the chart, so that users can read all of them.
const mostValues = 45

// leaves returns the paths of all values that are no mapping, or an empty one.
func leaves(prefix []string, values map[string]any) [][]string {
	var found [][]string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := append(slices.Clone(prefix), key)
		if inner, ok := values[key].(map[string]any); ok && len(inner) > 0 {
			found = append(found, leaves(path, inner)...)
			continue
		}
		found = append(found, path)
	}
	return found
}

func readValues(t *testing.T, file string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(readChart(t)[file]), &values); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return values
}

func TestThereAreNoMoreValuesThanPeopleRead(t *testing.T) {
	if n := len(leaves(nil, readValues(t, "values.yaml"))); n > mostValues {
		t.Errorf("values.yaml has %d values, more than %d", n, mostValues)
	}
}

// TestEveryValueIsSetSomewhereAndChangesTheRendering removes each value that a ci file sets: the rendering
// must differ, or fail. So every value has an effect and a case.
func TestEveryValueIsSetSomewhereAndChangesTheRendering(t *testing.T) {
	missing := map[string]bool{}
	for _, path := range leaves(nil, readValues(t, "values.yaml")) {
		missing[strings.Join(path, " > ")] = true
	}
	for _, file := range valueFiles(t) {
		if !strings.HasPrefix(file, "ci/") {
			continue
		}
		with, err := template(t, "--values", filepath.Join(directory, file))
		if err != nil {
			t.Error(err)
			continue
		}
		for path := range missing {
			values := readValues(t, file)
			if !remove(values, strings.Split(path, " > ")) {
				continue
			}
			delete(missing, path)
			without, err := template(t, "--values", write(t, values))
			if err == nil && without == with {
				t.Errorf("%s sets %s, which changes nothing", file, path)
			}
		}
	}
	for path := range missing {
		t.Errorf("no ci/*-values.yaml sets %s", path)
	}
}

// remove removes the value at the path, and reports whether it existed.
func remove(values map[string]any, path []string) bool {
	inner, more := values[path[0]].(map[string]any)
	if len(path) > 1 {
		return more && remove(inner, path[1:])
	}
	_, there := values[path[0]]
	delete(values, path[0])
	return there
}

func write(t *testing.T, values map[string]any) string {
	t.Helper()
	data, err := yaml.Marshal(values)
	must(t, err)
	file := filepath.Join(t.TempDir(), "values.yaml")
	must(t, os.WriteFile(file, data, 0o600))
	return file
}

// property is a part of the schema.
type property struct {
	Ref                  string `json:"$ref"`
	Type                 any
	AdditionalProperties any
	Properties           map[string]*property
	Required             []string
}

func TestTheSchemaKnowsExactlyTheValues(t *testing.T) {
	var schema property
	must(t, json.Unmarshal([]byte(readChart(t)["values.schema.json"]), &schema))
	delete(schema.Properties, "global") // set by a parent chart
	compareKeys(t, "", &schema, readValues(t, "values.yaml"))
}

// compareKeys descends only as far as values.yaml has keys of its own.
func compareKeys(t *testing.T, path string, schema *property, values map[string]any) {
	t.Helper()
	if schema.Properties == nil {
		return // keys chosen by users
	}
	if schema.AdditionalProperties != false {
		t.Errorf("schema%s: unknown values are no errors", path)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(schema.Properties)), slices.Sorted(maps.Keys(values))); diff != "" {
		t.Errorf("values%s (-schema +values.yaml):\n%s", path, diff)
	}
	for key, value := range values {
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 && schema.Properties[key] != nil {
			compareKeys(t, path+"."+key, schema.Properties[key], inner)
		}
	}
}

func TestValuesThatCannotBeMeantAreRefused(t *testing.T) {
	for _, set := range []string{
		"replica=3", "webhook.failurepolicy=Fail", "image.name=x", "config.nativ=true", "crds.install=true",
		"tls.secret=x", "monitoring.enabled=true", "networkPolicy.egress=true", "resources.claims=x",
		"replicas=-1", "replicas=two", "webhook.failurePolicy=fail", "webhook.timeoutSeconds=0", "webhook.timeoutSeconds=31",
		"webhook.port=443", "webhook.hostNetwork=true,webhook.port=10250", "webhook.port=9444", "webhook.port=9445", "webhook.hostNetwork=true,webhook.port=10250",
		"webhook.url=http://injector", "webhook.url=injector:9443",
		"webhook.url=https://injector?a=b", "tls.mode=helm", "tls.mode=provided", "image.digest=latest", "image.repository=",
		"templates.proxy=text", "monitoring.scrape=Prometheus", "logLevel=trace", "config.onUnknownTemplate=Deny",
		"config.cluster.port=5000", "keeper.repair=true", "keeper.rollout=true", "keeper.canary=x", "guard=deny", "guard=Audit", "guard=true", "commonLabels.app\\.kubernetes\\.io/name=other", "webhook.reinvocationPolicy=Always",
	} {
		if _, err := template(t, "--set", set); err == nil {
			t.Errorf("--set %s is accepted", set)
		}
	}
}

// TestAValueIsTakenAwayOnlyWhereNothingIsLost sets each value to null, by which Helm takes it away: the schema
// asks for it, or it counts as the empty one. Else a template would end in an error of its own, or the cluster
// would get half an object.
func TestAValueIsTakenAwayOnlyWhereNothingIsLost(t *testing.T) {
	var schema property
	must(t, json.Unmarshal([]byte(readChart(t)["values.schema.json"]), &schema))
	checkNulls(t, "", &schema, readValues(t, "values.yaml"))
}

func checkNulls(t *testing.T, prefix string, schema *property, values map[string]any) {
	t.Helper()
	for key, value := range values {
		path := prefix + key
		if inner, ok := value.(map[string]any); ok && schema.Properties[key].Properties != nil {
			checkNulls(t, path+".", schema.Properties[key], inner)
		}
		got, err := template(t, "--set", path+"=null")
		if slices.Contains(schema.Required, key) {
			if err == nil || !strings.Contains(err.Error(), "missing property '"+key+"'") {
				t.Errorf("%s=null: not asked for by the schema: %v", path, err)
			}
			continue
		}
		empty := `""`
		switch value.(type) {
		case bool:
			empty = "false"
		case map[string]any:
			if err != nil { // Helm merges an empty one with the default: null is the way to have none
				t.Errorf("%s=null: %v", path, err)
			}
			continue
		case []any:
			empty = "[]"
		}
		if want, wantErr := template(t, "--set-json", path+"="+empty); err != nil || wantErr != nil || want != got {
			t.Errorf("%s=null is neither asked for nor as %s: %v %v", path, empty, err, wantErr)
		}
	}
}

func TestAChartThatHasThisOneAsAPartMayShareItsGlobalValues(t *testing.T) {
	if _, err := template(t, "--set", "global.registry=registry.example.com"); err != nil {
		t.Error(err)
	}
}

func TestHelmFindsNothingToComplainAbout(t *testing.T) {
	for _, file := range valueFiles(t) {
		out, err := helm(t, "lint", "--strict", directory, "--values", filepath.Join(directory, file))
		if err != nil || strings.Contains(out, "[WARNING]") || strings.Contains(out, "[ERROR]") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

func TestManagedClustersVersionsAreGoodEnough(t *testing.T) {
	for version, good := range map[string]bool{
		"1.28.15": false, "1.29.0": true, "1.29.3-gke.1282000": true, "1.33.4-eks-113cf36": true, "1.37.2": true,
	} {
		if _, err := template(t, "--kube-version", version); (err == nil) != good {
			t.Errorf("Kubernetes %s: %v", version, err)
		}
	}
}

// TestArtifactHubIsToldWhatTheChartHolds reads the annotations that Artifact Hub shows.
func TestArtifactHubIsToldWhatTheChartHolds(t *testing.T) {
	files := readChart(t)
	var chart struct {
		AppVersion  string
		Annotations map[string]string
	}
	must(t, yaml.Unmarshal([]byte(files["Chart.yaml"]), &chart))
	if images := chart.Annotations["artifacthub.io/images"]; !strings.Contains(images, "sidecar-injector:"+chart.AppVersion+"\n") {
		t.Errorf("images are not those of version %s: %s", chart.AppVersion, images)
	}
	for name := range files {
		if base, ok := strings.CutPrefix(name, "files/crds/sidecar-injector.dev_"); ok {
			want := strings.TrimSuffix(base, ".yaml") + ".sidecar-injector.dev"
			if !strings.Contains(chart.Annotations["artifacthub.io/crds"], "name: "+want+"\n") {
				t.Errorf("custom resources lack %s", want)
			}
		}
	}
}
