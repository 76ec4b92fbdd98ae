//go:build !unix

package main

import "time"

var began = time.Now()

// processorTime returns the elapsed time, which is nearly the same on an otherwise idle machine.
func processorTime() time.Duration { return time.Since(began) }
