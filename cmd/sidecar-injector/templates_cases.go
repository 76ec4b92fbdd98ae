package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/diff"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// testOptions are the flags of templates test.
type testOptions struct {
	commonFlags
	run      string
	output   string
	update   bool
	cover    bool
	coverMin float64
	record   string
}

func newTemplatesTestCommand(std streams) *cobra.Command {
	o := &testOptions{}
	cmd := &cobra.Command{
		Use:   "test DIR",
		Short: "Run the cases of a template's author: a folder a case",
		Long: `Run the cases of a template's author: a folder a case.

  ` + cases.PodFile + `        the pod, or ` + cases.WorkloadFile + `: a workload of any kind; without it, a plain pod
  ` + cases.SpecFile + `       what is asked for, and what has to hold
  ` + cases.WantFile + `       the whole pod that has to come out; --update writes it
  ` + cases.NamespaceFile + `  the pod's Namespace, which then counts as it stands
  ` + cases.ConfigFile + `     the injector's settings

What a folder lacks is taken from the nearest folder above it, but for case.yaml and
want.yaml. The templates are those of the folder ` + cases.TemplatesDir + ` in DIR, of --template-dir,
and the built-in ones.

Each case also proves that the patch applies, that nothing of the pod is lost, that a
second injection changes nothing, and that the pod still complies with the level of Pod
Security that it did.

Exit code 0: all cases hold; 1: one does not, or there is none; 2: something cannot
be read.`,
		Example: `  sidecar-injector templates test .
  sidecar-injector templates test tests/ --template-dir templates/ --run 'log-shipper/.*'
  sidecar-injector templates test . --update`,
		Args: oneArgument("the folder of the cases", "sidecar-injector templates test DIR"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.test(cmd, args[0], std) },
	}
	o.commonFlags.add(cmd)
	cmd.Flags().StringVar(&o.run, "run", "", "only the cases whose folder matches the regular `expression`")
	cmd.Flags().BoolVar(&o.update, "update", false, "write what comes out into the cases; read the difference")
	cmd.Flags().BoolVar(&o.cover, "cover", false, "say which parts of the templates no case touches: parameters, values of enums, $when, $each, arms of conditionals, validations")
	cmd.Flags().Float64Var(&o.coverMin, "cover-min", 0, "fail where the cases touch less than this `percent` of a template's parts; implies --cover")
	cmd.Flags().StringVar(&o.record, "record", "", "make a case of `kind/name` of the cluster, such as deploy/web, and run it; tokens and secret values are left out")
	for _, flag := range []struct{ name, usage string }{{"kubeconfig", kubeconfigUsage}, {"context", contextUsage}, {"request-timeout", timeoutUsage}} {
		cmd.Flags().Lookup(flag.name).Usage = flag.usage + ", for --record"
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", outputText, "text, junit, or github: annotations of a GitHub workflow")
	complete(cmd, "output", outputText, outputJUnit, outputGitHub)
	return cmd
}

func (o *testOptions) test(cmd *cobra.Command, dir string, std streams) error {
	out, report, err := o.palettes(std)
	if err != nil {
		return err
	}
	if err := knownOutput(cmd, o.output, outputText, outputJUnit, outputGitHub); err != nil {
		return err
	}
	if !(o.coverMin >= 0 && o.coverMin <= 100) { // false for NaN as well
		return &hinted{fmt.Errorf("--cover-min %v: want a percentage from 0 to 100", o.coverMin), seeHelp(cmd)}
	}
	if o.record != "" {
		if err := o.recordCase(cmd.Context(), dir, std); err != nil {
			return err
		}
	}
	runner, results, err := o.results(cmd, dir, std)
	if err != nil {
		return err
	}
	if len(results) == 0 {
		return &answerNo{o.noCase(dir)}
	}
	text, err := o.format(results, out)
	if err != nil {
		return err
	}
	covers, err := o.covers(runner, results)
	if err != nil {
		return err
	}
	if err := writeOut(std, append(text, coverForm(covers, o.output, out)...)); err != nil {
		return err
	}
	if o.output == outputJUnit {
		fmt.Fprint(std.ErrOut, coverForm(covers, outputText, report))
	}
	for _, line := range o.unrequested(runner.Set, results) {
		fmt.Fprintf(std.ErrOut, "%s %s\n", report.Yellow("warning:"), report.Printable(line))
	}
	failed := failedCases(results)
	summary := fmt.Sprintf("%s: %d passed, %d failed", terminal.Plural(len(results), "case"), len(results)-failed, failed)
	low := o.tooLow(covers)
	if failed > 0 {
		if hint := o.unread(dir, results); hint != "" {
			fmt.Fprintf(std.ErrOut, "%s %s\n", report.Cyan("hint:"), report.Printable(hint))
		}
		fmt.Fprintln(std.ErrOut, report.Red(summary))
		return &answerNo{low}
	}
	fmt.Fprintln(std.ErrOut, report.Green(summary))
	if low != nil {
		return &answerNo{low}
	}
	return nil
}

// results runs the cases of a folder that --run selects, with --update twice: what came out of the first run is what
// the second one expects.
func (o *testOptions) results(cmd *cobra.Command, dir string, std streams) (*cases.Runner, []*cases.Result, error) {
	chosen, err := o.chosen(cmd)
	if err != nil {
		return nil, nil, err
	}
	runner, err := o.runner(dir)
	if err != nil {
		return nil, nil, err
	}
	results, err := runCases(runner, dir, chosen, o.update, std)
	if err == nil && o.update {
		results, err = updated(results, runner, dir, chosen, std)
	}
	return runner, results, err
}

// format returns the results in the format of --output.
func (o *testOptions) format(results []*cases.Result, p palette) ([]byte, error) {
	switch o.output {
	case outputJUnit:
		return casesJUnit(results)
	case outputGitHub:
		return []byte(casesGitHub(results)), nil
	}
	return []byte(casesText(results, p)), nil
}

// chosen returns the filter of --run.
func (o *testOptions) chosen(cmd *cobra.Command) (func(string) bool, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return nil, &hinted{fmt.Errorf("--run %q: %w", o.run, err), seeHelp(cmd)}
	}
	return pattern.MatchString, nil
}

func (o *testOptions) noCase(dir string) error {
	if o.run != "" {
		return &hinted{fmt.Errorf("%s: no case matches --run %q", dir, o.run), "a case is called by its folder, such as log-collector/defaults"}
	}
	return &hinted{fmt.Errorf("%s: holds no case", dir), fmt.Sprintf("a case is a folder with one of %s, %s and %s", cases.SpecFile, cases.WantFile, cases.PodFile)}
}

// runner returns the runner for the cases of a folder.
func (o *testOptions) runner(dir string) (*cases.Runner, error) {
	own := filepath.Join(dir, cases.TemplatesDir)
	if info, err := os.Stat(own); err == nil && info.IsDir() {
		o.templateDirs = append(o.templateDirs, own)
	}
	set, err := o.templates()
	if err != nil {
		return nil, err
	}
	settings, err := config.Read(o.configFile)
	if err != nil {
		return nil, err
	}
	named, err := readNamespaceFile(o.namespaceFile)
	if err != nil {
		return nil, err
	}
	r := &cases.Runner{Set: set, Settings: settings.Settings(), Namespaces: map[string]inject.Namespace{}, Fallback: cmp.Or(o.namespace, "default")}
	for _, n := range offline.Namespaces(named) {
		r.Namespaces[n.Name] = n
	}
	o.cover = o.cover || o.coverMin > 0
	if o.cover {
		r.Cover = cases.NewCover()
	}
	return r, nil
}

// runCases finds the cases of a folder and runs them all.
func runCases(runner *cases.Runner, dir string, chosen func(string) bool, unwanted bool, std streams) ([]*cases.Result, error) {
	found, err := cases.Find(dir, chosen, unwanted)
	if err != nil {
		return nil, err
	}
	var results []*cases.Result
	var faults []error
	for i, c := range found {
		progress.On(std.ErrOut).Show("running cases", i, len(found))
		result, err := runner.Run(c)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		results = append(results, result)
	}
	return results, errors.Join(faults...)
}

// updated writes the actual results into the cases, and runs them again.
func updated(results []*cases.Result, runner *cases.Runner, dir string, chosen func(string) bool, std streams) ([]*cases.Result, error) {
	var faults []error
	for _, r := range results {
		changed, err := r.Update()
		if err != nil {
			faults = append(faults, err)
		} else if changed {
			fmt.Fprintf(std.ErrOut, "updated %s\n", r.Case.Dir)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return runCases(runner, dir, chosen, false, std)
}

// unrequested returns sentences about templates of directories that no case requests; none if --run selects
// only some of the cases.
func (o *testOptions) unrequested(set *templates.Set, results []*cases.Result) []string {
	if o.run != "" {
		return nil
	}
	asked := map[string]bool{}
	for _, r := range results {
		if len(r.Answer.Instances) == 0 { // the pod is skipped
			for _, name := range r.Case.Asked() {
				asked[name] = true
			}
		}
		for _, in := range r.Answer.Instances {
			if in.Template != nil {
				asked[in.Template.OwnName()] = true
			} else {
				asked[in.TemplateName] = true
			}
		}
	}
	var lines []string
	for _, e := range set.Entries() {
		if e.Origin.Source == templates.SourceDirectory && !asked[e.Name] {
			line := fmt.Sprintf("%s %s is named by no case", e.Origin.File, message.Quote(e.Name))
			if e.Name == "" {
				line = e.Origin.File + ": holds a template without a name, so that no case can name it"
			}
			if err := findingsOf(e); err != nil {
				line += fmt.Sprintf(", and has faults: sidecar-injector validate -f %s", terminal.ShellWord(e.Origin.File))
			}
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// unread returns a hint if the cases of a folder ask for templates that do not exist, and a folder above it has
// templates, which are read with that folder only; "" otherwise.
func (o *testOptions) unread(dir string, results []*cases.Result) string {
	unknown := func(in inject.Instance) bool { return in.Reason == inject.UnknownTemplate }
	if len(o.templateDirs) > 0 || !slices.ContainsFunc(results, func(r *cases.Result) bool { return slices.ContainsFunc(r.Answer.Instances, unknown) }) {
		return ""
	}
	whole, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	parts := strings.Split(filepath.ToSlash(whole), "/")
	const levels = 2
	for n, above := 1, filepath.Join(dir, ".."); n <= min(levels, len(parts)-1); n, above = n+1, filepath.Join(above, "..") {
		if parts[len(parts)-n] == cases.TemplatesDir {
			continue // the folder lies in it
		}
		if info, err := os.Stat(filepath.Join(above, cases.TemplatesDir)); err == nil && info.IsDir() {
			return fmt.Sprintf("the templates in %s are read when the folder that holds them is tested: sidecar-injector templates test %s --run %s", filepath.Join(above, cases.TemplatesDir),
				terminal.ShellWord(above), terminal.ShellWord("^"+regexp.QuoteMeta(strings.Join(parts[len(parts)-n:], "/"))))
		}
	}
	return ""
}

func failedCases(results []*cases.Result) int {
	failed := 0
	for _, r := range results {
		if len(r.Failures) > 0 {
			failed++
		}
	}
	return failed
}

// placeOfFailure returns file:line of a failure.
func placeOfFailure(f cases.Failure) string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// casesText returns a line for each case, with its failures.
func casesText(results []*cases.Result, p palette) string {
	var b strings.Builder
	for _, r := range results {
		if len(r.Failures) == 0 {
			fmt.Fprintf(&b, "%s   %s\n", p.Green("ok"), r.Case.Name)
			continue
		}
		fmt.Fprintf(&b, "%s %s\n", p.Red("FAIL"), p.Bold(r.Case.Name))
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "     %s: %s\n", placeOfFailure(f), f.Message)
			for line := range strings.Lines(diff.Color(f.Diff, p)) {
				b.WriteString("     " + line)
			}
		}
	}
	return p.Printable(b.String())
}
