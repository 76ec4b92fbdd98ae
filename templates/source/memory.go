package source

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// memory is the state that a source of files keeps between two reads, so that an unchanged file is not
// compiled again and the last good version of a broken one is kept.
type memory struct {
	source string // one of the templates.Source constants
	loader *load.Loader
	files  map[string]remembered
	good   map[identity]*templates.Template
}

// remembered is the result of the last read of a file.
type remembered struct {
	sum [sha256.Size]byte
	// loaded are the entries of the file's content; inForce are the entries in use, with last good versions
	// in place of broken ones.
	loaded, inForce []templates.Entry
}

// identity identifies a template, from read to read and among the custom resources.
type identity struct{ kind, namespace, name string }

func identityOf(e templates.Entry) identity { return identity{e.Kind, e.Namespace, e.Name} }

// file is one file as just read.
type file struct {
	name string
	data []byte
	// unread says that the file exists but could not be read.
	unread bool
}

// update takes all current files, sorted by name, and returns their templates. Files that are not among them
// are forgotten.
func (m *memory) update(files []file) []templates.Entry {
	current := make(map[string]remembered, len(files))
	all := []templates.Entry{}
	for _, f := range files {
		r := m.compile(f)
		current[f.name] = r
		all = append(all, r.loaded...)
	}
	if m.files == nil {
		m.loader.Settle()
	}
	defined := map[identity]bool{}
	for _, e := range all {
		if e.Name != "" {
			defined[identityOf(e)] = true
		}
	}
	for _, f := range files {
		all = append(all, kept(current[f.name].loaded, m.files[f.name].inForce, defined)...)
	}

	all = templates.MarkDuplicates(all)
	good := map[identity]*templates.Template{}
	inForce := map[string][]templates.Entry{}
	for i := range all {
		e := &all[i]
		if e.Broken() && e.Name != "" {
			e.Template = m.good[identityOf(*e)]
		}
		if e.Template != nil {
			good[identityOf(*e)] = e.Template
		}
		inForce[e.Origin.File] = append(inForce[e.Origin.File], *e)
	}
	for name, r := range current {
		r.inForce = inForce[name]
		current[name] = r
	}
	m.files, m.good = current, good
	return all
}

// compile loads a file, unless its content is unchanged since it was last compiled.
func (m *memory) compile(f file) remembered {
	before, known := m.files[f.name]
	if f.unread {
		return before
	}
	sum := sha256.Sum256(f.data)
	if known && before.sum == sum {
		return before
	}
	return remembered{sum: sum, loaded: m.loader.Load(m.source, f.name, f.data)}
}

// kept returns the templates that a file contained before it became unparsable, with the new findings: all
// that no other document defines now.
func kept(loaded, before []templates.Entry, defined map[identity]bool) []templates.Entry {
	unparsed := slices.IndexFunc(loaded, func(e templates.Entry) bool { return e.Name == "" && e.Broken() })
	if unparsed < 0 {
		return nil
	}
	var keep []templates.Entry
	for _, e := range before {
		if e.Name == "" || defined[identityOf(e)] {
			continue
		}
		e.Findings = loaded[unparsed].Findings
		keep = append(keep, e)
	}
	slices.SortFunc(keep, func(a, b templates.Entry) int { return strings.Compare(a.Name, b.Name) })
	return keep
}
