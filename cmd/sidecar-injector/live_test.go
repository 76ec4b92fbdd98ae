package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
)

// In a pod there is no kubeconfig. client-go uses the in-cluster configuration only if flags and files
// result in the same configuration as without any.
func TestNothingHidesTheConfigurationOfThePod(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for _, args := range [][]string{nil, {"--request-timeout", "300ms"}, {"--request-timeout", "0"}, {"-n", "shop"}} {
		flags := &commonFlags{}
		cmd := &cobra.Command{}
		flags.addCluster(cmd)
		must(t, cmd.ParseFlags(args))
		config, err := flags.cluster.ToRawKubeConfigLoader().ClientConfig()
		must(t, err)
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.DefaultClientConfig = &clientcmd.DefaultClientConfig
		if _, inPod := os.LookupEnv("KUBERNETES_SERVICE_HOST"); !inPod && !rules.IsDefaultConfig(config) {
			t.Errorf("with %q client-go takes this for a configuration, and ignores the pod's: %v", args, config)
		}
	}
}

func TestAnAnswerHasTenSecondsUnlessTheFlagSaysOtherwise(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for text, want := range map[string]time.Duration{"": 10 * time.Second, "300ms": 300 * time.Millisecond, "7": 7 * time.Second, "0": 0} {
		flags := &commonFlags{}
		cmd := &cobra.Command{}
		flags.addCluster(cmd)
		if text != "" {
			must(t, cmd.ParseFlags([]string{"--request-timeout", text}))
		}
		config, err := flags.cluster.ToRESTConfig()
		must(t, err)
		if config.Timeout != want {
			t.Errorf("--request-timeout %q: an answer may take %v, want %v", text, config.Timeout, want)
		}
	}
	flags := &commonFlags{}
	cmd := &cobra.Command{}
	flags.addCluster(cmd)
	if err := cmd.ParseFlags([]string{"--request-timeout", "soon"}); err == nil {
		t.Error("--request-timeout soon is accepted")
	}
}
