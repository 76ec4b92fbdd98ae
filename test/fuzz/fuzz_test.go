package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

const root = "../.."

func TestThePageHasTheExecutionsOfTheLog(t *testing.T) {
	results, err := readLog(filepath.Join(root, logFile))
	if err != nil {
		t.Fatal(err)
	}
	got, err := markdown.Page(filepath.Join(root, page)).Read(executionsBlock)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(table(results), got); diff != "" {
		t.Errorf("go run ./test/fuzz -time 0s writes it (-log +page):\n%s", diff)
	}
}

func TestTargetsAreFound(t *testing.T) {
	targets, err := findTargets(root)
	if err != nil {
		t.Fatal(err)
	}
	found := map[target]bool{}
	for _, target := range targets {
		found[target] = true
	}
	for _, want := range []target{{"templates/manifest", "FuzzParse"}, {"webhook/rawjson", "FuzzCursorReadsWhatEncodingJSONReads"}} {
		if !found[want] {
			t.Errorf("%v is not found among %v", want, targets)
		}
	}
}

func TestExecutionsAreReadOffTheLastLineOfProgress(t *testing.T) {
	const out = `fuzz: elapsed: 0s, gathering baseline coverage: 0/40 completed
fuzz: elapsed: 3s, execs: 21293 (7097/sec), new interesting: 4 (total: 40)
fuzz: elapsed: 1m5s, execs: 30001 (7097/sec), new interesting: 4 (total: 40)
PASS
`
	if executions, seconds := progressIn(strings.NewReader(out)); executions != 30_001 || seconds != 65 {
		t.Errorf("got %d in %d s", executions, seconds)
	}
}

func TestTheTableSumsUpTheRunsOfATarget(t *testing.T) {
	a, b := target{"a", "FuzzA"}, target{"b", "FuzzB"}
	got := table([]result{{b, "1", 5, 60}, {a, "1", 1_000_000, 30}, {a, "2", 234_567, 60}})
	const want = `
| room | target | executions | minutes |
|---|---|---|---|
| ` + "`a` | `FuzzA`" + ` | 1,234,567 | 1.5 |
| ` + "`b` | `FuzzB`" + ` | 5 | 1.0 |
| all | | 1,234,572 | 2.5 |

`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
