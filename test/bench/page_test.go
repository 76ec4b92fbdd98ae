//go:build linux

package main

import (
	"testing"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

func TestThePageOfTheDocsHasEveryBlock(t *testing.T) {
	if err := markdown.Page("../../docs/performance.md").Has(loadBlock, simulateBlock, apiServerBlock, scaleBlock); err != nil {
		t.Error(err)
	}
}

func TestEveryFigureOfTheTableHasAMeaning(t *testing.T) {
	for _, r := range rows() {
		if meaning(r.figure) == "" {
			t.Errorf("figure %q: no meaning", r.figure)
		}
	}
	for _, figure := range []string{figureMemory, figureLoading, figureIdle, figureChange, figureReloaded, figureAllocations} {
		if meaning(figure) == "" {
			t.Errorf("figure %q: no meaning", figure)
		}
	}
}
