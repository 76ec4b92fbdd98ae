package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/doctor"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
)

// checkOptions are the flags of check.
type checkOptions struct {
	commonFlags
	before bool
	wait   time.Duration
	output string
}

const outputShort = "short"

// checkPause is the time between two rounds of --wait.
const checkPause = 2 * time.Second

func newCheckCommand(std streams) *cobra.Command {
	o := &checkOptions{}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find out whether the injector of a cluster works, and if not, why",
		Long: `Find out whether the injector of a cluster works, and if not, why.

It looks at the API server, the injector's objects, the webhook configuration and its
certificates, templates, namespaces and pods, and creates pods by dry run: nothing is
changed. Each failure comes with its cause, what to do, and where to read more. It
uses your own rights; what these do not show is a warning. --pre is for the time before
installing.

Exit code 0: nothing failed, though there may be warnings; 1: a check failed; 2: the
cluster cannot be asked.`,
		Example: `  sidecar-injector check --pre
  sidecar-injector check --wait 2m
  sidecar-injector check -n shop -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.addCluster(cmd)
	flags := cmd.Flags()
	flags.Lookup("namespace").Usage = "`namespace` for the pod that is created by dry run (default: an enabled one)"
	flags.BoolVar(&o.before, "pre", false, "before installing: check whether the cluster and your rights are enough for it")
	flags.DurationVar(&o.wait, "wait", 0, "repeat until nothing fails, for at most this `duration`")
	flags.StringVarP(&o.output, "output", "o", tableName, "table; short: warnings and failures, a line each; json")
	complete(cmd, "output", tableName, outputShort, outputJSON)
	return cmd
}

func (o *checkOptions) run(cmd *cobra.Command, std streams) error {
	if err := knownOutput(cmd, o.output, tableName, outputShort, outputJSON); err != nil {
		return err
	}
	out, _, err := o.palettes(std)
	if err != nil {
		return err
	}
	set, err := o.templates()
	if err != nil {
		return err
	}
	findings, err := o.repeat(cmd.Context(), set.Entries())
	if err != nil {
		return o.unreachable(err)
	}
	text, err := o.format(findings, out)
	if err != nil {
		return err
	}
	if err := writeOut(std, text); err != nil {
		return err
	}
	if doctor.Failed(findings) {
		return &answerNo{}
	}
	return nil
}

// round is the result of one run of all checks.
type round struct {
	findings []doctor.Finding
	err      error
}

// repeat runs the checks until none fails or the duration of --wait is over. If that ends during a round,
// the result of the previous round is returned.
func (o *checkOptions) repeat(ctx context.Context, builtIn []templates.Entry) ([]doctor.Finding, error) {
	var over <-chan time.Time // nil without --wait, which blocks forever
	if o.wait > 0 {
		over = time.After(o.wait)
	}
	end := time.Now().Add(o.wait)
	last := round{err: fmt.Errorf("cluster: no answer within --wait %v", o.wait)}
	for {
		reader, err := o.newReader() // a reader remembers what it could not read
		if err != nil {
			return nil, err
		}
		done := make(chan round, 1)
		go func() {
			facts, err := doctor.Gather(ctx, reader, doctor.Options{Before: o.before, Namespace: o.namespace, BuiltIn: builtIn, Now: time.Now()})
			if err != nil {
				done <- round{err: err}
				return
			}
			done <- round{findings: doctor.Judge(facts)}
		}()
		select {
		case <-over:
			return last.findings, last.err
		case last = <-done:
		}
		if last.err == nil && !doctor.Failed(last.findings) || !time.Now().Add(checkPause).Before(end) {
			return last.findings, last.err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(last.err, ctx.Err())
		case <-time.After(checkPause):
		}
	}
}

func (o *checkOptions) format(findings []doctor.Finding, p palette) ([]byte, error) {
	switch o.output {
	case outputJSON:
		return structured(outputJSON, map[string]any{"ok": !doctor.Failed(findings), "checks": findings})
	case outputShort:
		return []byte(p.Printable(checkShort(findings, p))), nil
	}
	return []byte(p.Printable(checkTable(findings, p))), nil
}

// markText returns the symbol of a mark.
func markText(mark doctor.Mark, p palette) string {
	switch mark {
	case doctor.OK:
		return p.Green("√")
	case doctor.Warning:
		return p.Yellow("‼")
	}
	return p.Red("×")
}

// checkTable returns all checks by section, and a line with their counts.
func checkTable(findings []doctor.Finding, p palette) string {
	var b strings.Builder
	section := ""
	counts := map[doctor.Mark]int{}
	for _, f := range findings {
		counts[f.Mark]++
		if f.Section != section {
			if section != "" {
				b.WriteByte('\n')
			}
			section = f.Section
			fmt.Fprintf(&b, "%s\n%s\n", p.Bold(section), strings.Repeat("-", len(section)))
		}
		fmt.Fprintf(&b, "%s %s\n", markText(f.Mark, p), f.Text)
		for _, line := range []struct{ label, text string }{{"cause", f.Cause}, {"fix", f.Fix}, {"see", f.See}} {
			if line.text != "" {
				fmt.Fprintf(&b, "    %s %s\n", p.Faint(terminal.Pad(line.label+":", len("cause:"))), line.text)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", checkSum(counts, p))
	return b.String()
}

// checkSum returns the counts of failures and warnings in one line.
func checkSum(counts map[doctor.Mark]int, p palette) string {
	warnings := ""
	if n := counts[doctor.Warning]; n > 0 {
		warnings = ", " + terminal.Plural(n, "warning")
	}
	if n := counts[doctor.Failure]; n > 0 {
		return p.Red(terminal.Plural(n, "failure")) + warnings
	}
	return p.Green("no failure") + warnings
}

// checkShort returns one line for each failure and then one for each warning.
func checkShort(findings []doctor.Finding, p palette) string {
	var b strings.Builder
	for _, mark := range []doctor.Mark{doctor.Failure, doctor.Warning} {
		for _, f := range findings {
			if f.Mark == mark {
				fmt.Fprintf(&b, "%s %s: %s. %s\n", markText(mark, p), f.ID, f.Text, f.Fix)
			}
		}
	}
	return b.String()
}
