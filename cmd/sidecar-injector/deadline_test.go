package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// silentCluster returns the kubeconfig of an API server that accepts connections and never answers.
func silentCluster(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: \"http://%s\"}}], contexts: [{name: c, context: {cluster: c}}]}", listener.Addr())
	must(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestCommandsEndWhenTheAPIServerNeverAnswers(t *testing.T) {
	const patience = 10 * time.Second
	for _, args := range [][]string{
		{"check", "--request-timeout", "300ms"},
		{"check", "--wait", "1s"},
		{"check", "--wait", "1s", "--request-timeout", "0"},
		{"status", "--request-timeout", "300ms"},
		{"explain", "deploy/web", "--request-timeout", "300ms"},
		{"diff", "pod/web", "--request-timeout", "300ms"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			kubeconfig := silentCluster(t)
			var out, errOut bytes.Buffer
			code := make(chan int, 1)
			go func() {
				code <- run(append([]string{"sidecar-injector"}, append(args, "--kubeconfig", kubeconfig)...), streams{Out: &out, ErrOut: &errOut})
			}()
			select {
			case got := <-code:
				if got != 2 || !strings.HasPrefix(errOut.String(), "error: ") {
					t.Errorf("exit code %d, want 2 and an error:\n%s%s", got, &out, &errOut)
				}
			case <-time.After(patience):
				t.Fatalf("no answer within %v", patience)
			}
		})
	}
}
