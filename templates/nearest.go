package templates

import "strings"

// Nearest gives the known name that the given one was probably meant to be: equal
// but for case, or few single-character edits (insertion, deletion,
// substitution, swap of neighbours) away. "" if none is near; the first in the order of
// known when several are equally near.
func Nearest(name string, known []string) string {
	if name == "" || len(name) > 100 {
		return ""
	}
	best, bestDistance := "", 1+len(name)/3
	if bestDistance > 4 {
		bestDistance = 4
	}
	lower := strings.ToLower(name)
	for _, k := range known {
		if k == "" || k == name {
			continue
		}
		kl := strings.ToLower(k)
		if kl == lower {
			return k
		}
		if difference := len(k) - len(name); difference >= bestDistance || -difference >= bestDistance {
			continue
		}
		if d := distance(lower, kl); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the optimal string alignment distance in bytes.
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
