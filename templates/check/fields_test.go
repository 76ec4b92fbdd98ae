package check_test

import "testing"

func TestFieldsHaveWhatKubernetesWants(t *testing.T) {
	wantFindings(t, map[string][]string{
		pod(", env: [{value: x}]", ""): {"spec.pod.spec.containers[0].env[0]: name is missing [MissingField]"},
		pod(`, env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a}}}]`, ", volumes: [{name: v, emptyDir: {}}]"):                {"spec.pod.spec.containers[0].env[0].valueFrom.fileKeyRef: key is missing [MissingField]"},
		pod(`, livenessProbe: {httpGet: {port: 1}, tcpSocket: {port: 2}}`, ""):                                                              {"spec.pod.spec.containers[0].livenessProbe: httpGet and tcpSocket exclude each other [BadValue]"},
		pod(`, livenessProbe: {periodSeconds: 1}`, ""):                                                                                      {"spec.pod.spec.containers[0].livenessProbe: want one of exec, httpGet, tcpSocket, grpc [MissingField]"},
		pod(`, imagePullPolicy: always`, ""):                                                                                                {`spec.pod.spec.containers[0].imagePullPolicy: "always" is not known [BadValue]`},
		pod(`, ports: [{containerPort: 70000, hostPort: 0}]`, ""):                                                                           {"spec.pod.spec.containers[0].ports[0].containerPort: 70000 is no port [BadValue]"},
		pod(`, livenessProbe: {httpGet: {port: "a_b"}}`, ""):                                                                                {`spec.pod.spec.containers[0].livenessProbe.httpGet.port: "a_b" is no name of a port [BadValue]`},
		pod(`, ports: [{name: http, containerPort: 1}], livenessProbe: {httpGet: {port: http, scheme: HTTP}}, imagePullPolicy: Always`, ""): nil,
	})
}

func TestAValueThatNoPodGetsIsNoFault(t *testing.T) {
	const user = `variables: [{name: user, expression: "app.?securityContext.?runAsUser.orValue(-1)"}], `
	c := pod(`, securityContext: {runAsUser: "${variables.user}"}`, "")
	wrong := []string{"spec.pod.spec.containers[0].securityContext.runAsUser: -1 is less than 0 [BadValue]"}
	wantFindings(t, map[string][]string{
		user + c: wrong,
		user + `validations: [{expression: variables.user >= 0, message: "say as whom it runs"}], ` + c:               nil,
		user + `validations: [{expression: variables.user >= 0, message: "say as whom it runs", action: Warn}], ` + c: wrong,
		user + `validations: [{expression: 'app.?ports.orValue([]).size() > 0', message: "it wants a port"}], ` + c:   wrong,
		`parameters: [{name: port, type: port}], validations: [{expression: params.port > 0, message: "say which port"}], ` +
			pod(`, ports: [{containerPort: "${params.port}"}]`, ""): nil,
	})
}
