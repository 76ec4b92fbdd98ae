package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// listing is the format of the expected files of Pods and Namespaces.
type listing struct {
	Pods       []podListing       `json:"pods"`
	Namespaces []namespaceListing `json:"namespaces,omitempty"`
}

type podListing struct {
	Place       string            `json:"place"`
	Workload    string            `json:"workload"`
	Annotations map[string]string `json:"annotations,omitempty"`
	JSON        json.RawMessage   `json:"json"`
}

type namespaceListing struct {
	Place       string            `json:"place"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func TestPodsAndNamespacesAreFound(t *testing.T) {
	for _, name := range cases(t, "pods") {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", "pods", name)
			stream, err := Parse("in.yaml", readFile(t, dir, "in.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			pods, err := stream.Pods()
			if err != nil {
				t.Fatal(err)
			}
			namespaces, err := stream.Namespaces()
			if err != nil {
				t.Fatal(err)
			}
			got := listing{Pods: []podListing{}}
			for _, p := range pods {
				got.Pods = append(got.Pods, podListing{
					Place:       fmt.Sprintf("%d:%s", p.Line, p.Pointer),
					Workload:    strings.TrimRight(p.Kind+" "+p.Namespace+"/"+p.Name, "/"),
					Annotations: p.WorkloadAnnotations,
					JSON:        p.JSON,
				})
			}
			for _, n := range namespaces {
				got.Namespaces = append(got.Namespaces, namespaceListing{
					Place: fmt.Sprintf("%d:%s", n.Line, n.Pointer), Name: n.Name, Labels: n.Labels, Annotations: n.Annotations,
				})
			}
			data, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareFile(t, append(data, '\n'), dir, "want.json")
		})
	}
}

func TestFaultsNameTheirPlace(t *testing.T) {
	for _, name := range cases(t, "faults") {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", "faults", name)
			stream, err := Parse("in.yaml", readFile(t, dir, "in.yaml"))
			if err == nil {
				_, err = stream.Pods()
			}
			if err == nil {
				_, err = stream.Namespaces()
			}
			var fault *Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			text := fault.Error() + "\n"
			if fault.Hint != "" {
				text += "hint: " + fault.Hint + "\n"
			}
			compareFile(t, []byte(text), dir, "want.txt")
		})
	}
}
