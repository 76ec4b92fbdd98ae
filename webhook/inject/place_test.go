package inject

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// block is a container and those that follow it.
type block struct {
	standing
	followers []*block
}

// find returns the block of a name among a block and its followers, or nil.
func (b *block) find(name string) *block {
	if b.name == name {
		return b
	}
	for _, f := range b.followers {
		if found := f.find(name); found != nil {
			return found
		}
	}
	return nil
}

func (b *block) names() []string {
	names := []string{b.name}
	for _, f := range b.followers {
		names = append(names, f.names()...)
	}
	return names
}

// arrangeSimply is a straightforward implementation of arrange: for each container it searches the list for
// the place and inserts it. Containers that follow another one of their instance are not part of the list.
func arrangeSimply(pod []standing, added []addedContainer) []string {
	var list []*block
	for _, s := range pod {
		list = append(list, &block{standing: s})
	}
	find := func(name string) (int, *block) {
		for i, b := range list {
			if found := b.find(name); found != nil {
				return i, found
			}
		}
		return -1, nil
	}
	skip := func(at int, wish string) int {
		for at < len(list) && list[at].added != nil && list[at].wish == wish {
			at++
		}
		return at
	}
	place := func(c addedContainer) {
		insert := func(at int, wish string) {
			list = slices.Insert(list, at, &block{standing: standing{name: c.Name, added: c.Container, by: c.by, wish: wish}})
		}
		for _, wish := range c.Position {
			kind, name, _ := strings.Cut(wish, ":")
			i, b := find(name)
			switch {
			case kind == "before" && i >= 0:
				insert(i, wish)
				return
			case kind == "after" && i >= 0 && b.by == c.by:
				b.followers = append(b.followers, &block{standing: standing{name: c.Name, added: c.Container, by: c.by}})
				return
			case kind == "after" && i >= 0:
				wish = "after:" + list[i].name
				insert(skip(i+1, wish), wish)
				return
			case kind == "first":
				insert(skip(0, wish), wish)
				return
			case kind == "last":
				insert(len(list), wish)
				return
			}
		}
		at := skip(0, "first")
		for i := range list {
			if list[i].ours || list[i].added != nil && list[i].wish == "" {
				at = i + 1
			}
		}
		insert(at, "")
	}
	for _, c := range added {
		place(c)
	}
	var names []string
	for _, b := range list {
		names = append(names, b.names()...)
	}
	return names
}

func namesOf(list []standing) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.name)
	}
	return out
}

func TestContainersStandWhereASearchForEachWouldPutThem(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 5))
		var list []standing
		var pod []containerView
		ours := names{}
		for i := range r.IntN(4) {
			name := fmt.Sprintf("p%d", i)
			ours[name] = r.IntN(4) == 0
			list, pod = append(list, standing{name: name, ours: ours[name]}), append(pod, containerView{Name: name})
		}
		var added []addedContainer
		by := &candidate{}
		for i := range r.IntN(12) {
			c := &templates.Container{Named: templates.Named{Name: fmt.Sprintf("a%d", i)}}
			if r.IntN(3) == 0 {
				by = &candidate{}
			}
			for range r.IntN(3) {
				near := fmt.Sprintf("p%d", r.IntN(6))
				if i > 0 && r.IntN(2) == 0 { // one that has come before: of its instance or another
					near = fmt.Sprintf("a%d", r.IntN(i))
				}
				c.Position = append(c.Position, []string{"first", "last", "before:" + near, "after:" + near}[r.IntN(4)])
			}
			added = append(added, addedContainer{c, by})
		}
		if len(added) == 0 {
			continue
		}
		if diff := cmp.Diff(arrangeSimply(list, added), namesOf(arrange(pod, ours, added))); diff != "" {
			t.Fatalf("seed %d: -want +got:\n%s", seed, diff)
		}
	}
}

func TestContainerWaitsForTheOneThatItFollows(t *testing.T) {
	a, b := &candidate{}, &candidate{}
	container := func(by *candidate, name string, position ...string) addedContainer {
		return addedContainer{&templates.Container{Named: templates.Named{Name: name}, Position: position}, by}
	}
	for _, c := range []struct {
		promise string
		added   []addedContainer
		want    string
	}{
		{"no other instance comes between", []addedContainer{
			container(a, "init", "first"), container(a, "proxy", "after:init"), container(b, "other", "first"), container(b, "near", "after:init"), container(b, "ahead", "before:proxy"),
		}, "ahead init proxy near other app"},
		{"several keep the template's order", []addedContainer{
			container(a, "one"), container(a, "two", "after:one"), container(a, "three", "after:two"), container(a, "four", "after:one"),
		}, "one two three four app"},
		{"one that comes later in the template", []addedContainer{
			container(a, "proxy", "after:init"), container(a, "log", "after:proxy"), container(a, "init", "first"),
		}, "init proxy log app"},
		{"of each other: whoever can", []addedContainer{
			container(a, "x", "after:y", "last"), container(a, "y", "after:x"),
		}, "y x app"},
		{"itself: the default place", []addedContainer{container(a, "x", "after:x")}, "x app"},
	} {
		got := strings.Join(namesOf(arrange([]containerView{{Name: "app"}}, nil, c.added)), " ")
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.promise, got, c.want)
		}
	}
}
