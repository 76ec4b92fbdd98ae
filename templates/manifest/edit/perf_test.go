package edit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// largeList is a List of Deployments, about 3 MiB of it, and operations on each.
func largeList(tb testing.TB, style string) (*manifest.Document, []Operation) {
	tb.Helper()
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	var operations []Operation
	for i := range 1000 {
		fmt.Fprintf(&text, style, i, i)
		pod := fmt.Sprintf("/items/%d/spec/template", i)
		operations = append(operations, Operation{pod + "/spec/initContainers", []byte(`[]`)})
		for j := range 4 {
			operations = append(operations,
				Operation{pod + "/spec/initContainers/-", fmt.Appendf(nil, `{"name":"s%d","image":"fluent-bit:5","restartPolicy":"Always"}`, j)},
				Operation{pod + "/spec/containers/0/env/-", fmt.Appendf(nil, `{"name":"N%d","value":"v"}`, j)},
				Operation{pod + "/spec/volumes/-", fmt.Appendf(nil, `{"name":"v%d","emptyDir":{}}`, j)},
				Operation{pod + "/metadata/annotations/x.dev~1" + fmt.Sprint(j), []byte(`"{\"a\":1}"`)},
			)
		}
	}
	stream, err := manifest.Parse("large.yaml", []byte(text.String()))
	if err != nil {
		tb.Fatal(err)
	}
	return stream.Documents[0], operations
}

var largeDeployment = `- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web-%d}
  spec:
    template:
      metadata:
        annotations: {a: b}
      spec:
        containers:
        - name: app # %d
          image: shop:1
          env:
` + strings.Repeat("          - {name: SOME_NAME_OF_A_VARIABLE, value: some value of it} # why\n", 36) + `        volumes: []
`

func BenchmarkEditLargeList(b *testing.B) {
	doc, operations := largeList(b, largeDeployment)
	b.SetBytes(int64(len(doc.Text)))
	for b.Loop() {
		if _, err := Apply(doc, operations); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLargeList(b *testing.B) {
	doc, _ := largeList(b, largeDeployment)
	b.SetBytes(int64(len(doc.Text)))
	for b.Loop() {
		if _, err := manifest.Parse("large.yaml", doc.Text); err != nil {
			b.Fatal(err)
		}
	}
}
