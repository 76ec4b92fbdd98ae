//go:build costs

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// instrumented are the packages whose blocks are counted: all that read, check and build what
// an author wrote. A search in a list is seen because slices and strings are among them; what
// the runtime does by itself (copying, comparing and hashing bytes) is not.
var instrumented = []string{
	"./test/costs", "./templates/...", "./webhook/...",
	"github.com/google/cel-go/...", "github.com/antlr4-go/antlr/v4", "k8s.io/apiserver/pkg/cel/...",
	"k8s.io/apimachinery/pkg/labels", "k8s.io/apimachinery/pkg/util/strategicpatch", "k8s.io/apimachinery/pkg/util/validation",
	"k8s.io/apimachinery/pkg/api/resource", "k8s.io/apimachinery/third_party/forked/golang/json",
	"go.yaml.in/yaml/v3", "sigs.k8s.io/json/...", "github.com/go-json-experiment/...",
	"bytes", "encoding/base64", "encoding/json", "errors", "fmt", "maps", "net/url", "path", "reflect", "regexp", "regexp/syntax",
	"slices", "sort", "strconv", "strings", "unicode", "unicode/utf8",
}

// The bounds of a row. Sorting makes a little more than twice the work of twice the input,
// n log n; what grows with the square makes four times.
const (
	mostRatio = 2.4
	// manyTimes is how often a block has to be executed for each of the things that grow, in the
	// larger input, before it is looked at by itself. Less is no loop over the input.
	manyTimes = 8
	// fewest is how often at least: below it, sorting a few dozen things looks like a square.
	fewest = 2000
)

// foreign are blocks of libraries that grow faster than their input by themselves, and what
// bounds that input instead.
var foreign = map[string]string{
	"github.com/google/cel-go/checker/mapping.go":          "the checker copies what it knows of types at each call; the length of an expression is bounded",
	"github.com/google/cel-go/common/location.go":          "the place of each error is counted from the start; the length of an expression is bounded",
	"k8s.io/apimachinery/pkg/util/strategicpatch/patch.go": "each item of a patch is searched for; an override has at most 8 KiB",
	"github.com/google/cel-go/interpreter/runtimecost.go":  "the stack of values is searched; the cost of an expression is bounded",
}

// isForeign says whether a block, file:line.column, is one of those.
func isForeign(place string) bool {
	file, _, _ := strings.Cut(place, ":")
	return foreign[file] != ""
}

// verdict is what the counters say of one row.
type verdict struct {
	// blocks executed in all, at the smaller and the larger size.
	work [2]uint64
	// faults are the places that break the law; none if it is kept.
	faults []string
}

func (v verdict) ratio() float64 { return float64(v.work[1]) / float64(max(v.work[0], 1)) }

// judge compares the work of the two sizes: all of it, and each block by itself, for a
// square hides behind much linear work as long as the input is small. A row that is bounded is
// judged by all of it alone.
func judge(n int, bounded bool, small, large map[string]uint64) verdict {
	var v verdict
	for _, times := range small {
		v.work[0] += times
	}
	for _, times := range large {
		v.work[1] += times
	}
	type growth struct {
		place string
		from  uint64
		to    uint64
	}
	var grown []growth
	for _, place := range slices.Sorted(maps.Keys(large)) {
		if bounded {
			break
		}
		from, to := small[place], large[place]
		if from > 0 && to >= uint64(max(fewest, manyTimes*2*n)) && float64(to) > mostRatio*float64(from) && !isForeign(place) {
			grown = append(grown, growth{place, from, to})
		}
	}
	slices.SortStableFunc(grown, func(a, b growth) int { return int(b.to) - int(a.to) })
	const shown = 6
	for i, g := range grown {
		if i == shown {
			v.faults = append(v.faults, fmt.Sprintf("and %d more blocks", len(grown)-shown))
			break
		}
		v.faults = append(v.faults, fmt.Sprintf("%s: executed %d times for %d and %d times for %d, which is %.1f times as often",
			g.place, g.from, n, g.to, 2*n, float64(g.to)/float64(g.from)))
	}
	if v.ratio() > mostRatio {
		v.faults = append(v.faults, fmt.Sprintf("in all %d blocks are executed for %d and %d for %d", v.work[0], n, v.work[1], 2*n))
	}
	return v
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
