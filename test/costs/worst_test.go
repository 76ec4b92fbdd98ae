package main

import (
	"slices"
	"strings"
	"testing"
)

// BenchmarkWorstPerByte reports the worst nanoseconds per byte over all rows, at the maximum size that pods
// and templates have in practice, and those of a typical pod. For a row with superlinear work, the figure
// grows with the size: see the test beside this.
func BenchmarkWorstPerByte(b *testing.B) {
	const size = 64 << 10
	for b.Loop() {
		usual, err := typical()
		if err != nil {
			b.Fatal(err)
		}
		var all []measured
		for _, row := range laws() {
			m, err := measure(row, size)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, m)
		}
		slices.SortStableFunc(all, func(x, y measured) int {
			if x.perByte() > y.perByte() {
				return -1
			}
			return 1
		})
		b.Log("\n" + report(all, usual))
		b.ReportMetric(all[0].perByte(), "worst-ns/byte")
		b.ReportMetric(all[len(all)/2].perByte(), "median-ns/byte")
		b.ReportMetric(usual.perByte(), "typical-ns/byte")
	}
}

func TestMemoryIsTheSameAfterThousandsOfHostileRequests(t *testing.T) {
	before, after, err := hostile(2000, 2000)
	if err != nil {
		t.Fatal(err)
	}
	// The cache of renderings may still grow: see warm.
	if most := before.heap + mostGrowth + 16<<20; after.heap > most {
		t.Errorf("heap %d bytes, before %d", after.heap, before.heap)
	}
}

func TestEveryRowHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range laws() {
		if seen[row.name] || !strings.Contains(row.name, ": ") || row.n < 1 {
			t.Errorf("row %q, %d: want a name of its own, with the author before a colon, and a size", row.name, row.n)
		}
		seen[row.name] = true
	}
}
