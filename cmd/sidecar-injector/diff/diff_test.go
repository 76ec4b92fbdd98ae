package diff

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// edited returns documents of one file, of which each fourth one gets a line.
func edited(t *testing.T, number int) []offline.Edited {
	t.Helper()
	var text strings.Builder
	for i := range number {
		fmt.Fprintf(&text, "---\nkind: Thing\nnumber: %d\n", i)
	}
	stream, err := manifest.Parse("things.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	var all []offline.Edited
	for i, document := range stream.Documents {
		e := offline.Edited{Document: document, Text: document.Text}
		if i%4 == 1 {
			e.Text, e.Changed = slices.Concat(document.Text, []byte("more: true\n")), true
		}
		all = append(all, e)
	}
	return all
}

// Documents are compared one by one: however many there are, only what changes is shown.
func TestOnlyWhatChangesIsShown(t *testing.T) {
	const number = 600
	text, err := Text(edited(t, number), nil)
	if err != nil {
		t.Fatal(err)
	}
	if added, removed := strings.Count(text, "\n+more: true"), strings.Count(text, "\n-"); added != number/4 || removed != 0 {
		t.Errorf("%d lines are added and %d removed, want %d and 0", added, removed, number/4)
	}
	for _, want := range []string{"--- a/things.yaml\n+++ b/things.yaml\n@@ -4,6 +4,7 @@\n ---\n kind: Thing\n number: 1\n+more: true\n ---\n", "@@ -1792,6 +1941,7 @@"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestADiffCanBeStopped(t *testing.T) {
	ended := errors.New("ended")
	calls := 0
	text, err := Text(edited(t, 10), func() error {
		if calls++; calls == 2 {
			return ended
		}
		return nil
	})
	if text != "" || !errors.Is(err, ended) || calls != 2 {
		t.Errorf("%q, %v after %d calls", text, err, calls)
	}
}
