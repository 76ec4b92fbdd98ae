package inject

import (
	"encoding/json"
	"path"

	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// The look-ups below are needed for each thing that an instance adds. An index is built at the first
// look-up, and only for lists that are long.

// number returns a container's number among all containers of the pod, the regular ones first.
func (p *podView) number(list string, index int) int {
	if list == "initContainers" {
		return len(p.spec.Containers) + index
	}
	return index
}

// count returns the number of containers of the pod, init containers included.
func (p *podView) count() int { return len(p.spec.Containers) + len(p.spec.InitContainers) }

// first returns the lowest i below n whose key is wanted, or -1. A list longer than short is searched by an index,
// which is made at the first look-up.
func first(index *map[string]int, n int, key func(i int) string, wanted string) int {
	if n <= short {
		for i := range n {
			if key(i) == wanted {
				return i
			}
		}
		return -1
	}
	if *index == nil {
		*index = make(map[string]int, n)
		for i := n - 1; i >= 0; i-- {
			(*index)[key(i)] = i
		}
	}
	if i, ok := (*index)[wanted]; ok {
		return i
	}
	return -1
}

// container finds a container by name; list is "initContainers" or "containers", "" if there is none. If
// several have the name, the first init container counts, else the first regular one.
func (p *podView) container(name string) (c *containerView, list string, index int) {
	init, regular := p.spec.InitContainers, p.spec.Containers
	i := first(&p.containersAt, p.count(), func(i int) string {
		if i < len(init) {
			return init[i].Name
		}
		return regular[i-len(init)].Name
	}, name)
	switch {
	case i < 0:
		return nil, "", -1
	case i < len(init):
		return &init[i], "initContainers", i
	}
	return &regular[i-len(init)], "containers", i - len(init)
}

// volume finds a volume by name, the first of several; nil if there is none.
func (p *podView) volume(name string) *volumeView {
	volumes := p.spec.Volumes
	if i := first(&p.volumesAt, len(volumes), func(i int) string { return volumes[i].Name }, name); i >= 0 {
		return &volumes[i]
	}
	return nil
}

// hasItem reports whether a list of the pod has an item, regardless of the order of members.
func (p *podView) hasItem(field string, own []rawValue, canonicalItem string) bool {
	if len(own) == 0 {
		return false
	}
	if p.items == nil {
		p.items = map[string]map[string]bool{}
	}
	if p.items[field] == nil {
		p.items[field] = canonicalSet(own)
	}
	return p.items[field][canonicalItem]
}

func canonicalSet(items []rawValue) map[string]bool {
	set := map[string]bool{} // most items may be equal
	for _, raw := range items {
		set[canonicalJSON(raw)] = true
	}
	return set
}

// canonicalJSON returns a text that is equal for equal JSON values, regardless of the order of members and
// of white space. Malformed JSON is returned unchanged.
func canonicalJSON(raw []byte) string {
	value, err := decodeAny(raw)
	if err != nil {
		return string(raw)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

// containerIndex caches look-ups in one container.
type containerIndex struct {
	envSearches     int
	env             map[string]bool
	variables       map[string]int // see variable: indexes of variableItems
	variableItems   []rawValue
	envFrom         map[string]bool
	mounts, devices map[string]int
}

func (v *containerView) searched() *containerIndex {
	if v.index == nil {
		v.index = &containerIndex{}
	}
	return v.index
}

// envSearches is how many look-ups scan a container's bytes before an index of the names is built, which
// takes as long as several scans.
const envSearches = 8

// hasEnv reports whether the container has an environment variable of that name.
func (v *containerView) hasEnv(variable string) bool {
	if v.env == nil {
		return false
	}
	index := v.searched()
	if index.env == nil && index.envSearches < envSearches {
		index.envSearches++
		found := false
		v.eachEnv(func(raw rawValue) { found = found || rawjson.Is(raw, variable) })
		return found
	}
	if index.env == nil {
		index.env = map[string]bool{}
		v.eachEnv(func(raw rawValue) {
			if name, ok := rawjson.Text(raw); ok {
				index.env[name] = true
			}
		})
	}
	return index.env[variable]
}

// eachEnv calls do for the raw name of each variable.
func (v *containerView) eachEnv(do func(name rawValue)) {
	c := rawjson.New(v.env)
	// decode has read the same bytes without an error.
	_ = c.Items(func() error {
		return c.Members(func(name []byte) error {
			if string(name) != "name" {
				return c.Skip()
			}
			text, err := c.Raw()
			if err == nil {
				do(text)
			}
			return err
		})
	})
}

func (v *containerView) hasEnvFrom(canonicalItem string) bool {
	if len(v.EnvFrom) == 0 {
		return false
	}
	index := v.searched()
	if index.envFrom == nil {
		index.envFrom = canonicalSet(v.EnvFrom)
	}
	return index.envFrom[canonicalItem]
}

// mountAt returns the container's first mount at a cleaned path; nil if there is none.
func (v *containerView) mountAt(cleaned string) *mountView {
	var index *map[string]int
	if len(v.Mounts) > short {
		index = &v.searched().mounts
	}
	if i := first(index, len(v.Mounts), func(i int) string { return path.Clean(v.Mounts[i].Path) }, cleaned); i >= 0 {
		return &v.Mounts[i]
	}
	return nil
}

// deviceAt returns the container's first device at a cleaned path; nil if there is none.
func (v *containerView) deviceAt(cleaned string) *deviceView {
	var index *map[string]int
	if len(v.Devices) > short {
		index = &v.searched().devices
	}
	if i := first(index, len(v.Devices), func(i int) string { return path.Clean(v.Devices[i].Path) }, cleaned); i >= 0 {
		return &v.Devices[i]
	}
	return nil
}

// names is a set of names; nil is empty.
type names map[string]bool

func nameSet(list []string) names {
	set := make(names, len(list))
	for _, name := range list {
		set[name] = true
	}
	return set
}
