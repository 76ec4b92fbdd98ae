package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The page, and its lines around the report.
const (
	soakPage  = "docs/reliability.md"
	soakBegin = "<!-- soak: begin -->\n"
	soakEnd   = "<!-- soak: end -->\n"
)

func soakTable(rows []row) string {
	var b strings.Builder
	b.WriteString("| fault | pods | created in | pods a minute | calls | failed | retries | nudged | missed | memory |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %.0f s | %.0f | %d | %d | %d | %d | %d | %d MiB |\n",
			r.fault, r.pods, r.created.Seconds(), float64(r.pods)/r.created.Minutes(), r.calls, r.failed, r.retries, r.nudged, r.missing, r.memory)
	}
	return b.String()
}

func soakBlock(s *soak, before, after int, took time.Duration) string {
	pods := 0
	for _, r := range s.rows {
		pods += r.pods
	}
	return fmt.Sprintf("%d pods, of which %d ran, in %.0f minutes. The larger replica held %d MiB before the first fault and %d MiB after the last.\n\n%s",
		pods, s.running*len(s.rows), took.Minutes(), before, after, soakTable(s.rows))
}

// writeSoak replaces the report in the page.
func writeSoak(t *testing.T, block string) {
	t.Helper()
	file := filepath.Join(repository, soakPage)
	text, err := os.ReadFile(file)
	must(t, err)
	before, rest, found := strings.Cut(string(text), soakBegin)
	_, after, foundEnd := strings.Cut(rest, soakEnd)
	if !found || !foundEnd {
		t.Fatalf("%s: want the lines %s and %s", soakPage, strings.TrimSpace(soakBegin), strings.TrimSpace(soakEnd))
	}
	must(t, os.WriteFile(file, []byte(before+soakBegin+"\n"+strings.TrimSpace(block)+"\n\n"+soakEnd+after), 0o644))
}
