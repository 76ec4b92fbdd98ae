package check_test

import "testing"

func TestResourcesAreRequestedWithinTheirLimits(t *testing.T) {
	wantFindings(t, map[string][]string{
		"pod: {spec: {containers: [{name: c, image: i, resources: {limits: {cpu: 1}}}]}}":                                                     {`spec.pod.spec.containers[0]: container "c" requests no memory [MissingRequests]`},
		"pod: {spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 500m, memory: 1024Mi}}}]}}": {`spec.pod.spec.containers[0].resources.requests.cpu: request "1" is above the limit "500m" [BadValue]`},
		"pod: {spec: {containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Mi}}}]}}":                                        nil,
	})
}
