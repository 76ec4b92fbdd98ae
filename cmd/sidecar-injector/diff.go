package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// diffContext is how many lines around a change are shown.
const diffContext = 3

// diffOptions are the flags of diff.
type diffOptions struct {
	offlineFlags
	selectorFlags
}

func newDiffCommand(std streams) *cobra.Command {
	o := &diffOptions{}
	cmd := &cobra.Command{
		Use:   "diff (-f FILE | KIND/NAME...)",
		Short: "Show what inject would change",
		Long: `Show what inject would change, as a unified diff. Values of Secrets are masked.

With objects of a cluster, it shows what the injector would add if they were created
now; it reads them with your own rights. With -f it reads no cluster.

Exit code 0: nothing changes; 1: something does, or a pod is refused; 2: something
cannot be read.`,
		Example: `  sidecar-injector diff -f deployment.yaml
  sidecar-injector diff deploy/web -n shop`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, std) },

		ValidArgsFunction: o.completeObjects,
	}
	o.offlineFlags.add(cmd)
	o.selectorFlags.add(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if o.asked(args) {
			return nil
		}
		return noArguments(cmd, args)
	}
	return cmd
}

func (o *diffOptions) run(cmd *cobra.Command, args []string, std streams) error {
	out, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	loaded, err := o.loadFor(cmd.Context(), args, &o.selectorFlags, std)
	if err != nil {
		return err
	}
	answers, err := loaded.answers()
	refused := refusals(answers)
	if err != nil {
		return errors.Join(append(refused, err)...)
	}
	if len(refused) > 0 {
		fmt.Fprint(std.ErrOut, warningLines(answers, report))
		return &answerNo{errors.Join(refused...)}
	}
	if err := unknown(answers); err != nil {
		return err
	}
	documents, err := loaded.edit(answers)
	if err != nil {
		return err
	}
	text, err := diffText(documents)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(std.Out, colorDiff(text, out)); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	fmt.Fprint(std.ErrOut, reportLines(answers, report), warningLines(answers, report), loaded.notes(report))
	if text != "" {
		return &answerNo{}
	}
	return nil
}

// diffText compares file by file what was read with what inject prints; "" if all
// files stay as they are.
func diffText(documents []edited) (string, error) {
	var b strings.Builder
	for len(documents) > 0 {
		n := 1
		for n < len(documents) && documents[n].document.File == documents[0].document.File {
			n++
		}
		text, err := diffFile(documents[:n])
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		documents = documents[n:]
	}
	return b.String(), nil
}

// diffFile compares the documents of one file.
func diffFile(documents []edited) (string, error) {
	name := documents[0].document.File
	var before, after []byte
	var changed bool
	for _, e := range documents {
		before, after = append(before, e.document.Text...), append(after, e.text...)
		changed = changed || e.changed
	}
	if !changed {
		return "", nil
	}
	old, err := newMasked(name, before)
	if err != nil {
		return "", err
	}
	changedTo := masked{}
	if len(old) > 0 {
		if changedTo, err = newMasked(name, after); err != nil {
			return "", err
		}
	}
	path := strings.TrimPrefix(filepath.ToSlash(name), "/")
	text, err := udiff.ToUnified("a/"+path, "b/"+path, string(before), udiff.Lines(string(before), string(after)), diffContext)
	if err != nil {
		return "", fmt.Errorf("%s: diff: %w", name, err)
	}
	return maskDiff(text, old, changedTo), nil
}

// newMasked finds the values of Secrets in a file's text.
func newMasked(name string, text []byte) (masked, error) {
	stream, err := manifest.Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("diff: %w", err)
	}
	return maskSecrets(stream, text), nil
}

// maskDiff replaces lines of a unified diff by what may be shown of them.
func maskDiff(text string, before, after masked) string {
	if len(before) == 0 && len(after) == 0 {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	old, new := 0, 0
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "--- ") && old == 0, strings.HasPrefix(line, "+++ ") && new == 0:
		case strings.HasPrefix(line, "@@ "):
			old, new = hunkStart(line)
		case strings.HasPrefix(line, "-"):
			lines[i] = before.line(old, line)
			old++
		case strings.HasPrefix(line, "+"):
			lines[i] = after.line(new, line)
			new++
		case strings.HasPrefix(line, " "):
			lines[i] = before.line(old, line)
			old, new = old+1, new+1
		}
	}
	return strings.Join(lines, "")
}

// hunkStart reads the first line numbers of @@ -1,2 +3,4 @@.
func hunkStart(header string) (old, new int) {
	fields := strings.Fields(header)
	if len(fields) < 3 {
		return 0, 0
	}
	fmt.Sscanf(fields[1], "-%d", &old)
	fmt.Sscanf(fields[2], "+%d", &new)
	return old, new
}

// colorDiff paints a unified diff as git does.
func colorDiff(text string, p palette) string {
	if !p.on {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		body, newline := strings.CutSuffix(line, "\n")
		switch {
		case strings.HasPrefix(body, "--- "), strings.HasPrefix(body, "+++ "):
			body = p.bold(body)
		case strings.HasPrefix(body, "@@ "):
			body = p.cyan(body)
		case strings.HasPrefix(body, "-"):
			body = p.red(body)
		case strings.HasPrefix(body, "+"):
			body = p.green(body)
		}
		if newline {
			body += "\n"
		}
		lines[i] = body
	}
	return strings.Join(lines, "")
}
