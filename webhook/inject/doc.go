// Package inject decides which sidecars a pod gets and what has to be added to it. The webhook, the command
// line and the golden cases all call Inject and show its Result.
//
//	request -> decide -> render -> plan -> patch
//
// decide selects the template instances and records why (decide.go, asked.go), package templates renders
// them, plan checks the additions against the pod and against each other (claims.go), and patch writes them
// as operations at their places (assemble.go). The rules that were applied are recorded on the way
// (trace.go). The result depends on the arguments only: no clock, network, log, file or global variable.
//
// There are three kinds of negative results, and each has its own type. A skip is a decision with a Reason.
// A mistake of the pod's author is a Fault. A failure of the injector or of its caller is an error.
package inject
