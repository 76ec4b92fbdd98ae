package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
)

// streams are the standard streams of a command: its output goes to Out, everything else to ErrOut.
type streams = genericiooptions.IOStreams

// The exit codes.
const (
	exitNo       = 1 // the answer is no: refused, invalid, different, check failed
	exitNoAnswer = 2 // no result: wrong usage, unreadable input, or an internal error
)

// answerNo is the error of a command that worked, but whose result is negative. Err is printed like any
// error; it is nil if the command has already printed everything.
type answerNo struct{ Err error }

func (e *answerNo) Error() string {
	if e.Err == nil {
		return "no"
	}
	return e.Err.Error()
}

func (e *answerNo) Unwrap() error { return e.Err }

// hinted is an error together with what the user may do about it.
type hinted struct {
	Err  error
	Hint string
}

func (e *hinted) Error() string  { return e.Err.Error() }
func (e *hinted) Unwrap() error  { return e.Err }
func (e *hinted) Advice() string { return e.Hint }

// run executes the command line and returns the exit code.
func run(args []string, std streams) int {
	program, rest := filepath.Base(args[0]), args[1:]
	if strings.HasPrefix(program, completerPrefix) {
		rest = append([]string{cobra.ShellCompRequestCmd}, rest...)
	}
	std.Out, std.ErrOut = progress.Over(std.Out, std.ErrOut, os.Getenv)
	root := newRootCommand(program, std)
	root.SetArgs(rest)
	err := root.Execute()
	progress.On(std.ErrOut).Done()
	if err == nil {
		return 0
	}
	no := (*answerNo)(nil)
	if !errors.As(err, &no) {
		report(std, err)
		return exitNoAnswer
	}
	if no.Err != nil {
		report(std, no.Err)
	}
	return exitNo
}

// newRootCommand returns the command with all subcommands. program is the name by which the binary was
// called: if it begins with kubectl-, the help is that of a kubectl plugin.
func newRootCommand(program string, std streams) *cobra.Command {
	root := &cobra.Command{
		Use:     "sidecar-injector",
		Short:   "Adds sidecar containers to pods: as an admission webhook, and offline",
		Version: readBuild().Version,
		Args:    noSuchCommand,

		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:              true,
		SilenceUsage:               true,
	}
	root.SetIn(std.In)
	root.SetOut(std.Out)
	root.SetErr(std.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &hinted{err, seeHelp(cmd)} })
	root.AddCommand(
		newCheckCommand(std),
		newDiffCommand(std),
		newExplainCommand(std),
		newInjectCommand(std),
		newPlaygroundCommand(std),
		newRepairCommand(std),
		newRolloutCommand(std),
		newServeCommand(std),
		newStatusCommand(std),
		newTemplatesCommand(std),
		newValidateCommand(std),
		newVersionCommand(std),
	)
	rejectUnknownTopics(root)
	completeDirectories(root)
	if strings.HasPrefix(program, "kubectl-") || strings.HasPrefix(program, completerPrefix) {
		speakKubectl(root)
	}
	return root
}

// rejectUnknownTopics makes the library's own commands, help and completion, reject what they do not know.
func rejectUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run, cmd.RunE = nil, func(_ *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err != nil {
					return err
				}
				if err := noSuchCommand(topic, rest); err != nil {
					return err
				}
				return topic.Help()
			}
		case "completion":
			cmd.Args, cmd.RunE = noSuchCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// noSuchCommand rejects an unknown subcommand, and suggests similar ones.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := seeHelp(cmd)
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return &hinted{fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), hint}
}

func seeHelp(cmd *cobra.Command) string {
	return fmt.Sprintf("%s --help shows the usage", cmd.CommandPath())
}

// report prints an error, or each of several joined ones, with its hint.
func report(std streams, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			report(std, e)
		}
		return
	}
	err = withMeaning(err)
	fmt.Fprint(std.ErrOut, palette{}.Printable(fmt.Sprintf("error: %v\n", err)))
	if hint := hintOf(err); hint != "" {
		fmt.Fprint(std.ErrOut, palette{}.Printable(fmt.Sprintf("hint: %s\n", hint)))
	}
}

// withMeaning puts a sentence before an error of the API server that says what it means, and adds a hint. An error
// that has a hint says so itself.
func withMeaning(err error) error {
	sentence, advice := live.Meaning(err)
	if sentence == "" || hintOf(err) != "" {
		return err
	}
	return &hinted{fmt.Errorf("%s: %w", sentence, err), advice}
}

func hintOf(err error) string {
	var with interface{ Advice() string }
	if errors.As(err, &with) {
		return with.Advice()
	}
	return ""
}
