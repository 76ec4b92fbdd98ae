//go:build linux

package main

// meaning explains a figure to users; "" for an unknown figure.
func meaning(figure string) string {
	switch figure {
	case figureOverEcho:
		return "what an answer costs the node that the injector runs on. Echo is what any HTTPS server costs: below 3, most of the bill is the wire's"
	case figureOverTyped:
		return "below 1, a pod is decided on and injected in less time than a webhook in Go needs to decode the same review and pod and do nothing"
	case figureWorst:
		return "what the slowest of a hundred pod creations waits for the injector while 16 are created at once"
	case figureThroughput:
		return "how many more pods one core serves than a webhook that is written the usual way, with controller-runtime"
	case figureMany:
		return "templates that a pod does not ask for cost it nothing"
	case figureSelecting:
		return "templates that select other pods cost a pod nothing: what counts is how many select it"
	case figureSix:
		return "a further sidecar costs about as much as is added, not the request over again"
	case figureLong:
		return "a pod with thousands of environment variables or dozens of containers costs what its bytes cost on the wire"
	case figureNothing:
		return "in an opted-in namespace most pods ask for nothing; this is what they pay"
	case figureMemory:
		return "what to request and limit; 5,000 templates are far more than most clusters have"
	case figureLoading:
		return "how long a new replica needs before it is ready"
	case figureIdle:
		return "watching a folder of that many templates"
	case figureChange:
		return "how soon an edited template counts"
	case figureReloaded:
		return "a change of one template leaves the others alone"
	case figureAllocations:
		return "garbage for the collector, which decides the tail of the latencies"
	}
	return ""
}

// The names of the figures in the table.
const (
	figureOverEcho    = "server CPU per request over echo"
	figureOverTyped   = "server CPU per request over typed"
	figureWorst       = "p99 at 16 connections over echo"
	figureThroughput  = "throughput at 64 connections over controller-runtime"
	figureMany        = "5,000 templates loaded, one requested, over one template"
	figureSelecting   = "5,000 templates with selectors, 10 matching, over ten templates"
	figureSix         = "six instances over one"
	figureLong        = "a large pod's CPU per request over echo"
	figureNothing     = "a pod that asks for nothing, CPU over echo"
	figureMemory      = "resident memory after 20,000 requests"
	figureLoading     = "loading cold, CPU until it serves"
	figureIdle        = "CPU while nobody calls"
	figureChange      = "a change of one template, until it is in force"
	figureReloaded    = "templates loaded because one changed"
	figureAllocations = "allocations per request in the pure function"
)
