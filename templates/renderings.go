package templates

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// A template is rendered for many pods of one workload with equal inputs. Renderings caches results by
// everything that the template's expressions read: the parameters, the instance, and, of app, pod and
// namespace, the bytes of the fields that are read (expression.Uses.Paths). Evaluating the expressions of
// config-sync takes 20 µs or more, a cache hit 1 µs: see BenchmarkRender.

// Renderings is a cache of renderings, shared by all templates of one loader, so that its size, which pods'
// authors influence, is bounded as a whole. The oldest entries are dropped first. It is safe for concurrent
// use and affects only the time of a rendering.
type Renderings struct {
	mutex   sync.Mutex
	entries map[renderingKey]kept
	order   []renderingKey // oldest first from start on
	start   int
	size    int
}

// renderingKey is a hash, because pods' authors choose the content and the length of what it is made from.
type renderingKey [sha256.Size]byte

type kept struct {
	rendered *Rendered
	size     int
}

// Limits of the cache: bytes of JSON, which take about four times as much memory, and number of entries.
const (
	maxRenderings     = 4 << 20
	maxRenderingCount = 4096
)

// NewRenderings returns an empty cache.
func NewRenderings() *Renderings { return &Renderings{entries: map[renderingKey]kept{}} }

func (r *Renderings) get(key renderingKey) *Rendered {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.entries[key].rendered
}

func (r *Renderings) put(key renderingKey, rendered *Rendered) {
	size := rendered.size
	if size > maxRenderings/16 {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.entries[key].rendered != nil {
		return
	}
	r.entries[key] = kept{rendered: rendered, size: size}
	r.order = append(r.order, key)
	r.size += size
	for r.size > maxRenderings || len(r.entries) > maxRenderingCount {
		oldest := r.order[r.start]
		r.size -= r.entries[oldest].size
		delete(r.entries, oldest)
		r.start++
	}
	if r.start > len(r.order)/2 {
		r.order = append([]renderingKey(nil), r.order[r.start:]...)
		r.start = 0
	}
}

// maxPaths is the maximum number of fields of the pod that a cached rendering may depend on: each is looked
// up in the pod's bytes. The largest built-in template reads 5.
const maxPaths = 64

// reusable reports whether looking a rendering up is cheaper than computing it.
func reusable(p *program.Program, targets int) bool {
	paths := 0
	for _, path := range p.Reads.Paths {
		paths++
		if path.Root == "target" {
			paths += targets - 1
		}
	}
	return paths <= maxPaths
}

// key returns the cache key: inputs with equal keys have equal results.
func (t *Template) key(in *Input) renderingKey {
	reads := &t.Program().Reads
	var space [1024]byte
	b := append(space[:0], t.identity[:]...)
	b = appendKey(b, in.Instance)
	b = strconv.AppendBool(b, in.Native)
	if reads.Index {
		b = append(strconv.AppendInt(b, int64(in.Index), 10), ';')
	}
	for _, text := range in.Parameters.texts {
		b = appendKey(b, text)
	}
	if reads.Cluster {
		b = appendTexts(b, in.Cluster)
	}
	if reads.Workload {
		b = appendKey(appendKey(b, in.WorkloadKind), in.WorkloadName)
	}
	for _, path := range reads.Paths {
		b = in.appendPath(b, path)
	}
	return sha256.Sum256(b)
}

// appendPath appends the value at a path, or a mark that there is none.
func (in *Input) appendPath(b []byte, path expression.Path) []byte {
	switch path.Root {
	case "target":
		b = append(strconv.AppendInt(b, int64(len(in.Targets)), 10), ';')
		for _, target := range in.Targets {
			b = appendField(b, target.Raw, path.Fields)
		}
		return b
	case "app":
		if in.App == nil {
			return append(b, '!')
		}
		return appendField(b, in.App.Raw, path.Fields)
	case "pod":
		if in.Pod == nil {
			return append(b, '!')
		}
		if len(path.Fields) < 2 || path.Fields[0] == "metadata" && path.Fields[1] == "name" {
			b = appendKey(b, in.Pod.Name())
		}
		if len(path.Fields) < 2 || path.Fields[0] == "metadata" && path.Fields[1] == "namespace" {
			b = appendKey(b, in.Pod.Namespace())
		}
		return appendField(b, in.Pod.Raw, path.Fields)
	}
	field := ""
	if len(path.Fields) > 1 {
		field = path.Fields[1]
	}
	if field == "" || field == "name" {
		b = appendKey(b, in.NamespaceName)
	}
	if field == "" || field == "labels" {
		b = appendTexts(b, in.NamespaceLabels)
	}
	if field == "" || field == "annotations" {
		b = appendTexts(b, in.NamespaceAnnotations)
	}
	return b
}

// appendField appends the value at a path. If there is none, it appends how far the path exists, because an
// expression may fail on an absent parent but not on an absent field.
func appendField(b []byte, raw func([]string) []byte, fields []string) []byte {
	if value := raw(fields); len(value) > sha256.Size {
		sum := sha256.Sum256(value) // a list of the pod may be long, and the key is hashed in the end
		return append(append(b, '#'), sum[:]...)
	} else if value != nil {
		return appendRaw(b, value)
	}
	b = append(b, '-')
	for i := range fields {
		kind := byte('-')
		if parent := raw(fields[:i]); len(parent) > 0 {
			kind = parent[0]
		}
		b = append(b, kind)
	}
	return b
}

// appendRaw appends JSON, preceded by its length, so that it cannot be confused with an absent value.
func appendRaw(b, raw []byte) []byte {
	b = strconv.AppendInt(b, int64(len(raw)), 10)
	b = append(b, ':')
	return append(b, raw...)
}

// appendTexts appends a map in the order of its keys.
func appendTexts(b []byte, m map[string]string) []byte {
	names := slices.Sorted(maps.Keys(m))
	b = append(strconv.AppendInt(b, int64(len(names)), 10), ';')
	for _, name := range names {
		b = appendKey(appendKey(b, name), m[name])
	}
	return b
}

// appendKey appends a text, preceded by its length, so that different sequences of texts have different
// encodings.
func appendKey(b []byte, text string) []byte {
	return append(append(strconv.AppendInt(b, int64(len(text)), 10), ':'), text...)
}
