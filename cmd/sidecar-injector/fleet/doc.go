// Package fleet compares pods that run with what today's templates would give them, and plans how
// to bring them up to date. It reads no cluster: pods, budgets and what the server can do
// are given to it, and states and plans come out as values.
//
// What a new pod would get is found by taking out of a running pod all that its status
// annotation lists, and injecting anew with the function that answers the API server. No
// history is needed, and a change by hand is seen as well as one of a template.
package fleet
