//go:build controlplane

package controlplane

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// suite is the control plane that all tests share.
var suite *plane

func TestMain(m *testing.M) {
	minor := flag.String("kubernetes", "1.37", "minor version of the control plane")
	flag.Parse()
	log.SetLogger(logr.Discard()) // envtest's logger; its errors contain the same
	os.Exit(runSuite(m, *minor))
}

func runSuite(m *testing.M, minor string) (code int) {
	begun := time.Now()
	started, err := startPlane(minor)
	if err != nil {
		fmt.Fprintf(os.Stderr, "control plane: %v\n", err)
		return 1
	}
	suite = started
	defer func() {
		if err := suite.stop(); err != nil {
			fmt.Fprintf(os.Stderr, "control plane: %v\n", err)
			code = 1
		}
		if code == 0 {
			err = os.RemoveAll(suite.logs)
		} else {
			fmt.Fprintf(os.Stderr, "the logs are in %s\n", suite.logs)
		}
	}()
	fmt.Printf("Kubernetes %s up in %s\n", suite.version, time.Since(begun).Round(time.Second))
	tested := time.Now()
	code = m.Run()
	for _, line := range suite.told {
		fmt.Println(line)
	}
	fmt.Printf("tests took %s\n", time.Since(tested).Round(time.Second))
	return code
}
