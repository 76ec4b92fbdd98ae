package message

import (
	"math/rand/v2"
	"testing"
)

// plainEdits computes the whole table of distances.
func plainEdits(a, b string, limit int) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
		table[i][0] = i
		for j := range table[i] {
			switch {
			case i == 0:
				table[i][j] = j
			case j > 0:
				cost := 1
				if a[i-1] == b[j-1] {
					cost = 0
				}
				table[i][j] = min(table[i-1][j]+1, table[i][j-1]+1, table[i-1][j-1]+cost)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					table[i][j] = min(table[i][j], table[i-2][j-2]+1)
				}
			}
		}
	}
	return min(table[len(a)][len(b)], limit)
}

func TestEditsNearTheDiagonalAreThoseOfTheWholeTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		text := make([]byte, random.IntN(9))
		for i := range text {
			text[i] = "abc"[random.IntN(3)]
		}
		return string(text)
	}
	for range 100_000 {
		a, b, limit := word(), word(), 1+random.IntN(4)
		size := len(a) + limit + 1
		e := editor{a: a, before: make([]int, size), last: make([]int, size), row: make([]int, size)}
		for range 2 { // values left in the table by the first run must not matter
			if got, want := e.edits(b, limit), plainEdits(a, b, limit); got != want {
				t.Fatalf("%q and %q, fewer than %d: got %d, want %d", a, b, limit, got, want)
			}
			b = word()
		}
	}
}

func TestTheBeginningOfOneNameMeansIt(t *testing.T) {
	known := []string{"git-sync", "log-collector", "config-sync", "config-reload", "minimum", "a-b-c"}
	for name, want := range map[string]string{
		"git": "git-sync", "LOG": "log-collector", "config": "", "min": "minimum", "a-": "", "git-synk": "git-sync", "vault": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
