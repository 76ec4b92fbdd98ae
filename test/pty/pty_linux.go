// Package pty opens pseudo-terminals for tests of programs' terminal output.
package pty

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Open returns the terminal end of a pseudo-terminal, for the program under test. seen closes it and returns
// everything that was written to it.
func Open(t *testing.T) (program *os.File, seen func() string) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	text := make(chan string)
	go func() {
		read, _ := io.ReadAll(person) // the read ends with an error once the terminal end is closed
		text <- string(read)
	}()
	return program, func() string {
		program.Close()
		return <-text
	}
}
