//go:build unix

package main

import (
	"syscall"
	"time"
)

// processorTime returns the processor time that this process has used, on all processors, including garbage
// collection.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it fails only for an invalid argument
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
