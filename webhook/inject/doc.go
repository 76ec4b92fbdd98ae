// Package inject decides which sidecars a pod gets and what has to be added to
// it. It is the one function behind every door: the webhook, the command line
// and the golden cases all call Inject and show its Result.
//
//	request -> decide -> render -> plan -> patch
//
// decide picks the template instances and says why (decide.go, asked.go), templates
// render them, plan checks the additions against the pod and against each other
// (claims.go) and puts them in place (assemble.go). How the answer came about is
// recorded on the way (trace.go). Everything is computed from the arguments: no
// clock, network, log, file or global.
//
// Three kinds of "no" have three types. A skip is a decision with a Reason. A
// mistake of the person who wrote the pod is a Fault. What is nobody's mistake
// but ours, or the caller's, is an error.
package inject
