package live

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestAPodStandsAsTheDecisionSays: sidecars that the status lists but the pod lacks do not count, and a pod
// with an unreadable request is Refused whatever it has.
func TestAPodStandsAsTheDecisionSays(t *testing.T) {
	const status = `{\"side\":{\"template\":\"ClusterSidecarTemplate/side\",\"revision\":\"old\",\"containers\":[\"side\"]},` +
		`\"gone\":{\"template\":\"ClusterSidecarTemplate/side\",\"revision\":\"old\",\"containers\":[\"gone\"]},` +
		`\"elsewhere\":{\"template\":\"ClusterSidecarTemplate/side\",\"revision\":\"old\",\"sidecars\":[\"side\"]},` +
		`\"out\":{\"template\":\"ClusterSidecarTemplate/side\",\"revision\":\"old\",\"leftOut\":\"Conflict\"}}`
	set := templates.NewSet(nil)
	for name, test := range map[string]struct {
		request string
		enabled string
		want    []string
	}{
		"nothing asks":                        {"", "enabled", []string{"outdated", "side=side@old outdated ImagePullBackOff"}},
		"it is disabled":                      {"", "disabled", []string{"outdated", "side=side@old outdated ImagePullBackOff"}},
		"the request cannot be read":          {"true", "enabled", []string{"refused", "side=side@old outdated ImagePullBackOff"}},
		"the request cannot be read, in part": {"side,,", "enabled", []string{"refused", "side=side@old outdated ImagePullBackOff"}},
	} {
		t.Run(name, func(t *testing.T) {
			pod, err := ReadPod(fmt.Appendf(nil, `{"metadata":{"name":"web","namespace":"shop","annotations":{"sidecar-injector.dev/inject":%q,"sidecar-injector.dev/status":"%s"}},
				"spec":{"containers":[{"name":"app","image":"app"},{"name":"side","image":"side"}]},
				"status":{"containerStatuses":[{"name":"app","state":{"waiting":{"reason":"PodInitializing"}}},{"name":"side","state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}`, test.request, status))
			if err != nil {
				t.Fatal(err)
			}
			namespace := inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: test.enabled}}
			s, err := Stand(set, config.Default().Settings(), namespace, &pod)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{s.State.String()}
			for _, i := range s.Instances {
				got = append(got, fmt.Sprintf("%s=%s@%s %s %s", i.Name, i.Template, i.Revision, i.State, i.Waiting))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			v := NewInventory()
			v.Add(&pod, Owner{}, s)
			if w := v.Workloads()[0]; (w.Why != "") != (s.State == Refused) || w.State != s.State.String() {
				t.Errorf("workload %+v", w)
			}
		})
	}
}
