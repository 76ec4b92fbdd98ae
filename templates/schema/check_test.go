package schema

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// parse returns the tree of one YAML document.
func parse(text string) (*yaml.Node, error) {
	stream, err := manifest.Parse("pod.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	for _, d := range stream.Documents {
		return d.Root, nil
	}
	return nil, nil
}

// Each case is a fragment of a pod with its faults, as line:column path: message (hint).
func TestCheckYAMLFindsWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"a good pod": {`
spec:
  hostNetwork: yes
  terminationGracePeriodSeconds: 0x10
  containers:
  - name: web
    image: web:1
    command:
    ports: [{containerPort: 80, protocol: TCP}]
    resources: {limits: {cpu: 2, memory: 64Mi, ephemeral-storage: 0.5}}
    livenessProbe: {httpGet: {port: http, path: /}}
  volumes: [{name: v, configMap: {name: c, defaultMode: 0644}}]
`, nil},
		"an unknown field": {"spec:\n  containers:\n  - name: web\n    imagee: x\n",
			[]string{`4:5 spec.containers[0].imagee: field "imagee" is unknown in core/v1.Container (did you mean image?)`}},
		"a number for a string": {"spec: {nodeName: 5}", []string{`1:18 spec.nodeName: want a string, got the number 5 (put it in quotes: "5")`}},
		"yes for a string":      {"spec: {nodeName: yes}", []string{`1:18 spec.nodeName: want a string, got the boolean true (put it in quotes: "yes")`}},
		"a string for a number": {`spec: {priority: "5"}`, []string{`1:18 spec.priority: want an integer, got the string "5" (write it without quotes)`}},
		"a string for a boolean": {`spec: {hostNetwork: "true"}`,
			[]string{`1:21 spec.hostNetwork: want a boolean, got the string "true" (write it without quotes)`}},
		"a fraction for an integer": {"spec: {priority: 1.5}", []string{"1:18 spec.priority: want an integer, got the number 1.5"}},
		"an integer out of range":   {"spec: {priority: 3000000000}", []string{"1:18 spec.priority: 3000000000 is not between -2147483648 and 2147483647"}},
		"no list":                   {"spec: {containers: {name: web}}", []string{"1:20 spec.containers: want a list of core/v1.Container, got an object (write each item behind a hyphen)"}},
		"no object":                 {"spec: []", []string{"1:7 spec: want a core/v1.PodSpec, got a list"}},
		"a scalar for an object":    {"spec: x", []string{`1:7 spec: want a core/v1.PodSpec, got the string "x"`}},
		"an empty item":             {"spec:\n  containers:\n  -\n", []string{"3:4 spec.containers[0]: want a core/v1.Container, got null"}},
		"a bad quantity": {"spec: {overhead: {cpu: 1 core}}",
			[]string{`1:24 spec.overhead.cpu: "1 core" is no quantity (write a number with a unit such as m, k, M, Ki or Mi: 100m, 64Mi)`}},
		"a bad time": {"metadata: {creationTimestamp: soon}", []string{`1:31 metadata.creationTimestamp: "soon" is no time`}},
		"all faults at once": {"spec:\n  a: 1\n  hostPID: 1\n  b: 1\n",
			[]string{
				`2:3 spec.a: field "a" is unknown in core/v1.PodSpec`,
				"3:12 spec.hostPID: want a boolean, got the number 1",
				`4:3 spec.b: field "b" is unknown in core/v1.PodSpec`,
			}},
		"through an alias and a merge": {"metadata:\n  labels: &l {a: 1}\n  annotations:\n    <<: *l\n",
			[]string{
				`2:18 metadata.labels.a: want a string, got the number 1 (put it in quotes: "1")`,
				`2:18 metadata.annotations.a: want a string, got the number 1 (put it in quotes: "1")`,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := parse(c.yaml)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range Pod().CheckYAML(root, nil) {
				line := strings.TrimSpace(position(f.Node) + " " + f.Error())
				if f.Hint != "" {
					line += " (" + f.Hint + ")"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func position(n *yaml.Node) string {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode([]int{n.Line, n.Column})
	return strings.ReplaceAll(strings.Trim(b.String(), "[]\n"), ",", ":")
}

// Kubernetes' own strict decoder is the oracle: a value is accepted if and only if it decodes. Only an empty
// item of a list, which the decoder treats as an empty object or string, is additionally refused.
func FuzzCheckYAMLAgreesWithKubernetes(f *testing.F) {
	for _, seed := range []string{
		"spec: {containers: [{name: a, image: b}]}", "spec: {nodeName: yes}", "spec: {priority: 1.0}", "spec: {priority: 1e3}",
		"metadata: {labels: {a: 1}}", "spec: {overhead: {cpu: 1}}", "spec: {containers: [null]}", "spec: null", "kind: Pod",
		"spec: {containers: [{ports: [{containerPort: '80'}]}]}", "spec: {containers: [{livenessProbe: {httpGet: {port: 1.5}}}]}",
		"metadata: {creationTimestamp: 2020-01-01}", "metadata: {creationTimestamp: 2020-01-01T00:00:00Z}", "spec: {Containers: []}",
		"spec: {priority: 0x10}", "spec: {volumes: [{name: a, emptyDir: {sizeLimit: 1Gi}}]}", "spec: {overhead: {cpu: 1e1000}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := parse(text)
		if err != nil || root == nil {
			return
		}
		data := manifest.JSON(root)
		faults := Pod().CheckYAML(root, nil)
		if again := Pod().CheckJSON(decode(t, data), nil); len(again) == 0 != (len(faults) == 0) {
			t.Fatalf("%s: YAML has %v, JSON %v", data, faults, again)
		}
		var pod corev1.Pod
		strict, err := kjson.UnmarshalStrict(data, &pod)
		if err == nil && len(strict) > 0 {
			err = strict[0]
		}
		// Stricter on purpose: an empty item, and a quantity that would take too long to print.
		stricter := false
		for _, fault := range faults {
			stricter = stricter || strings.HasSuffix(fault.Message, "got null") || strings.HasSuffix(fault.Message, "is no quantity")
		}
		if (err != nil) != (len(faults) > 0) && !stricter {
			t.Fatalf("%s: found %v, Kubernetes says %v", data, faults, err)
		}
	})
}

// decode keeps whole numbers exact.
func decode(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return numbers(value)
}

func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		float, _ := v.Float64()
		return float
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}

func TestCheckJSONTakesOrderedObjects(t *testing.T) {
	value := ordered{{"spec", ordered{{"nodeNam", "x"}, {"containers", []any{ordered{{"image", int64(1)}}}}}}}
	var got []string
	for _, f := range Pod().CheckJSON(value, Root("pod")) {
		got = append(got, f.Error())
	}
	want := []string{
		`pod.spec.nodeNam: field "nodeNam" is unknown in core/v1.PodSpec`,
		"pod.spec.containers[0].image: want a string, got the number 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

type ordered []member

type member struct {
	name  string
	value any
}

func (o ordered) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, m := range o {
			if !yield(m.name, m.value) {
				return
			}
		}
	}
}

func BenchmarkCheckJSON(b *testing.B) {
	var value any
	const pod = `{"spec": {"containers": [{"name": "a", "image": "b", "resources": {"limits": {"cpu": "1"}},
		"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "ports": [{"containerPort": 80}]}]}}`
	if err := json.Unmarshal([]byte(pod), &value); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if faults := Pod().CheckJSON(value, nil); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}
