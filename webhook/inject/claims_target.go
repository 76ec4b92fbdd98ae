package inject

import "github.com/sidecar-injector/sidecar-injector/templates"

// targetClaims holds the claimed items in lists of the app's containers.
type targetClaims struct {
	items []targetClaim
	last  []int32 // by container's number: 1 + its latest item; nil as long as there is no item
	index map[targetKey]int32
}

// targetClaim is one claimed item in a list of an app container.
type targetClaim struct {
	targetKey
	by     string
	item   *templates.Named
	length int   // of a joinItem: the approximate length of the joined value
	before int32 // 1 + the item of the same container before it
	same   int32 // 1 + the item of the same key before it; 0: none, or no index
}

type targetKey struct {
	target int // the container's number
	kind   itemKind
	key    string // cleaned path or name
}

type itemKind string

const (
	mountItem   itemKind = "mount" // devices too
	envItem     itemKind = "env"
	joinItem    itemKind = "joined env" // several claims of one key are not a conflict
	envFromItem itemKind = "envFrom"
)

// few is the number of items up to which there is no index.
const few = 64

func (s *targetClaims) find(key targetKey) *targetClaim {
	switch {
	case s.index != nil:
		if i := s.index[key]; i > 0 {
			return &s.items[i-1]
		}
	case s.last != nil:
		for i := s.last[key.target]; i > 0; i = s.items[i-1].before {
			if s.items[i-1].targetKey == key {
				return &s.items[i-1]
			}
		}
	}
	return nil
}

// add adds a claim, of a key that has none unless it is a joinItem; containers is the number of containers
// of the pod.
func (s *targetClaims) add(c targetClaim, containers int) {
	if s.last == nil {
		s.last = make([]int32, containers)
	}
	c.before, c.same = s.last[c.target], s.index[c.targetKey]
	s.items = append(s.items, c)
	s.last[c.target] = int32(len(s.items))
	switch {
	case s.index != nil:
		s.index[c.targetKey] = int32(len(s.items))
	case len(s.items) > few:
		s.index = make(map[targetKey]int32, 2*len(s.items))
		for i := range s.items {
			s.items[i].same = s.index[s.items[i].targetKey]
			s.index[s.items[i].targetKey] = int32(i + 1)
		}
	}
}

func (s *targetClaims) cut(n int) {
	for i := len(s.items) - 1; i >= n; i-- {
		c := &s.items[i]
		s.last[c.target] = c.before
		if c.same > 0 {
			s.index[c.targetKey] = c.same
		} else {
			delete(s.index, c.targetKey)
		}
	}
	clear(s.items[n:])
	s.items = s.items[:n]
}
