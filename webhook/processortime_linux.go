package webhook

import (
	"syscall"
	"time"
)

// processorTime is what the calling thread has used of a processor so far. The goroutine has to be
// locked to its thread.
func processorTime() time.Duration {
	var usage syscall.Rusage
	// The arguments are constants that Linux has had since 2.6.26: nothing can be wrong with them.
	_ = syscall.Getrusage(syscall.RUSAGE_THREAD, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
