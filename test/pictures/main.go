// Command pictures draws the pictures of the documentation that are made from text: the output of a command
// on a terminal, and sequence diagrams. make generate runs it.
//
//	pictures -terminal OUT.svg COMMAND [ARGUMENT...]
//	pictures -sequence IN.txt OUT.svg
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	terminal := flag.String("terminal", "", "draw what the command prints in colour, into this `file`")
	sequence := flag.String("sequence", "", "draw the sequence of messages in this `file`")
	flag.Parse()
	var err error
	switch {
	case *terminal != "" && flag.NArg() > 0:
		err = drawTerminal(*terminal, flag.Args())
	case *sequence != "" && flag.NArg() == 1:
		err = drawSequence(*sequence, flag.Arg(0))
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func drawTerminal(out string, args []string) error {
	command := exec.Command(args[0], append(args[1:], "--color", "always")...)
	var said bytes.Buffer
	command.Stderr = &said
	text, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	shown := strings.Join(append([]string{filepath.Base(args[0])}, args[1:]...), " ")
	return os.WriteFile(out, screen(shown, string(text)), 0o644)
}

func drawSequence(in, out string) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	s, err := readSequence(string(text))
	if err != nil {
		return fmt.Errorf("%s:%w", in, err)
	}
	return os.WriteFile(out, s.draw(), 0o644)
}
