package main

import "slices"

// law is one row of the table: a dimension of the input that an author can enlarge.
type law struct {
	name string
	// n is the smaller of the two sizes whose work is compared: large enough that superlinear growth is
	// visible, small enough that counting takes little time.
	n int
	// build returns the job for an input of size n.
	build func(n int) job
	// bounded says why quadratic growth is acceptable because the input is bounded: such a row is judged by
	// its total work, not block by block. "" for most rows.
	bounded string
}

// job is one input and the work on it.
type job struct {
	// bytes is the size of the input.
	bytes int
	// refused says that a template in the input is too large to be loaded, so that there is no work.
	refused bool
	// request says that the input is an admission review, whose size the API server limits.
	request bool
	// do does the work once and returns its outcome.
	do func() (outcome, error)
}

// outcome returns, in a word, the result of a job. It is called after the work has been counted.
type outcome func() string

func word(text string) outcome { return func() string { return text } }

func laws() []law {
	return slices.Concat(podLaws(), statusLaws(), productLaws(), templateLaws(), expressionLaws(), accessLaws(), manifestLaws(), languageLaws(), playgroundLaws())
}

type object = map[string]any

// times returns a list of n items.
func times(n int, item func(i int) any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = item(i)
	}
	return list
}

// same returns a list of n equal items.
func same(n int, item any) []any { return times(n, func(int) any { return item }) }
