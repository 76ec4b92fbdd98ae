package inject

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Allowed reports whether the pod is admitted.
func (r *Result) Allowed() bool { return r.Outcome != Refused }

// Patch returns the operations as RFC 6902 JSON; nil if there are none.
func (r *Result) Patch() []byte { return r.AppendPatch(nil) }

// AppendPatch appends what Patch returns to out.
func (r *Result) AppendPatch(out []byte) []byte {
	if len(r.Operations) == 0 {
		return out
	}
	out = append(slices.Grow(out, len(`[]`)+r.PatchSize()), '[')
	for i, op := range r.Operations {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"op":"add","path":`...)
		out = program.AppendJSON(out, op.Path)
		out = append(out, `,"value":`...)
		out = append(append(out, op.Value...), '}')
	}
	return append(out, ']')
}

// PatchSize estimates the length of Patch in bytes, without the brackets; escaping may make it slightly longer.
func (r *Result) PatchSize() int {
	size := 0
	for i := range r.Operations {
		size += len(`{"op":"add","path":"","value":},`) + len(r.Operations[i].Path) + len(r.Operations[i].Value)
	}
	return size
}

// String returns the fault as one sentence: place, message, fix.
func (f Fault) String() string {
	text := f.Place + ": " + f.Message
	if f.Fix != "" {
		text += " (" + f.Fix + ")"
	}
	return text
}

// Message returns the text of the refusal: all faults that are not ignored, the shortest first so that at
// least one complete sentence remains if a client truncates it. It is "" if nothing is refused.
func (r *Result) Message() string {
	var texts []string
	for _, f := range r.Faults {
		if !f.Ignored {
			texts = append(texts, f.String())
		}
	}
	if len(texts) == 0 {
		return ""
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	out := Shorten(texts[0], maxMessage)
	for i, text := range texts[1:] {
		if len(out)+len(text) > maxMessage {
			return out + fmt.Sprintf("; and %d more", len(texts)-1-i)
		}
		out += "; " + text
	}
	return out
}

// Causes returns the faults that are not ignored as status causes: at most 64, and one more that counts the
// rest.
func (r *Result) Causes() []metav1.StatusCause {
	var causes []metav1.StatusCause
	more := 0
	for _, f := range r.Faults {
		switch {
		case f.Ignored:
		case len(causes) == maxCauses:
			more++
		default:
			message := f.Message
			if f.Fix != "" {
				message += " (" + f.Fix + ")"
			}
			causes = append(causes, metav1.StatusCause{Type: metav1.CauseType(f.Reason), Field: Shorten(f.Place, maxMessage), Message: Shorten(message, maxMessage)})
		}
	}
	if more > 0 {
		causes = append(causes, metav1.StatusCause{Type: causes[0].Type, Message: fmt.Sprintf("and %d more causes", more)})
	}
	return causes
}
