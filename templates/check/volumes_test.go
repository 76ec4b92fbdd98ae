package check_test

import "testing"

func TestVolumesHaveNamesOfTheirOwn(t *testing.T) {
	wantFindings(t, map[string][]string{
		pod("", ", volumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]"): {`spec.pod.spec.volumes[1].name: volume "a" is there twice [DuplicateName]`},
		pod("", ", volumes: [{name: kube-api-access-x, emptyDir: {}}]"):          {`spec.pod.spec.volumes[0].name: volume "kube-api-access-x" belongs to Kubernetes, which makes it itself [ReservedName]`},
		pod("", ", volumes: [{name: a.b, emptyDir: {}}]"):                        {`spec.pod.spec.volumes[0].name: "a.b" cannot name a volume [BadName]`},
		pod("", ", volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}]"): nil,
	})
}
