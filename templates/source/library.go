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

// Library merges sources into one set of templates and keeps it up to date. It is safe for concurrent use.
type Library struct {
	now     func() time.Time
	report  func(Change)
	current atomic.Pointer[templates.Set]
	ready   atomic.Bool

	mu      sync.Mutex // held while a source is read; guards the fields below
	shelves []shelf
	// loaded is the time at which the version of a template in use was loaded, by the template's name.
	loaded map[string]time.Time
}

// shelf is a source with the entries of its last read.
type shelf struct {
	source  Source
	entries []templates.Entry
	failing bool
}

// Change is the result of reading one source. Entries are sorted by file, then place.
type Change struct {
	// Source is the source's name.
	Source string
	// Loaded are the templates that are new or were compiled again, without errors.
	Loaded []templates.Entry
	// Broken are those with new errors; Template is the version that stays in use, if any.
	Broken []templates.Entry
	// Removed are those that no longer exist.
	Removed []templates.Entry
	// Err says why the source, or a part of it, cannot be read. It is set once, when the failure begins.
	Err error
	// Recovered is set when the source can be read again.
	Recovered bool
}

// NewLibrary returns a Library that is empty until Load. report, which may be nil, is called for every
// change, one at a time, after the change is in use; it must not call the Library. now is the clock.
func NewLibrary(now func() time.Time, report func(Change), sources ...Source) *Library {
	l := &Library{now: now, report: report, loaded: map[string]time.Time{}}
	for _, s := range sources {
		l.shelves = append(l.shelves, shelf{source: s})
	}
	l.current.Store(templates.NewSet(nil))
	return l
}

// Current returns the set in use; it is never nil.
func (l *Library) Current() *templates.Set { return l.current.Load() }

// Ready reports whether every source has been read at least once.
func (l *Library) Ready() bool { return l.ready.Load() }

// Loaded returns, by template name, when the version in use was loaded. The map is a copy.
func (l *Library) Loaded() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.loaded)
}

// UnreadableError is the error of a source that has never been read.
type UnreadableError struct {
	Source string
	Err    error
}

// Error returns the text of Err; Unwrap returns Err.
func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// Load reads every source. Its error joins those of all sources that could not be read completely, with an
// *UnreadableError for a source that could not be read at all; everything that was read is in use
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
				// The error has been reported; it is not reported again while it lasts.
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

// read reads one source and publishes its entries. The caller holds mu.
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

// publish replaces the current set and reports the change.
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

// same reports whether an entry is unchanged between two reads: templates are compiled again only if their
// file changed, so pointers can be compared.
func same(a, b templates.Entry) bool {
	return identityOf(a) == identityOf(b) && a.Origin == b.Origin &&
		a.Template == b.Template && slices.Equal(a.Findings, b.Findings)
}

// difference compares the entries of two reads of a source.
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
		// One that moved to another file is not removed.
		if e.Name != "" && !defined[identityOf(e)] {
			defined[identityOf(e)] = true
			change.Removed = append(change.Removed, e)
		}
	}
	return change
}
