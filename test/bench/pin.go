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

// cores are where the two sides run.
type cores struct{ server, client int }

// chooseCores takes the first two that this process may use.
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

// startOn starts a program that stays on one core. A child has the mask of the thread
// that made it, so that thread is given the mask and then thrown away: a goroutine
// that ends with its thread locked takes the thread along.
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
		// Pdeathsig would go by this thread, not by the process: servers are stopped by hand.
		started <- command.Start()
	}()
	return <-started
}

// stayOn keeps this process on one core: every thread that it has, and those that
// they will make. Twice, for a thread that was made in between.
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
			if err := unix.SchedSetaffinity(id, &mask); err != nil && !errors.Is(err, unix.ESRCH) { // one that has ended
				return fmt.Errorf("core %d: thread %d: %w", core, id, err)
			}
		}
	}
	return nil
}
