// Package pty opens pseudo-terminals for tests of what programs show to people.
package pty

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Open gives the end of a terminal that a program writes to. Seen closes it, and is all that a person saw.
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
		read, _ := io.ReadAll(person) // a terminal that nobody has open any more ends by an error
		text <- string(read)
	}()
	return program, func() string {
		program.Close()
		return <-text
	}
}
