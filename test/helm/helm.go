// Package helm finds the program that tools/go.mod pins, for the tests that render or install the chart.
package helm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Program returns its path; tools is the folder of tools/go.mod. The go command builds helm if necessary, and
// would build it twice for two concurrent processes, such as test packages: the lock makes the second one
// wait and then find it in the build cache.
func Program(tools string) (string, error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(os.TempDir(), fmt.Sprintf("sidecar-injector-helm-%d.lock", os.Getuid()))).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	command := exec.Command("go", "tool", "-n", "helm")
	command.Dir = tools
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go tool -n helm in %s: %w", tools, err)
	}
	return strings.TrimSpace(string(out)), nil
}
