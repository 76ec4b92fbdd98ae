package main

import "slices"

// law is one row of the table: something that an author can make longer.
type law struct {
	name string
	// n is the smaller of the two sizes whose work is compared: large enough that what grows
	// faster than the input stands out, small enough that counting takes little time.
	n int
	// build makes the input of a size and what has to be done with it.
	build func(n int) job
	// bounded says why a square in it is small for all inputs that there can be: such a row is
	// judged by all of its work, not block by block. "" in most.
	bounded string
}

// job is one input and the work on it.
type job struct {
	// bytes of the input that grows.
	bytes int
	// refused says that a template in it is too large to be loaded, so that nothing is left to do.
	refused bool
	// request says that the input is an admission review, which the API server bounds.
	request bool
	// do does the work once. What it gives says, in a word, what became of it.
	do func() (outcome, error)
}

// outcome is asked for when the work has been counted.
type outcome func() string

func word(text string) outcome { return func() string { return text } }

func laws() []law {
	return slices.Concat(podLaws(), statusLaws(), productLaws(), templateLaws(), expressionLaws(), accessLaws(), manifestLaws(), languageLaws())
}

type object = map[string]any

// times makes a list of n items.
func times(n int, item func(i int) any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = item(i)
	}
	return list
}

// same makes a list of n equal items.
func same(n int, item any) []any { return times(n, func(int) any { return item }) }
