// Package fleet compares running pods with what the present templates would give them, and plans how to
// bring them up to date. It does not read a cluster: pods, PodDisruptionBudgets and the API server's
// abilities are arguments, and states and plans are results.
//
// What a new pod would get is determined by removing everything that the status annotation lists from a
// running pod, and injecting again with inject.Inject. No history is needed, and manual changes are
// detected as well as changes of a template.
package fleet
