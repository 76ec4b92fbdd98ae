package source_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// scripted is a source with the results that the test sets.
type scripted struct {
	entries []templates.Entry
	err     error
}

func (s *scripted) Name() string                        { return "script" }
func (s *scripted) Read() ([]templates.Entry, error)    { return s.entries, s.err }
func (s *scripted) Watch(context.Context, func()) error { return errors.New("blind") }
func (s *scripted) load(name, text string) *scripted {
	s.entries = load.Load(templates.SourceDirectory, name, []byte(text))
	return s
}

// told returns a change as text.
func told(c source.Change) string {
	text := c.Source
	if len(c.Loaded) > 0 {
		text += " loaded " + describe(c.Loaded)
	}
	if len(c.Broken) > 0 {
		text += " broken " + describe(c.Broken)
	}
	if len(c.Removed) > 0 {
		text += " removed " + describe(c.Removed)
	}
	if c.Err != nil {
		text += " error " + c.Err.Error()
	}
	if c.Recovered {
		text += " recovered"
	}
	return text
}

func TestLibraryIsEmptyAndNotReadyBeforeItIsLoaded(t *testing.T) {
	library := source.NewLibrary(time.Now, nil, (&scripted{}).load("a.yaml", template("a", 1)))
	if library.Ready() || library.Current() == nil || len(library.Current().Entries()) > 0 {
		t.Error("a library is ready, nil or full before it is loaded")
	}
	must(t, library.Load())
	if !library.Ready() || describe(library.Current().Entries()) != "a@1" {
		t.Errorf("after loading: ready %v, %s", library.Ready(), describe(library.Current().Entries()))
	}
}

func TestLibraryIsReadyOnlyWhenEverySourceHasBeenRead(t *testing.T) {
	late := &scripted{err: errors.New("not there")}
	library := source.NewLibrary(time.Now, nil, (&scripted{}).load("a.yaml", template("a", 1)), late)
	if err := library.Load(); !errors.Is(err, late.err) {
		t.Errorf("Load() = %v, want %v", err, late.err)
	}
	if library.Ready() {
		t.Error("ready without the second source")
	}
	if got := describe(library.Current().Entries()); got != "a@1" {
		t.Errorf("what could be read is not in force: %s", got)
	}
	late.load("b.yaml", template("b", 1)).err = nil
	must(t, library.Load())
	if got := describe(library.Current().Entries()); !library.Ready() || got != "a@1, b@1" {
		t.Errorf("ready %v, %s", library.Ready(), got)
	}
}

func TestLibraryTellsEveryChangeOnce(t *testing.T) {
	script := &scripted{}
	now := time.Unix(1000, 0)
	var log []string
	library := source.NewLibrary(func() time.Time { return now }, func(c source.Change) { log = append(log, told(c)) }, script)
	dir := t.TempDir()
	directory := source.NewDirectory(dir)
	for _, step := range []struct {
		content files
		err     error
		want    []string
	}{
		{files{"a.yaml": template("a", 1), "b.yaml": broken("b", 1)}, nil, []string{"script loaded a@1 broken b broken"}},
		{files{"a.yaml": template("a", 1), "b.yaml": broken("b", 1)}, nil, nil},
		{files{"a.yaml": broken("a", 2), "b.yaml": template("b", 1)}, nil, []string{"script loaded b@1 broken a@1 broken"}},
		{files{"a.yaml": broken("a", 2), "b.yaml": template("b", 1)}, errors.New("disk"), []string{"script error disk"}},
		{files{"a.yaml": broken("a", 2), "b.yaml": template("b", 1)}, errors.New("disk"), nil},
		{files{"b.yaml": template("b", 1)}, nil, []string{"script removed a@1 broken recovered"}},
		{files{"c.yaml": template("b", 1)}, nil, []string{"script loaded b@1"}},
	} {
		log = nil
		now = now.Add(time.Minute)
		fillDirectory(t, dir, step.content)
		entries, err := directory.Read()
		must(t, err)
		script.entries, script.err = entries, step.err
		_ = library.Load()
		if diff := cmp.Diff(step.want, log); diff != "" {
			t.Errorf("%v: %s", step.content, diff)
		}
	}
	want := map[string]time.Time{"b": time.Unix(1000+7*60, 0)}
	if diff := cmp.Diff(want, library.Loaded()); diff != "" {
		t.Error(diff)
	}
}

func TestLoadedSaysWhenTheVersionInForceCame(t *testing.T) {
	dir := t.TempDir()
	fillDirectory(t, dir, files{"a.yaml": template("a", 1), "b.yaml": broken("b", 1)})
	now := time.Unix(1000, 0)
	library := source.NewLibrary(func() time.Time { return now }, nil, source.NewDirectory(dir))
	must(t, library.Load())
	now = time.Unix(2000, 0)
	fillDirectory(t, dir, files{"a.yaml": broken("a", 2), "b.yaml": broken("b", 1)})
	must(t, library.Load())
	if diff := cmp.Diff(map[string]time.Time{"a": time.Unix(1000, 0)}, library.Loaded()); diff != "" {
		t.Error(diff)
	}
}

func TestSourceThatCannotBeWatchedIsTold(t *testing.T) {
	var log []string
	library := source.NewLibrary(time.Now, func(c source.Change) { log = append(log, told(c)) }, &scripted{})
	library.Run(t.Context())
	if diff := cmp.Diff([]string{"script error blind"}, log); diff != "" {
		t.Error(diff)
	}
}
