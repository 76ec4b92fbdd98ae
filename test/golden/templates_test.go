package golden_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// volumesOfTheApp are the pod's own volumes to which the examples of the built-in templates refer.
var volumesOfTheApp = []string{"config", "conf", "logs", "models"}

func TestEveryExampleOfABuiltInTemplateKeepsTheHouseRules(t *testing.T) {
	for _, native := range []bool{true, false} {
		for _, e := range builtIns(t, load.NewLoader()) {
			for _, example := range e.Template.Spec.Examples {
				t.Run(fmt.Sprintf("%s/%s/native %v", e.Name, example.Name, native), func(t *testing.T) {
					request := &inject.Request{Pod: podAsking(t, e.Name, example), Namespace: inject.Namespace{
						Name: "default", Labels: map[string]string{inject.InjectionLabel: "enabled"},
					}}
					result, err := inject.Inject(templates.NewSet([]templates.Entry{e}), &inject.Settings{ContainerMode: !native}, request)
					must(t, err)
					if result.Outcome != inject.Injected {
						t.Fatalf("%s %s: %s", result.Outcome, result.Reason, result.Message())
					}
					a := added{t: t, own: decode(t, request.Pod), all: decode(t, applied(t, request.Pod, result))}
					a.check()
				})
			}
		}
	}
}

// podAsking returns a pod whose annotations are an example's parameters.
func podAsking(t *testing.T, template string, example v1alpha1.Example) []byte {
	t.Helper()
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: map[string]string{"sidecar-injector.dev/inject": template}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example.com/web:1.0.0"}}},
	}
	for _, name := range volumesOfTheApp {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name})
	}
	for name, value := range example.Parameters {
		pod.Annotations[template+".sidecar-injector.dev/"+name] = annotationText(t, value)
	}
	data, err := json.Marshal(pod)
	must(t, err)
	return data
}

// annotationText returns a parameter's value in the form of an annotation: lists as JSON.
func annotationText(t *testing.T, value apiextensionsv1.JSON) string {
	t.Helper()
	var text string
	if err := json.Unmarshal(value.Raw, &text); err == nil {
		return text
	}
	return string(value.Raw)
}

// passwd matches the only text that is not YAML, a list of users that contains no parameter.
var passwd = regexp.MustCompile(`\A(?:[a-z-]+:x:[0-9]+:[0-9]+:[a-z]*:[a-z/]+:[a-z/]+\n)+\z`)

// builtInPods returns the resulting pods of the cases of the built-in templates, by the case's name.
func builtInPods(t *testing.T) map[string][]byte {
	t.Helper()
	found, err := cases.Find("../templates/builtin", nil, false)
	must(t, err)
	runner := &cases.Runner{Set: templates.NewSet(builtIns(t, load.NewLoader())), Settings: config.Default().Settings(), Fallback: "default"}
	pods := map[string][]byte{}
	for _, c := range found {
		result, err := runner.Run(c)
		must(t, err)
		if result.After != nil {
			pods[c.Name] = result.After
		}
	}
	return pods
}

// TestConfigurationTextsAreYAML parses the configuration texts of the sidecars. A parameter's value could
// only escape from its place in a text by changing the YAML structure.
func TestConfigurationTextsAreYAML(t *testing.T) {
	const wanted = 40
	checked := 0
	check := func(name string, pod []byte) {
		for key, text := range decode(t, pod).Annotations {
			if strings.HasPrefix(key, "sidecar-injector.dev/config.") && !passwd.MatchString(text) {
				readConfiguration(t, name+": "+key, text)
				checked++
			}
		}
	}
	for _, c := range loadCases(t) {
		if c.want == nil || c.group() != "builtin" && !c.isExample() {
			continue
		}
		_, pods, err := parse(c.wantName(), c.want)
		must(t, err)
		for _, p := range pods {
			check(c.name, p.request.Pod)
		}
	}
	for name, pod := range builtInPods(t) {
		check(name, pod)
	}
	if checked < wanted {
		t.Errorf("%d texts were looked at, want at least %d", checked, wanted)
	}
}

func readConfiguration(t *testing.T, where, text string) {
	t.Helper()
	var sections map[string]any
	if err := yaml.UnmarshalStrict([]byte(text), &sections); err != nil {
		t.Errorf("%s: %v\n%s", where, err, text)
	}
	for name := range sections {
		if !slices.Contains([]string{"service", "pipeline", "modules"}, name) {
			t.Errorf("%s has a section %q", where, name)
		}
	}
}
