package main

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest/edit"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// injected returns the job of inject -f for a text: reading, deciding and editing.
func injected(text []byte) job {
	set, _ := setOf(nil)
	namespace := inject.EnabledNamespace(tenant)
	return job{bytes: len(text), do: func() (outcome, error) {
		stream, err := manifest.Parse("costs.yaml", text)
		if err != nil {
			return word("not read"), nil
		}
		if _, err := stream.Namespaces(); err != nil {
			return word("no namespace"), nil
		}
		pods, err := stream.Pods()
		if err != nil {
			return word("no pod"), nil
		}
		operations := map[*manifest.Document][]edit.Operation{}
		for _, pod := range pods {
			result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod.JSON, Namespace: namespace, Offline: true, Permissions: true})
			if err != nil {
				return nil, err
			}
			for _, op := range result.Operations {
				operations[pod.Document] = append(operations[pod.Document], edit.Operation{Path: pod.Pointer + op.Path, Value: op.Value})
			}
		}
		became := "read"
		for document, list := range operations {
			if _, err := edit.Apply(document, list); err != nil {
				return word("not edited"), nil
			}
			became = "edited"
		}
		return word(became), nil
	}}
}

// typed adds apiVersion and kind to a pod.
func typed(pod object) object {
	pod["apiVersion"], pod["kind"] = "v1", "Pod"
	return pod
}

// lines returns a manifest in block style; flow returns it on one line.
func lines(pod object) []byte {
	text, err := yaml.Marshal(typed(pod))
	if err != nil {
		panic(err) // rows contain only values that YAML can represent
	}
	return text
}

func flow(pod object) []byte { return encode(typed(pod)) }

// manifestLaws are the dimensions of a manifest that its author can enlarge.
func manifestLaws() []law {
	text := func(name string, n int, build func(n int) []byte) law {
		return law{name: "manifest: " + name, n: n, build: func(n int) job { return injected(build(n)) }}
	}
	plain := asking(collector, nil, object{})
	return []law{
		text("containers", 50, func(n int) []byte { return lines(collected(object{"containers": apps(n)})) }),
		text("containers on one line", 50, func(n int) []byte { return flow(collected(object{"containers": apps(n)})) }),
		text("containers on one line, not ASCII", 50, func(n int) []byte {
			pod := collected(object{"containers": apps(n)})
			pod["metadata"].(object)["annotations"].(object)["a"] = strings.Repeat("é", 10*n)
			return flow(pod)
		}),
		text("surrogates on one line", 50, func(n int) []byte {
			pod := collected(object{"containers": times(n, func(i int) any { return with(app(i), object{"image": "SMILE"}) })})
			return bytes.ReplaceAll(flow(pod), []byte("SMILE"), []byte(`\ud83d\ude00`))
		}),
		text("annotations", 200, func(n int) []byte {
			annotations := object{}
			for i := range n {
				annotations[fmt.Sprintf("example.com/k%d", i)] = "v"
			}
			return lines(asking(collector, annotations, object{}))
		}),
		text("documents", 20, func(n int) []byte {
			return bytes.Repeat(append([]byte("---\n"), lines(plain)...), n)
		}),
		text("documents without anything in them", 400, func(n int) []byte { return bytes.Repeat([]byte("---\n# x\n...\n"), n) }),
		text("JSON objects on one line", 400, func(n int) []byte {
			return bytes.Repeat([]byte(`{"apiVersion":"v1","kind":"ConfigMap"}`), n)
		}),
		text("items of a List", 20, func(n int) []byte {
			return encode(object{"apiVersion": "v1", "kind": "List", "items": same(n, typed(plain))})
		}),
		text("items of a List that are no pods", 400, func(n int) []byte {
			return encode(object{"apiVersion": "v1", "kind": "List", "items": same(n, object{"apiVersion": "v1", "kind": "ConfigMap"})})
		}),
		text("comments", 200, func(n int) []byte {
			return bytes.ReplaceAll(lines(collected(object{"containers": apps(n / 10)})), []byte("\n"), []byte(" # x\n"+strings.Repeat("# x\n", 10)))
		}),
		text("comments behind the last container", 400, func(n int) []byte {
			return append(lines(plain), strings.Repeat("# x\n", n)...)
		}),
		text("a long text in lines", 200, func(n int) []byte {
			return lines(asking(collector, object{"a": strings.Repeat("line\n", n)}, object{}))
		}),
		text("aliases", 100, func(n int) []byte {
			head := strings.Replace(string(lines(plain)), "annotations:", "annotations: &a", 1)
			return []byte(head + "x:\n" + strings.Repeat("- *a\n", n))
		}),
		text("anchors of one name, written out", 60, func(n int) []byte {
			return []byte("apiVersion: v1\nkind: Pod\nmetadata: {annotations: {" + inject.RequestAnnotation + ": " + collector + "}}\nx:\n" +
				strings.Repeat("- &b y\n", n) + "base: &base\n  containers:\n  - name: a\n    image: x\n    args: [" + strings.TrimSuffix(strings.Repeat("*b, ", n), ", ") + "]\nspec: *base\n")
		}),
		text("merges in a row of 50, each of which is as long as all before", 4, func(n int) []byte {
			var b strings.Builder
			b.Write(lines(plain))
			b.WriteString("x:\n")
			for row := range n {
				fmt.Fprintf(&b, "  r%d-0: &r%d-0 {k0: v}\n", row, row)
				for i := 1; i <= 50; i++ {
					fmt.Fprintf(&b, "  r%d-%d: &r%d-%d {<<: *r%d-%d, k%d: v}\n", row, i, row, i, row, i-1, i)
				}
			}
			return []byte(b.String())
		}),
		text("merges of one mapping", 40, func(n int) []byte {
			return []byte(string(lines(plain)) + "x:\n  m: &m {" + joined(20, func(i int) string { return fmt.Sprintf("k%d: v", i) }, ", ") + "}\n" +
				joined(n, func(i int) string { return fmt.Sprintf("  n%d: {<<: *m, own: v}\n", i) }, ""))
		}),
		text("brackets", 100, func(n int) []byte {
			return append(lines(plain), "x: "+strings.Repeat("[", n)+strings.Repeat("]", n)+"\n"...)
		}),
		text("no YAML at its end", 400, func(n int) []byte {
			return append(append(lines(plain), strings.Repeat("k: v\n", 1)+strings.Repeat("x:\n- y\n", 1)+strings.Repeat("# c\n", n)...), "a: [\n"...)
		}),
		text("a folded text", 400, func(n int) []byte {
			return []byte(string(lines(plain)) + "x: >\n" + strings.Repeat("  word word\n", n))
		}),
	}
}
