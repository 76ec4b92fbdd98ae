package expression

import (
	"cmp"
	"maps"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// Uses says what an expression reads.
type Uses struct {
	// Parameters by name, sorted.
	Parameters []string
	Instance   bool
	Index      bool
	Native     bool
	// AppName: app.name; App: anything else of app.
	AppName, App bool
	// PodName, PodNamespace: those fields of pod.metadata; Pod: anything else of pod.
	PodName, PodNamespace, Pod bool
	// Namespace: anything of namespaceObject.
	Namespace bool
	Cluster   bool
	// Paths is what is read of app, pod and namespaceObject, as far as it can be told
	// without evaluating: a path stands for everything below it. Sorted.
	Paths []Path
}

// Path is a selection from a variable.
type Path struct {
	// Root is app, pod or namespaceObject.
	Root string
	// Fields from the root on; none: all of it.
	Fields []string
}

func comparePaths(a, b Path) int {
	return cmp.Or(cmp.Compare(a.Root, b.Root), slices.Compare(a.Fields, b.Fields))
}

// mergePaths sorts paths and drops repetitions and what lies below another.
func mergePaths(paths ...[]Path) []Path {
	all := slices.Concat(paths...)
	slices.SortFunc(all, comparePaths)
	var kept []Path
	for _, p := range all {
		if n := len(kept); n > 0 && kept[n-1].Root == p.Root && len(kept[n-1].Fields) <= len(p.Fields) &&
			slices.Equal(kept[n-1].Fields, p.Fields[:len(kept[n-1].Fields)]) {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// InstanceOnly reports whether nothing is read but the instance's name, or nothing
// at all: the value is then the same in every pod.
func (u Uses) InstanceOnly() bool {
	return len(u.Parameters) == 0 && !u.Index && !u.Native && !u.AppName && !u.App &&
		!u.PodName && !u.PodNamespace && !u.Pod && !u.Namespace && !u.Cluster
}

// usage collects Uses.
type usage struct {
	Uses
	parameters map[string]bool
}

// note adds a variable and what is selected from it.
func (u *usage) note(root string, fields []string) {
	field := func(i int) string {
		if i < len(fields) {
			return fields[i]
		}
		return ""
	}
	switch root {
	case appVariable, podVariable, namespaceVariable:
		u.Paths = append(u.Paths, Path{Root: root, Fields: slices.Clone(fields)})
	}
	switch root {
	case paramsVariable:
		if len(fields) == 0 {
			return
		}
		if u.parameters == nil {
			u.parameters = map[string]bool{}
		}
		u.parameters[fields[0]] = true
	case instanceVariable:
		u.Instance = true
	case indexVariable:
		u.Index = true
	case nativeVariable:
		u.Native = true
	case appVariable:
		if field(0) == "name" {
			u.AppName = true
		} else {
			u.App = true
		}
	case podVariable:
		switch {
		case field(0) == "metadata" && field(1) == "name":
			u.PodName = true
		case field(0) == "metadata" && field(1) == "namespace":
			u.PodNamespace = true
		default:
			u.Pod = true
		}
	case namespaceVariable:
		u.Namespace = true
	case clusterVariable:
		u.Cluster = true
	}
}

func (u *usage) result() Uses {
	uses := u.Uses
	uses.Parameters = slices.Sorted(maps.Keys(u.parameters))
	uses.Paths = mergePaths(u.Paths)
	return uses
}

// Union is what either reads.
func (u Uses) Union(other Uses) Uses {
	names := map[string]bool{}
	for _, name := range slices.Concat(u.Parameters, other.Parameters) {
		names[name] = true
	}
	return Uses{
		Parameters:   slices.Sorted(maps.Keys(names)),
		Instance:     u.Instance || other.Instance,
		Index:        u.Index || other.Index,
		Native:       u.Native || other.Native,
		AppName:      u.AppName || other.AppName,
		App:          u.App || other.App,
		PodName:      u.PodName || other.PodName,
		PodNamespace: u.PodNamespace || other.PodNamespace,
		Pod:          u.Pod || other.Pod,
		Namespace:    u.Namespace || other.Namespace,
		Cluster:      u.Cluster || other.Cluster,
		Paths:        mergePaths(u.Paths, other.Paths),
	}
}

// Literals gives the texts that stand in the expression's CEL as string literals:
// what it may compare a value with, or make one of. Without order; nil if there are none.
// It parses anew, so it is for checks at load.
func (x *Expression) Literals() []string {
	var found []string
	for i := range x.parts {
		p := x.parts[i].program
		if p == nil {
			continue
		}
		parsed, issues := theLanguage().env.Parse(p.source)
		if issues.Err() != nil {
			continue
		}
		ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
			if e.Kind() != ast.LiteralKind {
				return
			}
			if text, ok := e.AsLiteral().(types.String); ok {
				found = append(found, string(text))
			}
		}))
	}
	return found
}
