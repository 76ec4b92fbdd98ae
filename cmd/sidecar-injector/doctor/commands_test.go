package doctor

import (
	"testing"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// The pod's author can write any owner, and an administrator pastes the command into a shell.
func TestCommandsHoldNoOwnersShell(t *testing.T) {
	for name, want := range map[string]string{
		"web":       "kubectl rollout restart deployment web -n shop",
		"$(reboot)": "sidecar-injector explain 'deployment/$(reboot)' -n shop",
		"--all":     "sidecar-injector explain deployment/--all -n shop",
		"a; b'c":    `sidecar-injector explain 'deployment/a; b'\''c' -n shop`,
	} {
		if got := restartCommand(&Workload{Workload: fleet.Workload{Namespace: "shop", Kind: "Deployment", Name: name}}); got != want {
			t.Errorf("%q: the command is %s, want %s", name, got, want)
		}
	}
	if got := workloadNames([]*Workload{{Workload: fleet.Workload{Namespace: "shop", Kind: "x\x1b", Name: "a\nb"}}}); got != `"x\x1b"/"a\nb" in shop` {
		t.Errorf("shown is %s", got)
	}
}
