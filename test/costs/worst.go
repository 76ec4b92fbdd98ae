package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

const (
	// largest is the maximum size in bytes of a request to the API server.
	largest = 3 << 20
	// patience is the time after which a row is not measured at a larger size.
	patience = 20 * time.Second
)

// measured is the cost of one row.
type measured struct {
	name    string
	bytes   int
	took    time.Duration
	outcome string
}

func (m measured) perByte() float64 { return float64(m.took.Nanoseconds()) / float64(m.bytes) }

// measure does a row's work once on an input of about the given size. The size is approached by doubling, so
// that a row with superlinear work ends after patience; a row whose template is refused at the size is
// measured at a smaller one.
func measure(row law, bytes int) (measured, error) {
	m := measured{name: row.name}
	for n := row.n; ; {
		work := row.build(n)
		if work.refused {
			return m, nil // the previous size was the largest
		}
		runtime.GC() // garbage of build
		start := processorTime()
		outcome, err := work.do()
		if err != nil {
			return m, fmt.Errorf("%s, %d: %w", row.name, n, err)
		}
		m.bytes, m.took, m.outcome = work.bytes, processorTime()-start, outcome()
		if m.bytes >= bytes*9/10 || m.took > patience {
			return m, nil
		}
		// The last step ends just below the limit, above which the API server refuses the request.
		next := max(n+1, int(float64(n)*float64(bytes)*0.97/float64(m.bytes)))
		if next = min(next, 2*n); next == n {
			return m, nil
		}
		n = next
	}
}

// typical measures a typical pod of two containers with the log collector.
func typical() (measured, error) {
	const rounds = 2000
	set, _ := setOf(nil)
	handler := webhook.NewHandler(optionsOf(set))
	pod := asking(collector, nil, object{
		"containers": []any{
			with(app(0), object{"env": variables(10), "ports": ports(2), "volumeMounts": []any{object{"name": "data", "mountPath": "/data"}}}),
			with(app(1), object{"env": variables(5)}),
		},
		"volumes": []any{object{"name": "data", "emptyDir": object{}}},
	})
	body := reviewOf(pod)
	m := measured{name: "a typical pod", bytes: len(body)}
	start := processorTime()
	for range rounds {
		outcome, err := post(handler, webhook.Path, body)
		if err != nil {
			return m, err
		}
		m.outcome = outcome()
	}
	m.took = (processorTime() - start) / rounds
	return m, nil
}

// worstBlock is the block of docs/security.md that worstCommand writes.
const worstBlock = "costs"

// worstCommand measures all rows that are requests at the maximum size.
func worstCommand(arguments []string) error {
	flags := flag.NewFlagSet("costs", flag.ExitOnError)
	only := selection(flags)
	page := flags.String("write", "", "`file` in which the figures are replaced")
	size := flags.Int("bytes", largest, "`size` of the requests")
	_ = flags.Parse(arguments) // exits on an error
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q: want count, memory, or flags alone", flags.Arg(0))
	case *page != "" && (*only != "" || *size != largest):
		return errors.New("-write: the page has the largest request of all rows, so that -only and -bytes have no use")
	}
	rows, err := selected(*only)
	if err != nil {
		return err
	}
	usual, err := typical()
	if err != nil {
		return err
	}
	var all []measured
	for _, row := range rows {
		if !row.build(1).request {
			continue
		}
		m, err := measure(row, *size)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%8.1f ns a byte, %5d ms, %s: %s\n", m.perByte(), m.took.Milliseconds(), m.name, m.outcome)
		all = append(all, m)
	}
	if len(all) == 0 {
		return errors.New("-only: none of the rows is a request")
	}
	slices.SortStableFunc(all, func(a, b measured) int { return int(b.took - a.took) })
	text := report(all, usual)
	fmt.Print(text)
	if *page == "" {
		return nil
	}
	return markdown.Page(*page).Write(worstBlock, text)
}

// report returns the table of the most expensive requests and the typical one.
func report(all []measured, usual measured) string {
	const shown = 5
	var b strings.Builder
	b.WriteString("| request | size | processor time | for each byte | answer |\n|---|---|---|---|---|\n")
	line := func(m measured) {
		size := fmt.Sprintf("%.1f kB", float64(m.bytes)/1000)
		if m.bytes >= 100_000 {
			size = fmt.Sprintf("%.2f MB", float64(m.bytes)/1e6)
		}
		took := fmt.Sprintf("%.2f ms", float64(m.took.Microseconds())/1000)
		if m.took > 100*time.Millisecond {
			took = fmt.Sprintf("%d ms", m.took.Milliseconds())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f ns | %s |\n", strings.TrimPrefix(m.name, "pod: "), size, took, m.perByte(), m.outcome)
	}
	for _, m := range all[:min(shown, len(all))] {
		line(m)
	}
	line(usual)
	return b.String()
}
