package check_test

import "testing"

func TestVariablesAreThereOnceWithOneValue(t *testing.T) {
	wantFindings(t, map[string][]string{
		pod(", env: [{name: A, value: x}, {name: A, value: z}]", ""):                               {`spec.pod.spec.containers[0].env[1].name: variable "A" is there twice [DuplicateName]`},
		pod(", env: [{name: 'A=B', value: x}]", ""):                                                {`spec.pod.spec.containers[0].env[0].name: "A=B" cannot name a variable [BadName]`},
		pod(", env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", ""): {`spec.pod.spec.containers[0].env[0]: variable "A" has value and valueFrom [BadValue]`},
		"app: {env: [{name: A, value: '', valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}":    nil,
	})
}
