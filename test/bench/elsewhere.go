//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux: it keeps servers on one core and reads /proc")
	os.Exit(1)
}
