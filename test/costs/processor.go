//go:build unix

package main

import (
	"syscall"
	"time"
)

// processorTime is what this process has used so far, on all processors, collections included.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it fails for another argument only
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
