package fleet

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestANewPodHasToBeWhatTheOthersAreToBecome: a new pod that differs shows that a change would not last, or
// that what is known here is not what the injector knows.
func TestANewPodHasToBeWhatTheOthersAreToBecome(t *testing.T) {
	server := Server{Minor: 37, Resize: true}
	today := setOf(t, tail)
	sidecar := func(pod object) object { return named(items(part(pod, "spec"), "initContainers"), "app-sc-tail") }
	revision := judged(t, today, server, shop(), created(t, today, shop(), web, nil)).Instances[0].Today
	target := &Target{Wants: map[string]string{"tail": revision}}
	for name, test := range map[string]struct {
		of       string
		mutate   func(object)
		want     string
		repaired bool // it would do for a repair
	}{
		"as rendered here":            {tail, nil, "", true},
		"somebody adds a limit":       {tail, func(pod object) { part(sidecar(pod), "resources", "limits")["cpu"] = "1" }, "", true},
		"a registry that is not seen": {tail, func(pod object) { sidecar(pod)["image"] = "mirror.example.com/tail:1" }, "the injector gives another image, mirror.example.com/tail:1: another webhook changes it", true},
		"other arguments":             {tail, func(pod object) { sidecar(pod)["args"] = list{"--quiet"} }, `a new pod differs too: container "app-sc-tail": args`, true},
		"less memory":                 {tail, func(pod object) { part(sidecar(pod), "resources", "requests")["memory"] = "8Mi" }, "a new pod differs too: app-sc-tail: requests.memory 8Mi → 16Mi", true},
		"another template":            {strings.Replace(tail, "tail:1", "tail:2", 1), nil, "a new pod comes with revision ", false},
		"no injection": {tail, func(pod object) {
			delete(part(pod, "metadata", "annotations"), inject.StatusAnnotation)
			delete(part(pod, "spec"), "initContainers")
		}, "a new pod comes without tail: the injector does not inject now", false},
	} {
		t.Run(name, func(t *testing.T) {
			standing := judged(t, today, server, shop(), created(t, setOf(t, test.of), shop(), web, test.mutate))
			if got := standing.Unlike(target, true); !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := standing.Unlike(target, false); (got == "") != test.repaired {
				t.Errorf("for a repair: %q", got)
			}
		})
	}
}

// TestAStrippedPodCanBeMadeAgain: a pod that is like one of before its injection gets the same sidecars.
func TestAStrippedPodCanBeMadeAgain(t *testing.T) {
	set := setOf(t, tail)
	text, err := json.Marshal(created(t, set, shop(), web, nil))
	must(t, err)
	stripped, err := Stripped(text)
	if err != nil || strings.Contains(string(stripped), "app-sc-tail") || strings.Contains(string(stripped), inject.StatusAnnotation) {
		t.Fatalf("%s: %v", stripped, err)
	}
	again := judged(t, set, Server{Minor: 37, Resize: true}, shop(), created(t, set, shop(), string(stripped), nil))
	if why := again.Unlike(&Target{Wants: map[string]string{"tail": again.Instances[0].Today}}, true); why != "" {
		t.Error(why)
	}
	if _, err := Stripped([]byte(`[]`)); err == nil {
		t.Error("a list: no error")
	}
}
