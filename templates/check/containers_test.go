package check_test

import "testing"

func TestContainersFitTheListThatTheyStandIn(t *testing.T) {
	const requests = "image: i, resources: {requests: {cpu: 1m, memory: 1Mi}}"
	wantFindings(t, map[string][]string{
		pod("", ", initContainers: [{name: c, "+requests+"}]"):                                                                     {`spec.pod.spec.containers[0].name: container "c" is there twice [DuplicateName]`},
		pod("", ", initContainers: [{name: C, "+requests+"}]"):                                                                     {`spec.pod.spec.initContainers[0].name: "C" cannot name a container [BadName]`},
		pod("", ", initContainers: [{name: i, "+requests+", lifecycle: {preStop: {sleep: {seconds: 1}}}}]"):                        {"spec.pod.spec.initContainers[0].lifecycle: an init container that is no sidecar has no lifecycle [FieldNotAllowed]"},
		pod("", ", initContainers: [{name: i, restartPolicy: Always, "+requests+", lifecycle: {preStop: {sleep: {seconds: 1}}}}]"): nil,
		pod(", restartPolicy: Always", ""):                                                                                         {"spec.pod.spec.containers[0].restartPolicy: restartPolicy: Always makes no sense among the containers [FieldNotAllowed]"},
	})
}
