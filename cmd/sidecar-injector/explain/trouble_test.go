package explain

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestALineThatComplainsIsToldFromOthers has last lines of the built-in sidecars' programs.
func TestALineThatComplainsIsToldFromOthers(t *testing.T) {
	for line, want := range map[string]bool{
		`[ warn] [net] getaddrinfo(host='receiver', err=4): Domain name not found`:                 true,
		`[2026/01/02 12:00:00] [error] [output:http:http.0] receiver:80, HTTP status=500`:          true,
		`{"time": "2026-01-02", "level": "INFO", "msg": "Reload response: 401 Unauthorized"}`:      true,
		`"msg":"POST request sent to http://localhost. Response: 503 Service Unavailable"`:         true,
		`fatal: repository 'https://example.com/x/' not found`:                                     true,
		`dial tcp: lookup store on 10.96.0.10:53: no such host`:                                    true,
		`open /var/log/app/a.log: permission denied`:                                               true,
		`"msg":"POST request sent to http://localhost. Response: 200 OK"`:                          false,
		`INFO  : There was nothing to transfer`:                                                    false,
		`{"level":"info","msg":"synced","errors":0}`:                                               false,
		`0 errors, 5 files copied`:                                                                 false,
		`"level"=0 "msg"="update required" "rev"="HEAD" "local"="500ab" "remote"="503c1"`:          false,
		`[ info] [input:tail:tail.0] inotify_fs_add(): inode=404 watch_fd=1 name=/var/log/app/log`: false,
		`"POST / HTTP/1.1" 503 12`:                                                                 true,
		`request timed out`:                                                                        true,
		`"GET / HTTP/1.1" 200 512`:                                                                 false,
		`status=200 size=418`:                                                                      false,
		`response 200 in 450 ms`:                                                                   false,
		`"msg":"copied","error":""`:                                                                false,
		`starting with --timeout=5m`:                                                               false,
	} {
		if got := complains(line); got != want {
			t.Errorf("%s: complains: %v", line, got)
		}
	}
}

// TestASidecarWithoutItsTokenIsNamed: the rights may be there, and are of no use.
func TestASidecarWithoutItsTokenIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ spec, want string }{
		"the pod declines":     {`"automountServiceAccountToken":false,"containers":[{"name":"sync"}]`, "of the pod is false: remove that line"},
		"its account declines": {`"containers":[{"name":"sync"}]`, "ServiceAccount reader has automountServiceAccountToken: false"},
		"it has one":           {`"containers":[{"name":"sync","volumeMounts":[{"name":"kube-api-access-x","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}]`, ""},
		"mounted by hand":      {`"automountServiceAccountToken":false,"containers":[{"name":"sync","volumeMounts":[{"name":"t","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var pod podFields
			if err := json.Unmarshal([]byte(`{"spec":{`+test.spec+`}}`), &pod); err != nil {
				t.Fatal(err)
			}
			e := &Explanation{ServiceAccount: "reader", Instances: []Instance{{
				Name: "sync", Outcome: inject.Unchanged, Containers: []string{"sync"}, Needs: []v1alpha1.Permission{{Resources: []string{"configmaps"}, Verbs: []string{"get"}}},
			}}}
			e.findTokenless(&pod)
			if got := strings.Join(e.Instances[0].Notes, "\n"); (got != "") != (test.want != "") || !strings.Contains(got, test.want) {
				t.Errorf("notes %q, want %q", got, test.want)
			}
		})
	}
}

// TestAnInjectorIsInstalledBeforeAnythingElse: without one, a new pod lacks its sidecars as well.
func TestAnInjectorIsInstalledBeforeAnythingElse(t *testing.T) {
	e := &Explanation{Remedies: []Remedy{{Text: "delete the pod"}}}
	e.InstallFirst()
	if len(e.Remedies) != 2 || !strings.Contains(e.Remedies[0].Text, "install the injector first") {
		t.Errorf("remedies %+v", e.Remedies)
	}
	e = &Explanation{}
	if e.InstallFirst(); len(e.Remedies) > 0 {
		t.Errorf("nothing is to be mended: %+v", e.Remedies)
	}
}
