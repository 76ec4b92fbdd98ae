package builtin_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// As a native sidecar it starts before the app, and alone after a restart: only then somebody listens.
func TestTheFirstCopyOfConfigSyncCallsOnlyWhoListens(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Fatal("the machine's Python stands in for the image's, and there is none: install python3")
	}
	rendered, err := os.ReadFile("../../test/templates/builtin/config-sync/with-every-parameter/want.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := yaml.Unmarshal(rendered, &pod); err != nil {
		t.Fatal(err)
	}
	command := pod.Spec.InitContainers[0].Command
	if len(command) != 3 || command[0] != "sh" {
		t.Fatalf("the command is no shell text: %q", command)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "python"), "#!/bin/sh\nif [ \"$1\" = -c ]; then exec python3 \"$@\"; fi\necho \"$* $REQ_SKIP_INIT\"\n")
	const called, skipped = "-u -m sidecar \n", "-u -m sidecar true\n"
	for url, want := range map[string]string{
		"http://" + listener.Addr().String() + "/-/reload?a=b": called,
		"http://u:p@" + listener.Addr().String():               called,
		"http://localhost:1/":                                  skipped,
		"https://[::1]/":                                       skipped,
		"http://nobody.invalid:80/":                            skipped,
		"http://localhost:port/":                               skipped,
		"http://[":                                             skipped,
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "REQ_URL=" + url, "REQ_SKIP_INIT=true"}
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: it runs %q, %v; want %q", url, out, err, want)
		}
	}
}
