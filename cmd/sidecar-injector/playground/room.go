package playground

import (
	"context"
	"encoding/json"
	"fmt"
)

// maxPods is the largest number of pods and workloads in the text of a Request.
const maxPods = 250

// maxAnswer is the largest size of an Answer in bytes, without the JSON around its texts.
const maxAnswer = 16 << 20

// room is how many bytes an Answer may still have, and the context that bounds its time.
type room struct {
	ctx  context.Context
	left int
}

// fullError is the error if the bytes or the time are used up; its text is a sentence for the user.
type fullError struct{ sentence string }

func (e *fullError) Error() string { return e.sentence }

// take uses up bytes of the room. The error is always a *fullError.
func (r *room) take(size int) error {
	if r.ctx.Err() != nil {
		return &fullError{"The answer took too long and was stopped: shorten the texts."}
	}
	if r.left -= size; r.left < 0 {
		return &fullError{fmt.Sprintf("The answer is larger than %d MiB: keep fewer pods or fewer sidecars in the text.", maxAnswer>>20)}
	}
	return nil
}

// takePod encodes a pod's result and uses up its size, except that of its Steps, which are counted already.
func (r *room) takePod(p *Pod) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Title, err)
	}
	p.text = text
	rest := len(text)
	for i := range p.Steps {
		rest -= len(p.Steps[i].YAML)
	}
	return r.take(rest)
}
