//go:build !linux

package webhook

import "time"

// processorTime is the time of the clock where threads' own is not to be had: it counts more, so
// that less is done.
func processorTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
