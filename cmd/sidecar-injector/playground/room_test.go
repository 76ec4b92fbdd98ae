package playground

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// pods returns a text of pods that request sidecars, each with a text of that size.
func pods(number, size int, sidecars ...string) string {
	var b strings.Builder
	for i := range number {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web-%d\n  annotations: {sidecar-injector.dev/inject: %q, "+
			"example.com/text: %q}\nspec:\n  containers:\n  - {name: web, image: web:1}\n", i, strings.Join(sidecars, ","), strings.Repeat("x", size))
	}
	return b.String()
}

func TestAnAnswerHasALimit(t *testing.T) {
	small, names := "", []string{"a", "b", "c", "d", "e", "f"}
	for _, name := range names {
		small += "---\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: " + name + "}\n" +
			"spec: {pod: {metadata: {annotations: {example.com/" + name + ": b}}}}\n"
	}
	engine := newEngine(t)
	for name, of := range map[string]struct {
		request Request
		want    string
	}{
		"too many pods":   {Request{Pod: pods(maxPods+1, 0)}, "The text has 251 pods and workloads, more than 250: shorten it."},
		"too many bytes":  {Request{Pod: pods(20, 140_000, names...), Templates: small, Steps: true}, "The answer is larger than 16 MiB: keep fewer pods or fewer sidecars in the text."},
		"as many as fit":  {Request{Pod: pods(20, 0, "log-collector"), Steps: true}, ""},
		"without a limit": {Request{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if answer := engine.Answer(t.Context(), &of.request); answer.Error != of.want {
				t.Errorf("got %q, want %q", answer.Error, of.want)
			}
		})
	}
}

// The engine stops working for a client that has disconnected.
func TestAnAnswerEndsWithItsContext(t *testing.T) {
	engine := newEngine(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	answer := engine.Answer(ctx, &Request{Pod: pods(maxPods, 0, "log-collector"), Steps: true})
	if answer.Error != tooLate || len(answer.Pods) > 0 {
		t.Errorf("got %q and %d pods, want %q", answer.Error, len(answer.Pods), tooLate)
	}
}

const tooLate = "The answer took too long and was stopped: shorten the texts."

// ending is a context that ends after so many questions whether it has.
type ending struct {
	context.Context
	after int
}

func (e *ending) Err() error {
	if e.after--; e.after < 0 {
		return context.Canceled
	}
	return nil
}

// An answer can end after each template, decision, step and document.
func TestAnAnswerEndsBetweenAnyTwoParts(t *testing.T) {
	text := ""
	for i := range 5 {
		text += fmt.Sprintf("---\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: own-%d}\nspec: {pod: {metadata: {labels: {a-%d: b}}}}\n", i, i)
	}
	request := &Request{Templates: text, Pod: pods(5, 0, "own-0", "own-4"), Steps: true}
	parts := 0
	for ; ; parts++ {
		answer := NewEngine(templates.NewSet(nil), &inject.Settings{}).Answer(&ending{t.Context(), parts}, request)
		if answer.Error == "" {
			if len(answer.Pods) != 5 || strings.Count(answer.Diff, "+    a-") != 10 {
				t.Fatalf("%d pods, the diff is\n%s", len(answer.Pods), answer.Diff)
			}
			break
		}
		if answer.Error != tooLate || len(answer.Pods) > 0 || answer.Diff != "" {
			t.Fatalf("after %d parts: %q, %d pods", parts, answer.Error, len(answer.Pods))
		}
	}
	// 5 templates, and for each of 5 pods a decision, its size, three steps, an edit and a comparison.
	if want := 5 + 5*7; parts < want {
		t.Errorf("the answer can end at %d places, want %d", parts, want)
	}
}
