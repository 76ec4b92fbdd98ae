package fleet

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/config"
)

// noon is the time of the comparisons in these tests.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// observed judges a pod with a status, in JSON. Its spec is changed by change.
func observed(t *testing.T, server Server, status string, change func(spec object)) Instance {
	t.Helper()
	set := setOf(t, tail)
	pod := created(t, set, shop(), web, func(pod object) {
		v, err := decode([]byte(status))
		must(t, err)
		pod["status"] = v
		if change != nil {
			change(part(pod, "spec"))
		}
	})
	text, err := json.Marshal(pod)
	must(t, err)
	today := &Today{Set: set, Settings: config.Default().Settings(), Server: server, Now: noon}
	s, err := today.Judge(shop(), text)
	must(t, err)
	return s.Instances[0]
}

// TestASidecarInTroubleFails also checks that the container's own reason is shown, and that a container
// which is not due to start yet, or has just begun to, is not failing.
func TestASidecarInTroubleFails(t *testing.T) {
	const oom = `"lastState":{"terminated":{"reason":"OOMKilled","exitCode":137}}`
	for name, test := range map[string]struct{ status, want string }{
		"it waits for its turn":           {`"state":{"waiting":{"reason":"PodInitializing"}}`, ""},
		"its image does not come":         {`"state":{"waiting":{"reason":"ImagePullBackOff"}}`, "ImagePullBackOff"},
		"it crashes":                      {`"state":{"waiting":{"reason":"CrashLoopBackOff"}},"restartCount":3,` + oom, "CrashLoopBackOff: OOMKilled, exit code 137"},
		"it has ended":                    {`"state":{"terminated":{"reason":"OOMKilled","exitCode":137}}`, "OOMKilled, exit code 137"},
		"it has ended well, and must not": {`"state":{"terminated":{"reason":"Completed","exitCode":0}}`, "Completed, exit code 0"},
		"it starts":                       {`"state":{"running":{"startedAt":"2026-01-02T11:59:30Z"}},"started":false,"ready":false`, ""},
		"it starts, nobody knows when":    {`"state":{"running":{}},"started":false,"ready":false`, ""},
		"it does not come to start":       {`"state":{"running":{"startedAt":"2026-01-02T11:56:30Z"}},"started":false,"ready":false`, "not started for 3m"},
		"it starts for the third time":    {`"state":{"running":{"startedAt":"2026-01-02T11:59:59Z"}},"started":false,"ready":false,"restartCount":2,` + oom, "not ready after 2 restarts: OOMKilled, exit code 137"},
		"it is not ready":                 {`"state":{"running":{}},"started":true,"ready":false`, "NotReady"},
		"it is not ready after a restart": {`"state":{"running":{"startedAt":"2026-01-02T11:59:59Z"}},"started":true,"ready":false,"restartCount":1,"lastState":{"terminated":{"reason":"Error","exitCode":1}}`, "not ready after 1 restart: Error, exit code 1"},
		"it is not ready any more":        {`"state":{"running":{"startedAt":"2026-01-02T10:00:00Z"}},"started":true,"ready":false,"restartCount":1,` + oom, "NotReady"},
		"it is ready":                     {`"state":{"running":{}},"started":true,"ready":true`, ""},
		"it is ready between crashes":     {`"state":{"running":{"startedAt":"2026-01-02T11:59:00Z"}},"started":true,"ready":true,"restartCount":3,` + oom, "3 restarts: OOMKilled, exit code 137"},
		"it is well since a crash":        {`"state":{"running":{"startedAt":"2026-01-02T11:59:00Z"}},"started":true,"ready":true,"restartCount":1,` + oom, ""},
		"it is well since many crashes":   {`"state":{"running":{"startedAt":"2026-01-02T11:40:00Z"}},"started":true,"ready":true,"restartCount":7,` + oom, ""},
		"it got images twice":             {`"state":{"running":{"startedAt":"2026-01-02T11:59:00Z"}},"started":true,"ready":true,"restartCount":2,"lastState":{"terminated":{"reason":"Error","exitCode":137}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := observed(t, Server{}, `{"initContainerStatuses":[{"name":"app-sc-tail",`+test.status+`}]}`, nil)
			if state, _ := i.Shown(); i.Trouble != test.want || (state == Failing) != (test.want != "") || i.State != Current {
				t.Errorf("got %q, %v, %v, want %q", i.Trouble, state, i.State, test.want)
			}
		})
	}
}

// TestASidecarThatIsNotCreatedFails: a volume that cannot be mounted is no reason of a container's.
func TestASidecarThatIsNotCreatedFails(t *testing.T) {
	const at = `{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-01-02T11:%s:00Z"}`
	const mounts = `,{"type":"PodReadyToStartContainers","status":"False","lastTransitionTime":"2026-01-02T11:00:00Z"}`
	const waits = `"state":{"waiting":{"reason":"PodInitializing"}}`
	const migrates = `{"name":"migrate","state":{"running":{"startedAt":"2026-01-02T11:00:00Z"}}},`
	const migrated = `{"name":"migrate","state":{"terminated":{"exitCode":0,"finishedAt":"2026-01-02T11:%s:30Z"}}},`
	for name, test := range map[string]struct{ minute, conditions, before, state, want string }{
		"for a moment":                      {"59", "", "", waits, ""},
		"for long":                          {"55", "", "", waits, "ContainerCreating for 5m: see kubectl describe pod"},
		"in other words":                    {"35", "", "", `"state":{"waiting":{"reason":"ContainerCreating"}}`, "ContainerCreating for 20m: see kubectl describe pod"},
		"behind what runs":                  {"00", "", migrates, waits, ""},
		"behind what has just run":          {"00", "", strings.Replace(migrated, "%s", "59", 1), waits, ""},
		"behind what ran":                   {"00", "", strings.Replace(migrated, "%s", "50", 1), waits, "ContainerCreating for 9m: see kubectl describe pod"},
		"behind what is not created either": {"55", mounts, `{"name":"migrate",` + waits + `},`, waits, "ContainerCreating for 5m: see kubectl describe pod"},
	} {
		t.Run(name, func(t *testing.T) {
			status := `{"conditions":[` + strings.Replace(at, "%s", test.minute, 1) + test.conditions + `],"initContainerStatuses":[` + test.before + `{"name":"app-sc-tail",` + test.state + `}]}`
			i := observed(t, Server{}, status, func(spec object) {
				if test.before != "" {
					spec["initContainers"] = append(list{object{"name": "migrate", "image": "migrate"}}, spec["initContainers"].(list)...)
				}
			})
			if i.Trouble != test.want {
				t.Errorf("got %q, want %q", i.Trouble, test.want)
			}
		})
	}
}

// TestASidecarThatEndsWellIsNotFailing: in container mode a sidecar ends with its Job, and has nothing that
// could be changed.
func TestASidecarThatEndsWellIsNotFailing(t *testing.T) {
	contained := strings.NewReplacer("spec:\n  parameters", "spec:\n  completes: true\n  parameters", "initContainers:", "containers:", "        restartPolicy: Always\n", "").Replace(tail)
	for name, test := range map[string]struct {
		policy, state, trouble string
		want                   State
	}{
		"well":              {"Never", `{"terminated":{"reason":"Completed","exitCode":0}}`, "", Restart},
		"well, of a Job":    {"OnFailure", `{"terminated":{"reason":"Completed","exitCode":0}}`, "", Restart},
		"well, for nothing": {"Always", `{"terminated":{"reason":"Completed","exitCode":0}}`, "Completed, exit code 0", InPlace},
		"badly":             {"Never", `{"terminated":{"reason":"Error","exitCode":5}}`, "Error, exit code 5", Restart},
		"badly, not yet":    {"OnFailure", `{"terminated":{"reason":"Error","exitCode":5}}`, "Error, exit code 5", InPlace},
	} {
		t.Run(name, func(t *testing.T) {
			pod := created(t, setOf(t, contained), shop(), web, func(pod object) {
				part(pod, "spec")["restartPolicy"] = test.policy
				v, err := decode([]byte(`{"containerStatuses":[{"name":"app","state":{"running":{}},"ready":true},{"name":"app-sc-tail","state":` + test.state + `}]}`))
				must(t, err)
				pod["status"] = v
			})
			i := judged(t, setOf(t, strings.Replace(contained, "tail:1", "tail:2", 1)), Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]
			if i.Trouble != test.trouble || i.State != test.want {
				t.Errorf("got %v with %q, want %v with %q: %s", i.State, i.Trouble, test.want, test.trouble, i.Why)
			}
		})
	}
	// An app that has ended stops its native sidecars.
	i := observed(t, Server{}, `{"initContainerStatuses":[{"name":"app-sc-tail","state":{"terminated":{"reason":"Error","exitCode":143}}}],
		"containerStatuses":[{"name":"app","state":{"terminated":{"reason":"Completed","exitCode":0}}}]}`, func(spec object) { spec["restartPolicy"] = "OnFailure" })
	if i.Trouble != "" {
		t.Errorf("beside an app that has ended: %q", i.Trouble)
	}
}

// TestTheKubeletDecidesWhatChangesInPlace: the API server takes a new image of a native sidecar that an
// older kubelet does not start.
func TestTheKubeletDecidesWhatChangesInPlace(t *testing.T) {
	for name, test := range map[string]struct {
		server, kubelet int
		new             string
		want            State
		why             string
	}{
		"a new one":               {37, 37, "tail:2", InPlace, ""},
		"an old one":              {37, 31, "tail:2", Restart, "its node's kubelet is of Kubernetes 1.31"},
		"unknown, and new enough": {35, 0, "tail:2", InPlace, ""},
		"unknown, perhaps old":    {34, 0, "tail:2", Restart, "its node's kubelet may be of Kubernetes 1.31"},
		"cpu":                     {37, 33, "", InPlace, ""},
		"cpu, an old one":         {37, 32, "", Restart, "does not resize"},
		"cpu, unknown":            {37, 0, "", InPlace, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := created(t, setOf(t, tail), shop(), web, func(pod object) { part(pod, "spec")["nodeName"] = "n" })
			changed := strings.Replace(tail, "tail:1", test.new, 1)
			if test.new == "" {
				changed = strings.Replace(tail, "cpu: 10m", "cpu: 20m", 1)
			}
			i := judged(t, setOf(t, changed), Server{Minor: test.server, Resize: true, Kubelet: func(string) int { return test.kubelet }}, shop(), pod).Instances[0]
			if i.State != test.want || !strings.Contains(i.Why, test.why) {
				t.Errorf("got %v: %s", i.State, i.Why)
			}
		})
	}
}
