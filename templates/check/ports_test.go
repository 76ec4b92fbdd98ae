package check_test

import "testing"

func TestPortsAreSharedByTheContainersOfAPod(t *testing.T) {
	const requests = "image: i, resources: {requests: {cpu: 1m, memory: 1Mi}}"
	wantFindings(t, map[string][]string{
		pod(", ports: [{containerPort: 1}]", ", initContainers: [{name: i, "+requests+", ports: [{containerPort: 1, protocol: TCP}]}]"): {`spec.pod.spec.containers[0].ports[0]: port 1/TCP is taken by container "i" [PortClash]`},
		pod(", ports: [{containerPort: 1}, {containerPort: 1, protocol: UDP}]", ""):                                                     nil,
		pod(", ports: [{containerPort: 1, hostPort: 3}, {containerPort: 2, hostPort: 3}]", ""):                                          {"spec.pod.spec.containers[0].ports[1].hostPort: host port 3/TCP is there twice [PortClash]"},
		pod(", ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}, {containerPort: 3, name: a--b}]", ""):                  {`spec.pod.spec.containers[0].ports[1].name: port "a" is there twice [DuplicateName]`, `spec.pod.spec.containers[0].ports[2].name: "a--b" cannot name a port [BadName]`},
	})
}

func TestNamedPortsAreThoseOfTheContainer(t *testing.T) {
	none := []string{`spec.pod.spec.containers[0].livenessProbe.httpGet.port: the container declares no port "htpp" [BadValue]`}
	wantFindings(t, map[string][]string{
		pod(`, livenessProbe: {httpGet: {port: htpp}}, ports: [{name: http, containerPort: 1}]`, ""):                 none,
		pod(`, livenessProbe: {httpGet: {port: htpp}}`, ""):                                                          none,
		pod(`, lifecycle: {preStop: {tcpSocket: {port: x}}}, startupProbe: {tcpSocket: {port: 1}}`, ""):              {`spec.pod.spec.containers[0].lifecycle.preStop.tcpSocket.port: the container declares no port "x" [BadValue]`},
		pod(`, livenessProbe: {httpGet: {port: http}}, ports: [{name: http, containerPort: 1}]`, ""):                 nil,
		pod(`, livenessProbe: {httpGet: {port: "p-${index}"}}, ports: [{name: "p-${index}", containerPort: 1}]`, ""): nil,
		"app: {livenessProbe: {httpGet: {port: http}}}, " + pod("", ""):                                              nil, // the app may have it
	})
}
