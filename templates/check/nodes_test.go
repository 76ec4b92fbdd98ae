package check_test

import "testing"

func TestContainersThatNoNodeStartsAreTold(t *testing.T) {
	const at = "spec.pod.spec.containers[0]."
	with := func(members string) string {
		return "pod: {spec: {containers: [{name: c, " + members + "}]}}"
	}
	const requests = "resources: {requests: {cpu: 1m, memory: 1Mi}}"
	wantFindings(t, map[string][]string{
		with("image: 'https://ghcr.io/x:1', " + requests):                                                                       {at + `image: an image has no scheme "https://" [BadValue]`},
		with("image: 'ghcr.io:443/x/y:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', " + requests): nil,
		with("image: i, securityContext: {runAsUser: 0, runAsNonRoot: true}, " + requests):                                      {at + "securityContext.runAsNonRoot: runAsNonRoot keeps a container from starting whose runAsUser is 0 [BadValue]"},
		with("image: i, securityContext: {runAsUser: 0, runAsNonRoot: false}, " + requests):                                     nil,
		with("image: i, securityContext: {runAsNonRoot: true}, " + requests):                                                    nil,
		with("image: i, securityContext: {capabilities: {drop: [ALL], add: [NET_ADMIN, CAP_NET_RAW]}}, " + requests):            {at + `securityContext.capabilities.add[1]: Kubernetes writes capabilities without CAP_: "CAP_NET_RAW" [BadValue]`},
		with("image: i, resources: {requests: {cpu: 1m, memory: 64m}}"):                                                         {at + `resources.requests.memory: "64m" is in thousandths of a byte [BadValue]`},
		with("image: i, resources: {requests: {cpu: 1m, memory: 64M, ephemeral-storage: 64Mi}}"):                                nil,
	})
}
