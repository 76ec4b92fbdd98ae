// Command sidecar-injector adds sidecar containers to pods: as an admission
// webhook, and offline on the command line.
package main

import "os"

func main() {
	os.Exit(run(os.Args, streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
}
