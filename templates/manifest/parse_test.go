package manifest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// FuzzParse checks that there is no panic, that the texts of the documents make up the stream, that an error
// has a place, and that the JSON is the same as that of Kubernetes' own library.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a: 1\n", "---\na: [1, {b: c}]\n---\n# x\n", "%YAML 1.2\n---\na: &x yes\nb: *x\n...\n# end\n", "a: &a {b: 1}\nc:\n  <<: *a\n  d: 2\n",
		"a: |\n  x\n  y\n", "\ufeffa: 0x1F\r\nb: 1_000\r\n", "{\"a\": \"é\"}", "a: 2020-01-01\nb: .5\nc: 1e3\n? d\n: e\n", "a: !!binary aGk=\n", "- - a\n  - b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		stream, err := Parse("in.yaml", data)
		if err != nil {
			var place *Error
			if !errors.As(err, &place) || place.Line < 1 || place.Message == "" {
				t.Fatalf("error without a place: %#v", err)
			}
			return
		}
		var texts []byte
		for _, doc := range stream.Documents {
			texts = append(texts, doc.Text...)
		}
		if string(texts) != string(data) {
			t.Fatalf("texts of the documents:\n%q\nwant the stream:\n%q", texts, data)
		}
		for _, doc := range stream.Documents {
			compareWithKubernetes(t, doc)
		}
	})
}

func compareWithKubernetes(t *testing.T, doc *Document) {
	t.Helper()
	got := doc.JSON()
	if !json.Valid(got) {
		t.Fatalf("not JSON: %s\nof %q", got, doc.Text)
	}
	// If a merge key follows an explicit key, that library lets the merged value win.
	if strings.Contains(string(doc.Text), "<<") || strings.Contains(string(doc.Text), "!") {
		return
	}
	// A document may begin with a byte order mark, also after empty lines, as in concatenated files.
	text := strings.TrimPrefix(strings.TrimLeft(string(doc.Text), "\r\n"), byteOrderMark)
	want, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return
	}
	if diff := cmp.Diff(decode(t, want), decode(t, got)); diff != "" {
		t.Fatalf("JSON of %q differs from Kubernetes' (-want +got):\n%s", doc.Text, diff)
	}
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("JSON %q: %v", data, err)
	}
	return v
}
