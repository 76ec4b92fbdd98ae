package check_test

import "testing"

func TestReferencesToVariablesThatThereAreNot(t *testing.T) {
	const at = "spec.pod.spec.containers[0]."
	const none = "stands in the container as it is here: the container has no such variable [BadValue]"
	wantFindings(t, map[string][]string{
		pod(", args: ['--a=$(POD)', $(B)], env: [{name: A, value: a}, {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", ""): {at + `args[1]: "$(B)" ` + none},
		pod(", command: [run, $(HOME)]", ""):                                                               {at + `command[1]: "$(HOME)" ` + none},
		pod(", env: [{name: URL, value: 'http://$(HOST)'}, {name: HOST, value: web}]", ""):                 {at + `env[0].value: "$(HOST)" stands in the container as it is here: the variable is declared below it [BadValue]`},
		pod(", env: [{name: HOST, value: web}, {name: URL, value: 'http://$(HOST):$(PORTS)$(HOME)'}]", ""): {at + `env[1].value: "$(PORTS)" ` + none},
		pod(", args: [$$$(A)]", ""):                                                                        {at + `args[0]: "$(A)" ` + none},

		pod(", env: [{name: PATH, value: '$(PATH):/x'}]", ""): {at + `env[0].value: "$(PATH)" stands in the container as it is here: a variable does not hold itself [BadValue]`},

		// These are right, or may be.
		pod(", args: [$(AWS_ROLE_ARN), $(AZURE_CLIENT_ID)]", ""):                                                                    nil,
		pod(", args: [$$(A), $$$$(A), $(date), $(cat A), '$(A', $A, $(lower), $(KUBERNETES_SERVICE_HOST), $(WEB_PORT_80_TCP)]", ""): nil,
		pod(", args: [$(A)], envFrom: [{configMapRef: {name: c}}]", ""):                                                             nil,
		pod(", args: [$(A)], env: [{name: '${instance}', value: a}]", ""):                                                           nil,
		pod(", args: [$(A)], env: [{$when: '${native}', name: A, value: a}]", ""):                                                   nil,
		pod(`, args: ["a: $(A)\nb: c"]`, ""):                                                                                        nil,
		"app: {env: [{name: A, value: $(B)}]}":                                                                                      nil,
		"overrides: [env], " + pod(", args: [$(A)]", ""):                                                                            nil,
	})
}
