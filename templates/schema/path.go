package schema

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Path is a place within a document, stored as a linked list to its parents, so that a walk that finds no
// faults builds no strings. The nil Path is the root.
type Path struct {
	parent *Path
	name   string
	index  int // of a list item; -1 for a member
}

// Root returns the path of one name: "spec".
func Root(name string) *Path { return (*Path)(nil).Member(name) }

// Member returns the path of an object's member.
func (p *Path) Member(name string) *Path { return &Path{parent: p, name: name, index: -1} }

// Item returns the path of a list's item, counted from 0.
func (p *Path) Item(index int) *Path { return &Path{parent: p, index: index} }

var plainMember = regexp.MustCompile(`^[$A-Za-z_][A-Za-z0-9_-]*$`)

// String returns the path as spec.containers[0].env[2].value; a member whose name has other characters is in
// brackets: metadata.labels[app.kubernetes.io/name]. The root is "".
func (p *Path) String() string {
	var b strings.Builder
	p.write(&b)
	return b.String()
}

func (p *Path) write(b *strings.Builder) {
	if p == nil {
		return
	}
	p.parent.write(b)
	switch {
	case p.index >= 0:
		b.WriteByte('[')
		b.WriteString(strconv.Itoa(p.index))
		b.WriteByte(']')
	case !plainMember.MatchString(p.name):
		b.WriteByte('[')
		b.WriteString(message.Bare(p.name))
		b.WriteByte(']')
	default:
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p.name)
	}
}
