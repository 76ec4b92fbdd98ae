//go:build !unix

package main

import "time"

var began = time.Now()

// processorTime is the time that has passed: on a machine that does nothing else, nearly the same.
func processorTime() time.Duration { return time.Since(began) }
