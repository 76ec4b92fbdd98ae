//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// result is one line of the table.
type result struct {
	figure, what string
	value        float64 // the median
	low, high    float64 // over the rounds
	note         string
	limits
}

// compare returns for each row the median of the ratios within a round, so that a machine that slows down
// between rounds does not affect the result.
func compare(list []row, samples []sample) []result {
	type at struct {
		round int
		place place
	}
	loads := map[at]spent{}
	last := 0
	for _, s := range samples {
		loads[at{s.Round, s.place}] = s.spent
		last = max(last, s.Round)
	}
	var results []result
	for _, r := range list {
		var ratios, above []float64
		for n := 1; n <= last; n++ {
			a, b := r.quantity.of(loads[at{n, r.above}]), r.quantity.of(loads[at{n, r.below}])
			ratios, above = append(ratios, a/b), append(above, a)
		}
		unit := "µs"
		if r.quantity.name == throughput().name {
			unit = "/s"
		}
		results = append(results, result{figure: r.figure, what: r.what, value: median(ratios), low: slices.Min(ratios), high: slices.Max(ratios),
			note: fmt.Sprintf("%.0f %s", median(above), unit), limits: r.limits})
	}
	return results
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// verdict returns which of its limits a result meets.
func (r *result) verdict() string {
	within := func(limit float64) bool { return r.atLeast && r.value >= limit || !r.atLeast && r.value <= limit }
	switch {
	case r.goal == 0:
		return ""
	case within(r.goal):
		return "goal"
	case within(r.must):
		return "within"
	default:
		return "**missed**"
	}
}

// line returns a result in the form of the raw file.
func (r *result) line() any {
	return struct {
		Figure  string  `json:"figure"`
		What    string  `json:"case"`
		Value   float64 `json:"value"`
		Low     float64 `json:"low,omitempty"`
		High    float64 `json:"high,omitempty"`
		Unit    string  `json:"unit,omitempty"`
		Note    string  `json:"note"`
		Goal    float64 `json:"goal,omitempty"`
		Must    float64 `json:"must,omitempty"`
		Verdict string  `json:"verdict,omitempty"`
	}{r.figure, r.what, r.value, r.low, r.high, r.unit, r.note, r.goal, r.must, strings.Trim(r.verdict(), "*")}
}

// loadReport returns the block of the page: method, machine, figures, meaning.
func loadReport(o options, place string, results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured by `go run ./test/bench -rounds %d -budget %s`, %s.\n\n", o.rounds, o.budget, place)
	b.WriteString(table(results))
	b.WriteString("\nWhat the figures mean:\n\n")
	var told []string
	for _, r := range results {
		if text := meaning(r.figure); text != "" && !slices.Contains(told, r.figure) {
			told = append(told, r.figure)
			fmt.Fprintf(&b, "- **%s**: %s.\n", r.figure, text)
		}
	}
	return b.String()
}

// table returns the results as a Markdown table.
func table(results []result) string {
	var b strings.Builder
	b.WriteString("| figure | case | measured | of rounds | goal | at least | |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		sign := "≤"
		if r.atLeast {
			sign = "≥"
		}
		goal, must := "", ""
		if r.goal > 0 {
			goal, must = fmt.Sprintf("%s %g%s", sign, r.goal, r.unit), fmt.Sprintf("%s %g%s", sign, r.must, r.unit)
		}
		spread := ""
		if r.high > 0 {
			spread = fmt.Sprintf("%.2f–%.2f", r.low, r.high)
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f%s (%s) | %s | %s | %s | %s |\n", r.figure, r.what, r.value, r.unit, r.note, spread, goal, must, r.verdict())
	}
	return b.String()
}
