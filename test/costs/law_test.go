//go:build costs

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// TestTwiceTheInputIsAboutTwiceTheWork counts the executed blocks for each row of the table at two sizes. One
// row: go test -tags costs ./test/costs -run 'Twice/pod:_ports'.
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
			v := verdict{work: row.Work}
			if row.Folders[0] != "" {
				v = judgeFolders(t, covdata, row)
			}
			t.Logf("%5.2f times the work for twice the input: %d and %d bytes; %s, %s", v.ratio(), row.Bytes[0], row.Bytes[1], row.Outcomes[0], row.Outcomes[1])
			for _, fault := range v.faults {
				t.Error(fault)
			}
		})
	}
}

// judgeFolders judges a row by the output of Go's covdata for its counters, which has the places of the
// blocks.
func judgeFolders(t *testing.T, covdata string, row counted) verdict {
	t.Helper()
	var counts [2]map[string]uint64
	for i, folder := range row.Folders {
		var err error
		if counts[i], err = readCounters(covdata, folder); err != nil {
			t.Fatal(err)
		}
	}
	return judge(row.N, row.Bounded != "", counts[0], counts[1])
}

func run(t *testing.T, folder, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = folder
	// The folder for the counters that the program writes at its end, which are not used.
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

// readCounters reads with Go's covdata how often each block was executed, by file:line.
func readCounters(covdata, folder string) (map[string]uint64, error) {
	text := filepath.Join(folder, "counters.txt")
	if out, err := exec.Command(covdata, "textfmt", "-i="+folder, "-o="+text).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("counters: %w: %s", err, out)
	}
	data, err := os.ReadFile(text)
	if err != nil {
		return nil, err
	}
	counts := map[string]uint64{}
	// mode: atomic, then lines such as slices/slices.go:12.34,15.2 3 400
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		block, numbers, found := strings.Cut(scanner.Text(), " ")
		if !found || block == "mode:" {
			continue
		}
		_, times, _ := strings.Cut(numbers, " ")
		n, err := strconv.ParseUint(times, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("counters: %q: %w", scanner.Text(), err)
		}
		place, _, _ := strings.Cut(block, ",")
		if n > 0 {
			counts[place] += n
		}
	}
	if len(counts) == 0 {
		return nil, errors.New("counters: none; nothing was executed")
	}
	return counts, nil
}

// instrumented are the packages whose blocks are counted: all that read, check and build what an author
// wrote. Linear searches are counted because slices and strings are included; the runtime's own work
// (copying, comparing and hashing bytes) is not.
var instrumented = []string{
	"./test/costs", "./templates/...", "./webhook/...",
	"./cmd/sidecar-injector/diff", "./cmd/sidecar-injector/explain", "./cmd/sidecar-injector/offline", "./cmd/sidecar-injector/playground",
	"github.com/google/cel-go/...", "github.com/antlr4-go/antlr/v4", "k8s.io/apiserver/pkg/cel/...",
	"k8s.io/apimachinery/pkg/labels", "k8s.io/apimachinery/pkg/util/strategicpatch", "k8s.io/apimachinery/pkg/util/validation",
	"k8s.io/apimachinery/pkg/api/resource", "k8s.io/apimachinery/third_party/forked/golang/json",
	"go.yaml.in/yaml/v3", "sigs.k8s.io/json/...", "github.com/go-json-experiment/...",
	"bytes", "encoding/base64", "encoding/json", "errors", "fmt", "maps", "net/url", "path", "reflect", "regexp", "regexp/syntax",
	"slices", "sort", "strconv", "strings", "unicode", "unicode/utf8",
}
