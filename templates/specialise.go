package templates

import (
	"slices"
	"strconv"
	"sync"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// A template is rendered for many pods with the same parameters: every pod of a
// workload. What depends on nothing else is evaluated once for them and kept: the
// program is specialised. Only expressions that look at the pod, the app or the
// namespace are then left; where there are none, the whole result is kept.

// early says whether an expression reads nothing but what the key of a specialisation holds.
func early(u expression.Uses) bool {
	return !u.App && !u.PodName && !u.Pod && !u.Namespace
}

// specialised is a program for one key.
type specialised struct {
	program *program
	budget  expression.Budget // what specialising has spent
	// rendered is the result, where nothing is left to evaluate.
	rendered *Rendered
}

// maxSpecialised bounds what one template keeps. The oldest go first: with
// that many different parameters in turn, keeping does not pay anyway.
const maxSpecialised = 64

// maxKey is the size of a key in bytes, which pods' authors choose, beyond which nothing is kept.
const maxKey = 4096

// memory keeps specialised programs. It changes nothing but the time that a rendering takes.
type memory struct {
	mutex   sync.Mutex
	entries map[string]*specialised
	keys    []string // in the order in which they came, a ring once it is full
	next    int
}

func (m *memory) get(key []byte) *specialised {
	if key == nil {
		return nil
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.entries[string(key)]
}

func (m *memory) put(key []byte, s *specialised) {
	if key == nil || len(key) > maxKey {
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.entries == nil {
		m.entries = map[string]*specialised{}
	}
	text := string(key)
	if m.entries[text] != nil {
		return
	}
	if len(m.keys) < maxSpecialised {
		m.keys = append(m.keys, text)
	} else {
		delete(m.entries, m.keys[m.next])
		m.keys[m.next] = text
		m.next = (m.next + 1) % maxSpecialised
	}
	m.entries[text] = s
}

// key holds everything that early expressions may read, as far as the template's do;
// nil where it cannot be told.
func (p *program) key(in *Input) []byte {
	b := make([]byte, 0, 256)
	b = appendKey(b, in.Instance)
	b = strconv.AppendBool(b, in.Native)
	if p.reads.Index {
		b = strconv.AppendInt(b, int64(in.Index), 10)
	}
	for _, text := range in.Parameters.texts {
		b = appendKey(b, text)
	}
	if p.reads.AppName {
		name, ok := in.App["name"].(string)
		if !ok && in.App["name"] != nil {
			return nil
		}
		b = appendKey(strconv.AppendBool(b, ok), name)
	}
	if p.reads.PodNamespace && in.Pod != nil {
		b = appendKey(b, in.Pod.Namespace())
	}
	if p.reads.Cluster {
		names := make([]string, 0, len(in.Cluster))
		for name := range in.Cluster {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b = appendKey(appendKey(b, name), in.Cluster[name])
		}
	}
	return b
}

// appendKey writes a text so that no two sequences of texts are written alike.
func appendKey(b []byte, text string) []byte {
	b = strconv.AppendInt(b, int64(len(text)), 10)
	b = append(b, ':')
	return append(b, text...)
}

// specialise gives the program for the inputs of one rendering.
func (p *program) specialise(in *Input) *specialised {
	s := &specialiser{rendering: rendering{program: p, activation: activate(in)}}
	out := &program{file: p.file, reads: p.reads}
	out.pod, _ = s.node(p.pod)
	out.app, _ = s.node(p.app)
	result := &specialised{program: out, budget: s.budget}
	if s.late == 0 {
		r := rendering{program: out, activation: s.activation, budget: s.budget}
		if rendered, err := r.run(); err == nil {
			result.rendered = rendered
		}
	}
	return result
}

// specialiser folds what is early. What fails is left as it is, to fail again when the
// rendering comes to it, if it does.
type specialiser struct {
	rendering
	late int // nodes left
}

// node gives the specialised node; false means that the value is left out.
func (s *specialiser) node(n *node) (*node, bool) {
	if n == nil {
		return nil, true
	}
	if n.when != nil {
		if n.when.late() {
			s.late++
			out := *n
			out.when = nil
			inner, present := s.node(&out)
			if !present {
				return nil, false
			}
			conditional := *inner
			conditional.when = n.when
			return &conditional, true
		}
		keep, present, err := s.evaluate(n.when)
		if err != nil {
			s.late++
			return n, true
		}
		if !present || keep != true {
			return nil, false
		}
	}
	switch n.form {
	case expressionForm:
		return s.expression(n)
	case mappingForm:
		return s.mapping(n)
	case listForm:
		return s.list(n)
	default:
		if n.when == nil && n.container == nil {
			return n, true
		}
		out := *n
		out.when = nil
		out.container = s.positions(n.container)
		return &out, true
	}
}

func (s *specialiser) expression(n *node) (*node, bool) {
	if n.late() {
		s.late++
		return n, true
	}
	value, present, err := s.rendering.expression(n)
	if err != nil {
		s.late++
		return n, true
	}
	return &node{value: value, want: n.want, place: n.place}, present
}

// late says whether an expression must wait for the pod.
func (n *node) late() bool { return n.expression != nil && !early(n.expression.Uses()) }

func (s *specialiser) mapping(n *node) (*node, bool) {
	out := &node{form: mappingForm, want: n.want, place: n.place}
	constant := true
	for _, m := range n.members {
		value, present := s.node(m.value)
		if !present {
			continue
		}
		constant = constant && value.constant()
		out.members = append(out.members, memberNode{name: m.name, key: m.key, value: value})
	}
	if constant {
		s.fold(out)
	}
	out.container = s.positions(n.container)
	return out, true
}

func (s *specialiser) list(n *node) (*node, bool) {
	out := &node{form: listForm, want: n.want, place: n.place, list: n.list}
	constant := n.list == noContainers
	for _, item := range n.items {
		specialised, present := s.node(item)
		if !present {
			continue
		}
		constant = constant && specialised.constant()
		out.items = append(out.items, specialised)
	}
	if len(out.items) == 0 && len(n.items) > 0 {
		return nil, false
	}
	if constant {
		s.fold(out)
	}
	return out, true
}

// fold makes a constant of a mapping or list whose parts are constant.
func (s *specialiser) fold(n *node) {
	value, present, err := s.evaluate(n)
	if err != nil || !present {
		s.late++
		return
	}
	n.form, n.value, n.members, n.items = constantForm, value, nil, nil
}

func (s *specialiser) positions(c *containerNode) *containerNode {
	if c == nil {
		return nil
	}
	out := &containerNode{name: c.name}
	for _, p := range c.position {
		if specialised, present := s.node(p); present {
			out.position = append(out.position, specialised)
		}
	}
	return out
}
