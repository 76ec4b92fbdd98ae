package check_test

import "testing"

func TestFailuresCountWhereNoPodCanMendThem(t *testing.T) {
	wantFindings(t, map[string][]string{
		`pod: {metadata: {labels: {a: "${'x'.split(',')[1]}"}}}`:                                                                                            {"spec.pod.metadata.labels.a: index out of bounds: 1 [ExpressionFailed]"},
		`pod: {metadata: {labels: {a: "${pod.metadata.labels.a}"}}}`:                                                                                        {"spec.pod.metadata.labels.a: fails for a pod that has only a name and one container: pod.metadata.labels is absent [ExpressionFailed]"},
		`parameters: [{name: p, type: string, required: true}], pod: {metadata: {labels: {a: "${params.p.split(',')[1]}"}}}`:                                nil,
		`parameters: [{name: p, type: string}], pod: {metadata: {labels: {a: "${params.p.split(',')[1]}"}}}, examples: [{name: e, parameters: {p: "a,b"}}]`: {"spec.pod.metadata.labels.a: index out of bounds: 1 [ExpressionFailed]"},
		`pod: {metadata: {annotations: {a: "${native ? 'x' : 'x'.split(',')[1]}"}}}`:                                                                        {"spec.pod.metadata.annotations.a: index out of bounds: 1 in container mode [ExpressionFailed]"},
	})
}
