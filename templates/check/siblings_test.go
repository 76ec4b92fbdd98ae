package check_test

import (
	"fmt"
	"testing"
)

func TestAPositionBesideAMisspeltSiblingIsTold(t *testing.T) {
	const requests = `resources: {requests: {cpu: 1m, memory: 1Mi}}`
	two := func(first, position string) string {
		return fmt.Sprintf(`pod: {spec: {initContainers: [{name: "%s", image: "x:1", %s}, {name: "second-${instance}", image: "x:1", %s, $position: %s}]}}`,
			first, requests, requests, position)
	}
	at := "spec.pod.spec.initContainers[1].$position"
	told := func(at, name string) []string {
		return []string{fmt.Sprintf("%s: no container of the template is called %q [BadPosition]", at, name)}
	}
	cases := map[string][]string{}
	for name, other := range map[string]string{
		"proxyinit": "proxy-init", "proxy-int": "proxy-init", "proxy-iniit": "proxy-init", "porxy-init": "proxy-init",
		"${app.name}-sc-${instance}-int": "${app.name}-sc-${instance}-init", "${app.name}-sc-${instance}-unit": "${app.name}-sc-${instance}-init",
	} {
		cases[two(other, `"after:`+name+`"`)] = told(at, name)
	}
	cases[two("proxy-init", "[after:istio-proxy, before:proxy-inti, first]")] = told(at+"[1]", "proxy-inti")
	for name, other := range map[string]string{
		"istio-proxy": "proxy-init", "proxy-init": "proxy-init", "web-2": "web-1", "linkerd-proxy": "linkerd-init", "agent-a": "agent-b",
		"${app.name}-sc-logs": "${app.name}-sc-${instance}", "istio-init": "isti", "web": "wob", "second-${instance}": "proxy",
	} {
		cases[two(other, `"before:`+name+`"`)] = nil
	}
	wantFindings(t, cases)
}
