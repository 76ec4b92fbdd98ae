package webhook

import (
	"syscall"
	"time"
)

// processorTime returns the CPU time that the calling thread has used so far. The goroutine has to be
// locked to its thread.
func processorTime() time.Duration {
	var usage syscall.Rusage
	// RUSAGE_THREAD exists since Linux 2.6.26, so the call cannot fail.
	_ = syscall.Getrusage(syscall.RUSAGE_THREAD, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
