//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores are the processor cores of the two sides.
type cores struct{ server, client int }

// chooseCores returns the first two cores that this process may use.
func chooseCores() (cores, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return cores{}, fmt.Errorf("processor cores: %w", err)
	}
	var found []int
	for core := range 1024 {
		if allowed.IsSet(core) {
			found = append(found, core)
		}
	}
	if len(found) < 2 {
		return cores{}, fmt.Errorf("processor cores: want two, may use %v", found)
	}
	return cores{server: found[0], client: found[1]}, nil
}

// startOn starts a program pinned to one core. A child inherits the CPU affinity of the thread that starts
// it, so a thread is given the affinity and then discarded: a thread ends with the goroutine that has locked
// it.
func startOn(core int, command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		var mask unix.CPUSet
		mask.Set(core)
		if err := unix.SchedSetaffinity(0, &mask); err != nil {
			started <- fmt.Errorf("core %d: %w", core, err)
			return
		}
		// Pdeathsig would be sent when this thread ends, not the process, so servers are stopped explicitly.
		started <- command.Start()
	}()
	return <-started
}

// stayOn pins this process to one core: all its threads, and those that they start. It is done twice, for a
// thread that was started meanwhile.
func stayOn(core int) error {
	runtime.GOMAXPROCS(1)
	var mask unix.CPUSet
	mask.Set(core)
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("core %d: %w", core, err)
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return fmt.Errorf("core %d: thread %q: %w", core, thread.Name(), err)
			}
			if err := unix.SchedSetaffinity(id, &mask); err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: the thread has ended
				return fmt.Errorf("core %d: thread %d: %w", core, id, err)
			}
		}
	}
	return nil
}
