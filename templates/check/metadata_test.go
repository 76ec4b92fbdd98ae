package check_test

import "testing"

func TestMetadataIsWhatKubernetesTakes(t *testing.T) {
	wantFindings(t, map[string][]string{
		`pod: {metadata: {labels: {"a b": c}}}`:                 {`spec.pod.metadata.labels[a b]: "a b" is no key [BadName]`},
		`pod: {metadata: {labels: {a: "b c"}}}`:                 {`spec.pod.metadata.labels.a: "b c" is no value of a label [BadValue]`},
		`pod: {metadata: {annotations: {"A/B": "any text"}}}`:   nil,
		`pod: {metadata: {annotations: {"${instance}/": "x"}}}`: {`spec.pod.metadata.annotations[${instance}/]: "a/" is no key [BadName]`},
	})
}
