package expression

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A lookup must have the same value or error as CEL, for any pod.
func FuzzALookUpGivesWhatCELGives(f *testing.F) {
	for _, path := range []string{
		"params.text", "params.list", "params.nope", "instance", "index", "app", "app.name", "app.resources.limits.cpu",
		"pod.metadata.name", "pod.metadata.labels", "pod.metadata.labels.app", "pod.spec.nodeName", "pod.spec.priority",
		"pod.spec.containers", "pod.spec.containers.name", "pod.spec.hostNetwork.x", "cluster.registry", "cluster.x",
		"namespaceObject.metadata.labels.team", "namespaceObject.metadata", "namespaceObject.spec", "instance.x", "pod.in", "nope.x",
	} {
		f.Add(path, podJSON)
	}
	f.Add("pod.spec.nodeName", `{"spec": null}`)
	f.Add("pod.spec.nodeName", `{"spec": {"nodeName": null}}`)
	f.Add("pod.metadata.labels.app", `{"metadata": {"labels": {"app": null}}}`)
	compiler := NewCompiler()
	environment := compiler.Environment(parameters)
	f.Fuzz(func(t *testing.T, path, podText string) {
		l := environment.lookup(path)
		var object map[string]any
		if l == nil || json.Unmarshal([]byte(podText), &object) != nil {
			return
		}
		numbers(object)
		output, fault := l.check(environment.variable(l.root))
		program, celFault := compiler.program(path, environment.declared)
		if (fault == nil) != (celFault == nil) {
			t.Fatalf("%s: the look-up says %v, CEL %v", path, fault, celFault)
		}
		if fault != nil {
			if fault.Offset != celFault.Offset || fault.Reason != celFault.Reason {
				t.Fatalf("%s: the look-up says %+v, CEL %+v", path, fault, celFault)
			}
			return
		}
		if !output.IsExactType(program.output) {
			t.Fatalf("%s: the look-up is %s, CEL %s", path, output, program.output)
		}
		in := activation(t)
		in.Pod = &pod{object: object}
		if strings.HasPrefix(path, "pod.metadata.name") {
			return // CEL reads these from a pod that always has them; this pod may not
		}
		want, _, celFault := program.run(in, &Budget{})
		got, fault := l.value(in, &Budget{})
		if (want == nil || celFault != nil) != (fault != nil) {
			t.Fatalf("%s: the look-up gives %v (%v), CEL %v (%v)", path, got, fault, want, celFault)
		}
		if fault == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-CEL +look-up):\n%s", path, diff)
			}
		}
	})
}

func FuzzEvaluateEndsWithoutPanic(f *testing.F) {
	for _, seed := range []string{
		"params.text", "pod.spec.containers.map(c, c.name)", "params.?x.orValue(1)", "lists.range(10)", "1/0", "{'a': [1]}",
		"has(pod.spec.x)", "params.list.join('')", "optional.none()", "type(1)", "[1, 2] == [2]", "'a'.replace('a', 'b')",
		"cluster.?x.optMap(y, y).orValue('')", "quantity('1')", "url('http://x')", "ip('::1')", "'%s'.format([pod])",
	} {
		f.Add(seed, podJSON)
	}
	environment := NewCompiler().Environment(parameters)
	f.Fuzz(func(t *testing.T, source, podText string) {
		var object map[string]any
		if json.Unmarshal([]byte(podText), &object) != nil {
			return
		}
		numbers(object)
		scanned := Text{Parts: []Part{{Offset: 2, Expression: true, Text: source}}}
		x, fault := environment.Compile(scanned, nil)
		if fault != nil {
			if fault.Offset < 2 || fault.Offset > 2+len(source) || fault.Message == "" {
				t.Fatalf("%q: %+v", source, fault)
			}
			return
		}
		in := activation(t)
		in.Pod = &pod{object: object}
		value, present, err := x.Evaluate(in, &Budget{})
		if err != nil || !present {
			return
		}
		if _, err := json.Marshal(value); err != nil {
			t.Fatalf("%q: the value %v is no JSON: %v", source, value, err)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"look-up", "${params.text}"},
		{"look-up in the pod", "${pod.spec.priority}"},
		{"text", "${app.name}-sc-${instance}"},
		{"optional program", `${cluster.?registry.orValue("quay.io")}/x:1`},
		{"program", `${params.text != ""}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := mustCompile(b, c.text, nil)
			in := activation(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := x.Evaluate(in, &Budget{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("look-up as a program", func(b *testing.B) {
		p, fault := NewCompiler().program("params.text", declared{params: paramsSchema(parameters)})
		if fault != nil {
			b.Fatal(fault)
		}
		in := activation(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := p.run(in, &Budget{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	scanned, fault := Scan(`${cluster.?registry.orValue("quay.io")}/x:1`)
	if fault != nil {
		b.Fatal(fault)
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewCompiler().Environment(parameters).Compile(scanned, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		environment := NewCompiler().Environment(parameters)
		x, _ := environment.Compile(scanned, nil)
		for b.Loop() {
			if _, err := environment.Compile(scanned, nil); err != nil {
				b.Fatal(err)
			}
		}
		_ = x.Uses()
	})
}
