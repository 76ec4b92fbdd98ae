package message

import "strings"

// Nearest returns the known name that a misspelt one probably meant, or "" if none is similar: one that
// differs in case only, or by few letters for its length, or the only one that begins with it. Of equally similar
// names the first is returned. The work is proportional to the total length of the known names.
func Nearest(name string, known []string) string {
	if len(name) > 100 {
		return ""
	}
	lower := strings.ToLower(name)
	limit := 1 + max(1, min(len(name)/3, 3))
	e := editor{a: lower, before: make([]int, len(lower)+limit+1), last: make([]int, len(lower)+limit+1), row: make([]int, len(lower)+limit+1)}
	best, least := "", limit
	longer, several := "", false
	for _, candidate := range known {
		if len(name) > 2 && len(candidate) > len(name) && strings.EqualFold(candidate[:len(name)], name) {
			longer, several = candidate, longer != ""
		}
		if distance := e.edits(strings.ToLower(candidate), least); distance < least {
			best, least = candidate, distance
		}
	}
	if longer != "" && !several && least > 1 { // fewer edits are a slip of the hand
		return longer
	}
	return best
}

// editor compares one name with others.
type editor struct {
	a                 string
	before, last, row []int // rows of the table of distances, limited to a band around the diagonal
}

// edits returns the number of insertions, deletions, replacements and transpositions that turn the name into
// b, or limit if there are at least that many. Only cells less than limit from the diagonal of the table are
// computed, because all others are at least limit.
func (e *editor) edits(b string, limit int) int {
	a := e.a
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	for j := range min(limit, len(b)+1) {
		e.last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		from, to := max(1, i-limit+1), min(len(b), i+limit-1)
		e.row[from-1] = limit
		if from == 1 {
			e.row[0] = i
		}
		least := e.row[from-1]
		for j := from; j <= to; j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			distance := min(e.row[j-1]+1, e.last[j-1]+cost)
			if j < i+limit-1 { // otherwise the cell above is outside the band
				distance = min(distance, e.last[j]+1)
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				distance = min(distance, e.before[j-2]+1)
			}
			e.row[j] = distance
			least = min(least, distance)
		}
		if least > limit {
			return limit
		}
		e.before, e.last, e.row = e.last, e.row, e.before
	}
	return min(e.last[len(b)], limit)
}

// DidYouMean returns a hint with the known name that is similar to name; otherwise if there is none.
func DidYouMean(name string, known []string, otherwise string) string {
	if near := Nearest(name, known); near != "" {
		return "did you mean " + Word(near) + "?"
	}
	return otherwise
}
