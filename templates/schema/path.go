package schema

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Path is a place within a document, held as a chain to its parents so that a
// walk which finds nothing wrong never builds a string. The nil Path is the root.
type Path struct {
	parent *Path
	name   string
	index  int // of a list item; -1 for a member
}

// Root is the path of one name: "spec".
func Root(name string) *Path { return (*Path)(nil).Member(name) }

// Member is the path of an object's member.
func (p *Path) Member(name string) *Path { return &Path{parent: p, name: name, index: -1} }

// Item is the path of a list's item, from 0.
func (p *Path) Item(index int) *Path { return &Path{parent: p, index: index} }

var plainMember = regexp.MustCompile(`^[$A-Za-z_][A-Za-z0-9_-]*$`)

// String writes the path as spec.containers[0].env[2].value; a member that is no
// plain name stands in brackets, metadata.labels[app.kubernetes.io/name]. The
// root is "".
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
