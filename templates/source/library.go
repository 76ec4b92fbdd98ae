package source

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// Library merges sources into one set of templates and keeps it up to date. Its
// methods may be called by many goroutines.
type Library struct {
	now     func() time.Time
	report  func(Change)
	current atomic.Pointer[templates.Set]
	ready   atomic.Bool

	mu      sync.Mutex // one reading at a time; guards what follows
	shelves []shelf
	// loaded says when the version of a template that is in force was loaded, by the template's name.
	loaded map[string]time.Time
}

// shelf is a source and what it last gave.
type shelf struct {
	source  Source
	entries []templates.Entry
	failing bool
}

// Change tells what a reading of one source brought. Entries are sorted by file, then place.
type Change struct {
	// Source is the source's name.
	Source string
	// Loaded are the templates that are new or have been compiled anew, without error.
	Loaded []templates.Entry
	// Broken are those that have errors now and did not have these before; Template is
	// the version that stays in force, if any.
	Broken []templates.Entry
	// Removed are those that are gone.
	Removed []templates.Entry
	// Err says why the source, or a part of it, cannot be read: told once, when that begins.
	Err error
	// Recovered is set when the source can be read again.
	Recovered bool
}

// NewLibrary is empty until Load. report, which may be nil, is told of every
// change, one at a time, after it is in force; it must not call back. now is the clock.
func NewLibrary(now func() time.Time, report func(Change), sources ...Source) *Library {
	l := &Library{now: now, report: report, loaded: map[string]time.Time{}}
	for _, s := range sources {
		l.shelves = append(l.shelves, shelf{source: s})
	}
	l.current.Store(templates.NewSet(nil))
	return l
}

// Current is the set in force; it is never nil.
func (l *Library) Current() *templates.Set { return l.current.Load() }

// Ready says whether every source has been read at least once.
func (l *Library) Ready() bool { return l.ready.Load() }

// Loaded says, by template name, when the version in force was loaded. The map is the caller's.
func (l *Library) Loaded() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.loaded)
}

// UnreadableError says that a source has never been read.
type UnreadableError struct {
	Source string
	Err    error
}

func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// Load reads every source. Its error tells of all that could not be read, with an
// *UnreadableError for a source of which nothing could; what could be is in force
// nevertheless.
func (l *Library) Load() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for i := range l.shelves {
		err := l.read(i)
		if err != nil && l.shelves[i].entries == nil {
			err = &UnreadableError{l.shelves[i].source.Name(), err}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Run keeps the templates up to date until ctx is done.
func (l *Library) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range l.shelves {
		wg.Go(func() {
			err := l.shelves[i].source.Watch(ctx, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				// The error has been reported, and stays until it is mended.
				_ = l.read(i)
			})
			if err != nil && l.report != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.report(Change{Source: l.shelves[i].source.Name(), Err: err})
			}
		})
	}
	wg.Wait()
}

// read reads one source and puts what it gives into force. The caller holds mu.
func (l *Library) read(i int) error {
	s := &l.shelves[i]
	entries, err := s.source.Read()
	change := difference(s.entries, entries)
	change.Source = s.source.Name()
	moved := s.entries == nil && entries != nil || !slices.EqualFunc(s.entries, entries, same)
	if err != nil && !s.failing {
		change.Err = err
	}
	change.Recovered = err == nil && s.failing
	s.failing = err != nil
	s.entries = entries

	if moved {
		l.publish(change)
	}
	if l.report != nil && (moved || change.Err != nil || change.Recovered) {
		l.report(change)
	}
	return err
}

// publish swaps the set.
func (l *Library) publish(change Change) {
	var all []templates.Entry
	ready := true
	for i := range l.shelves {
		all = append(all, l.shelves[i].entries...)
		ready = ready && l.shelves[i].entries != nil
	}
	l.current.Store(templates.NewSet(all))
	l.ready.Store(ready)

	now := l.now()
	for _, e := range change.Loaded {
		l.loaded[e.Name] = now
	}
	if len(change.Removed) > 0 {
		names := make(map[string]bool, len(all))
		for _, e := range all {
			names[e.Name] = true
		}
		maps.DeleteFunc(l.loaded, func(name string, _ time.Time) bool { return !names[name] })
	}
}

// same says whether nothing happened to an entry from one reading to the next:
// templates are compiled anew only when their file changed, so that addresses tell.
func same(a, b templates.Entry) bool {
	return identityOf(a) == identityOf(b) && a.Origin == b.Origin &&
		a.Template == b.Template && slices.Equal(a.Findings, b.Findings)
}

// difference compares what a source gives with what it gave before.
func difference(before, now []templates.Entry) Change {
	type place struct {
		identity
		templates.Origin
	}
	was := make(map[place]templates.Entry, len(before))
	for _, e := range before {
		was[place{identityOf(e), e.Origin}] = e
	}
	var change Change
	defined := map[identity]bool{}
	for _, e := range now {
		defined[identityOf(e)] = true
		old, known := was[place{identityOf(e), e.Origin}]
		switch {
		case known && same(old, e):
		case e.Broken():
			change.Broken = append(change.Broken, e)
		default:
			change.Loaded = append(change.Loaded, e)
		}
	}
	for _, e := range before {
		// One that moved to another file is still there.
		if e.Name != "" && !defined[identityOf(e)] {
			defined[identityOf(e)] = true
			change.Removed = append(change.Removed, e)
		}
	}
	return change
}
