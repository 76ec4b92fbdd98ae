package schema

import "strings"

// Nearest gives the known name that a misspelt one probably meant, or "" when
// none is near: one that differs in case only, or by few letters for its length.
// Of equally near names the first counts.
func Nearest(name string, known []string) string {
	if len(name) > 100 {
		return ""
	}
	lower := strings.ToLower(name)
	best, least := "", 1+max(1, min(len(name)/3, 3))
	for _, candidate := range known {
		if distance := edits(lower, strings.ToLower(candidate), least); distance < least {
			best, least = candidate, distance
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours
// between two names, or gives limit when there are as many or more.
func edits(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
