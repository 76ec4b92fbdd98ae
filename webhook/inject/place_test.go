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

// arrangeSimply is the rule as one would write it down: for each container, look through the
// list for its place, and insert.
func arrangeSimply(list []standing, added []*templates.Container) []string {
	list = slices.Clone(list)
	skip := func(at int, wish string) int {
		for at < len(list) && list[at].added != nil && list[at].wish == wish {
			at++
		}
		return at
	}
	wished := func(position []string) (int, string) {
		for _, wish := range position {
			kind, name, _ := strings.Cut(wish, ":")
			i := slices.IndexFunc(list, func(s standing) bool { return s.name == name })
			switch {
			case kind == "before" && i >= 0:
				return i, wish
			case kind == "after" && i >= 0:
				return skip(i+1, wish), wish
			case kind == "first":
				return skip(0, wish), wish
			case kind == "last":
				return len(list), wish
			}
		}
		at := skip(0, "first")
		for i := range list {
			if list[i].ours || list[i].added != nil && list[i].wish == "" {
				at = i + 1
			}
		}
		return at, ""
	}
	for _, c := range added {
		at, wish := wished(c.Position)
		list = slices.Insert(list, at, standing{name: c.Name, added: c, wish: wish})
	}
	return namesOf(list)
}

func namesOf(list []standing) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.name)
	}
	return out
}

func TestContainersStandWhereASearchForEachWouldPutThem(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 5))
		var list []standing
		var pod []containerView
		ours := names{}
		for i := range r.IntN(4) {
			name := fmt.Sprintf("p%d", i)
			ours[name] = r.IntN(4) == 0
			list, pod = append(list, standing{name: name, ours: ours[name]}), append(pod, containerView{Name: name})
		}
		var added []*templates.Container
		for i := range r.IntN(12) {
			c := &templates.Container{Named: templates.Named{Name: fmt.Sprintf("a%d", i)}}
			for range r.IntN(3) {
				near := fmt.Sprintf("%c%d", "pa"[r.IntN(2)], r.IntN(6))
				c.Position = append(c.Position, []string{"first", "last", "before:" + near, "after:" + near}[r.IntN(4)])
			}
			added = append(added, c)
		}
		if len(added) == 0 {
			continue
		}
		if diff := cmp.Diff(arrangeSimply(list, added), namesOf(arrange(pod, ours, added))); diff != "" {
			t.Fatalf("seed %d: -want +got:\n%s", seed, diff)
		}
	}
}
