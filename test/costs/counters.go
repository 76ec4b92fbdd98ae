package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// The bounds of a row. For twice the input, sorting (n log n) does a little more than twice the work;
// quadratic code does four times the work.
const (
	// mostRatio is the maximum ratio of the total work.
	mostRatio = 2.4
	// mostGrown is the maximum ratio for one block. It is higher because the number of comparisons in a sort
	// depends on the initial order, which is random for maps.
	mostGrown = 3.0
	// manyTimes is the minimum number of executions of a block, per element of the larger input, for the
	// block to be judged by itself. With fewer, it is not a loop over the input.
	manyTimes = 8
	// fewest is the minimum number of executions of a block for it to be judged: below it, sorting a few
	// dozen elements looks quadratic.
	fewest = 2000
)

// foreign lists files of libraries with blocks that grow faster than their input, and what bounds that input.
var foreign = map[string]string{
	"github.com/google/cel-go/checker/mapping.go":          "the checker copies what it knows of types at each call; the length of an expression is bounded",
	"github.com/google/cel-go/common/location.go":          "the place of each error is counted from the start; the length of an expression is bounded",
	"k8s.io/apimachinery/pkg/util/strategicpatch/patch.go": "each item of a patch is searched for; an override has at most 8 KiB",
}

// isForeign reports whether a block (file:line.column) is in one of those files.
func isForeign(place string) bool {
	file, _, _ := strings.Cut(place, ":")
	return foreign[file] != ""
}

// verdict is the judgement of one row's counters.
type verdict struct {
	// work is the number of executed blocks at the smaller and the larger size.
	work [2]uint64
	// faults are the violations; none if the bounds are kept.
	faults []string
}

func (v verdict) ratio() float64 { return float64(v.work[1]) / float64(max(v.work[0], 1)) }

// judge compares the work of the two sizes: the total, and each block by itself, because with small inputs
// quadratic work is hidden by much linear work. For a bounded row only the total is judged.
func judge[Place comparable](n int, bounded bool, small, large map[Place]uint64) verdict {
	var v verdict
	for _, times := range small {
		v.work[0] += times
	}
	for _, times := range large {
		v.work[1] += times
	}
	type growth struct {
		place    string
		from, to uint64
	}
	var grown []growth
	for block, to := range large {
		from, place := small[block], fmt.Sprint(block)
		if bounded {
			break
		}
		// A block that is hardly executed at the smaller size is an algorithm that a library uses for larger
		// inputs only, as regexp does; it is judged by the total work.
		if from >= uint64(n) && to >= uint64(max(fewest, manyTimes*2*n)) && float64(to) > mostGrown*float64(from) && !isForeign(place) {
			grown = append(grown, growth{place, from, to})
		}
	}
	slices.SortFunc(grown, func(a, b growth) int { return cmp.Or(cmp.Compare(b.to, a.to), strings.Compare(a.place, b.place)) })
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

// block identifies a block of code in the counters: a counter of a function of a package.
type block struct{ pkg, function, counter uint64 }

// decodeCounters reads the file that coverage.WriteCounters writes, ten times faster than Go's covdata. ok is
// false for an unknown version of the format, which is described in Go's internal/coverage/defs.go.
func decodeCounters(file []byte) (map[block]uint64, bool) {
	const header, segment = 32, 16
	if len(file) < header+segment || !bytes.HasPrefix(file, []byte("\x00cwm\x01\x00\x00\x00")) || file[24] != 2 { // version 1, ULEB128
		return nil, false
	}
	functions := binary.LittleEndian.Uint64(file[header:])
	names := uint64(binary.LittleEndian.Uint32(file[header+8:])) + uint64(binary.LittleEndian.Uint32(file[header+12:]))
	start := segment + names
	start = header + (start+3)&^3
	if start > uint64(len(file)) {
		return nil, false
	}
	rest := bytes.NewReader(file[start:])
	counts := map[block]uint64{}
	for range functions {
		var head [3]uint64 // number of counters, package, function
		for i := range head {
			n, err := binary.ReadUvarint(rest)
			if err != nil {
				return nil, false
			}
			head[i] = n
		}
		for counter := range head[0] {
			times, err := binary.ReadUvarint(rest)
			if err != nil {
				return nil, false
			}
			if times > 0 {
				counts[block{head[1], head[2], counter}] = times
			}
		}
	}
	return counts, len(counts) > 0
}
