//go:build !linux

package webhook

import "time"

// processorTime returns the wall clock time, on systems without the CPU time of a thread. It advances
// faster, so that less work is admitted.
func processorTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
