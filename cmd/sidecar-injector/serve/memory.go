package serve

import (
	"os"
	"runtime/debug"
)

// How far the heap may grow beyond what is live before the garbage collector runs, in percent.
const (
	// growthLoading keeps the peak of memory, which is when thousands of templates are
	// loaded, below what serving takes afterwards.
	growthLoading = 75
	// growthServing saves a twentieth of a request's cost for 5 MiB, compared with Go's
	// own 100 (docs/performance.md).
	growthServing = 150
)

// growHeap sets the growth. Who sets GOGC knows better.
func growHeap(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// templatesLoaded is called once, when the templates of every source are there: loading has left garbage and free
// memory behind that serving never needs again.
func templatesLoaded() {
	growHeap(growthServing)
	debug.FreeOSMemory()
}
