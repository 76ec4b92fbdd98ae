// Command compile runs a command that compiles Go packages, and shows on a terminal how many were compiled:
//
//	go run ./cmd/sidecar-injector/progress/compile [-of N] COMMAND [ARGUMENT...]
//
// On a terminal it sets VERBOSE in the command's environment, so that the command calls go build -v.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
)

func main() {
	of := flag.Int("of", 0, "`number` of packages that there are at most")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: compile [-of N] COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	err := run(flag.Args(), *of)
	exit := (*exec.ExitError)(nil)
	switch {
	case errors.As(err, &exit):
		os.Exit(max(1, exit.ExitCode())) // the command has printed the error
	case err != nil:
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, of int) error {
	command := exec.Command(args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	_, errOut := progress.Over(os.Stdout, os.Stderr, os.Getenv)
	line := progress.On(errOut)
	if line == nil {
		return command.Run()
	}
	defer line.Done()
	command.Env = append(os.Environ(), "VERBOSE=1")
	command.Stderr = nil
	output, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	const what = "compiling packages"
	line.Show(what, 0, of)
	compiled, lines := 0, bufio.NewScanner(output)
	for lines.Scan() {
		// go build -v prints the name of each package that it compiles, but not of those in its cache.
		if name := lines.Text(); name != "" && !strings.ContainsAny(name, " \t:") {
			compiled++
			line.Show(what, compiled, of)
			continue
		}
		fmt.Fprintln(errOut, lines.Text())
	}
	return command.Wait()
}
