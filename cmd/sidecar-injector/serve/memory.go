package serve

import (
	"os"
	"runtime/debug"
)

// By how many percent the heap may grow beyond the live data before the garbage collector runs (GOGC).
const (
	// growthLoading keeps the memory's peak, which is reached while thousands of templates are loaded,
	// below what serving needs afterwards.
	growthLoading = 75
	// growthServing saves a twentieth of a request's cost for 5 MiB of memory, compared with Go's default
	// of 100 (docs/performance.md).
	growthServing = 150
)

// growHeap sets GOGC, unless the user has set it in the environment.
func growHeap(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// templatesLoaded is called once, when the templates of all sources are loaded. It returns memory that was
// only needed for loading to the operating system.
func templatesLoaded() {
	growHeap(growthServing)
	debug.FreeOSMemory()
}
