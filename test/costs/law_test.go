//go:build costs

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestTwiceTheInputIsAboutTwiceTheWork counts what is executed for each row of the table at
// two sizes. One row: go test ./test/costs -run 'Twice/pod:_ports'.
func TestTwiceTheInputIsAboutTwiceTheWork(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "costs")
	run(t, root, "go", "build", "-cover", "-covermode=atomic", "-coverpkg="+strings.Join(instrumented, ","), "-o", program, "./test/costs")
	counters := filepath.Join(folder, "counters")
	if err := os.Mkdir(counters, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, folder, program, "count", counters)
	text, err := os.ReadFile(filepath.Join(counters, "rows.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []counted
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	covdata := strings.TrimSpace(run(t, root, "go", "tool", "-n", "covdata"))
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			var err error
			var counts [2]map[string]uint64
			for i, folder := range row.Folders {
				if counts[i], err = readCounters(covdata, folder); err != nil {
					t.Fatal(err)
				}
			}
			v := judge(row.N, row.Bounded != "", counts[0], counts[1])
			t.Logf("%5.2f times the work for twice the input: %d and %d bytes; %s, %s", v.ratio(), row.Bytes[0], row.Bytes[1], row.Outcomes[0], row.Outcomes[1])
			for _, fault := range v.faults {
				t.Error(fault)
			}
		})
	}
}

func run(t *testing.T, folder, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = folder
	// Where the counters go when the program ends; nobody reads those.
	command.Env = append(os.Environ(), "GOCOVERDIR="+t.TempDir())
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, arguments[0], err, out)
	}
	return string(out)
}

func TestASquareIsFoundAmongLinearWork(t *testing.T) {
	small := map[string]uint64{"parse.go:1": 1_000_000, "search.go:1": 100 * 100, "sort.go:1": 664}
	large := map[string]uint64{"parse.go:1": 2_000_000, "search.go:1": 200 * 200, "sort.go:1": 1528}
	v := judge(100, false, small, large)
	if len(v.faults) != 1 || !strings.HasPrefix(v.faults[0], "search.go:1: executed 10000 times for 100 and 40000 times for 200") {
		t.Errorf("%q", v.faults)
	}
}
