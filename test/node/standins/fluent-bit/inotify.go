package main

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// notifier reports changes to open files, even after they were renamed.
type notifier struct {
	fd     int
	file   *os.File
	events chan event
}

type event struct {
	watch int
	mask  uint32
}

func newNotifier() (*notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	n := &notifier{fd, os.NewFile(uintptr(fd), "inotify"), make(chan event, 256)}
	go n.loop()
	return n, nil
}

// add watches the file itself, not its name, which may already belong to another file.
func (n *notifier) add(f *os.File) (int, error) {
	const changes = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_MOVE_SELF
	return unix.InotifyAddWatch(n.fd, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), changes)
}

func (n *notifier) remove(watch int) { _, _ = unix.InotifyRmWatch(n.fd, uint32(watch)) }

// close ends the loop and drains its events, because the loop may be blocked sending one.
func (n *notifier) close() {
	n.file.Close()
	go func() {
		for range n.events {
		}
	}()
}

// loop ends when the file is closed.
func (n *notifier) loop() {
	defer close(n.events)
	buffer := make([]byte, 64<<10)
	for {
		size, err := n.file.Read(buffer)
		if err != nil {
			return
		}
		for b := buffer[:size]; len(b) >= unix.SizeofInotifyEvent; {
			n.events <- event{int(int32(binary.NativeEndian.Uint32(b))), binary.NativeEndian.Uint32(b[4:])}
			b = b[unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:])):]
		}
	}
}
