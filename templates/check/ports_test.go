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
