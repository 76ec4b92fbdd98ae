package expression

import (
	"cmp"
	"slices"
)

// Uses says what an expression reads.
type Uses struct {
	// Parameters by name, sorted.
	Parameters []string
	Instance   bool
	Index      bool
	Native     bool
	Cluster    bool
	Workload   bool
	// Variables are the names of the template's own variables that it reads, sorted; what these read in turn
	// is not included.
	Variables []string
	// Target says that it reads the variable target.
	Target bool
	// Each says that it reads the variable each or eachIndex.
	Each bool
	// Paths are the parts of app, target, pod and namespaceObject that are read, as far as that is known
	// without evaluating; a path includes everything below it. Sorted.
	Paths []Path
}

// Path is a selection from a variable.
type Path struct {
	// Root is app, target, pod or namespaceObject.
	Root string
	// Fields are those selected from the root; none means all of it.
	Fields []string
}

func comparePaths(a, b Path) int {
	return cmp.Or(cmp.Compare(a.Root, b.Root), slices.Compare(a.Fields, b.Fields))
}

// mergePaths sorts paths and drops duplicates and those that another one includes.
func mergePaths(all []Path) []Path {
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

// always reports whether the path leads to a value that every rendering has: the name of the app's container,
// the name and namespace of the pod.
func (p Path) always() bool {
	switch p.Root {
	case appVariable, targetVariable:
		return len(p.Fields) > 0 && p.Fields[0] == "name"
	case podVariable:
		return len(p.Fields) > 1 && p.Fields[0] == "metadata" && (p.Fields[1] == "name" || p.Fields[1] == "namespace")
	}
	return false
}

// deep reports whether more of a variable is read than the values that every rendering has.
func (u Uses) deep(root string) bool {
	return slices.ContainsFunc(u.Paths, func(p Path) bool { return p.Root == root && !p.always() })
}

// FromOutside reports whether anything is read besides instance, index and native. What Variables read counts
// only if the caller has added it with Union.
func (u Uses) FromOutside() bool {
	return len(u.Parameters) > 0 || len(u.Paths) > 0 || u.Cluster || u.Workload || u.Each
}

// MayBeAbsent reports whether something is read that a pod, its namespace or the configuration may lack.
func (u Uses) MayBeAbsent() bool {
	return u.Cluster || u.Each || slices.ContainsFunc(u.Paths, func(p Path) bool { return !p.always() })
}

// usage collects Uses, whose lists are neither sorted nor without duplicates until result.
type usage struct{ Uses }

// note adds a variable and the fields selected from it.
func (u *usage) note(root string, fields []string) {
	switch root {
	case paramsVariable:
		u.Parameters = append(u.Parameters, fields[:min(len(fields), 1)]...)
	case variablesVariable:
		u.Variables = append(u.Variables, fields[:min(len(fields), 1)]...)
	case instanceVariable:
		u.Instance = true
	case indexVariable:
		u.Index = true
	case nativeVariable:
		u.Native = true
	case clusterVariable:
		u.Cluster = true
	case workloadVariable:
		u.Workload = true
	case eachVariable, eachIndexVariable:
		u.Each = true
	case appVariable, targetVariable, podVariable, namespaceVariable:
		u.Target = u.Target || root == targetVariable
		u.Paths = append(u.Paths, Path{Root: root, Fields: slices.Clone(fields)})
	}
}

func (u *usage) result() Uses {
	uses := u.Uses
	slices.Sort(uses.Parameters)
	slices.Sort(uses.Variables)
	uses.Parameters, uses.Variables, uses.Paths = slices.Compact(uses.Parameters), slices.Compact(uses.Variables), mergePaths(uses.Paths)
	return uses
}

// Union returns what any of them reads.
func Union(all ...Uses) Uses {
	var sum usage
	for i := range all {
		u := &all[i]
		sum.Parameters = append(sum.Parameters, u.Parameters...)
		sum.Variables = append(sum.Variables, u.Variables...)
		sum.Paths = append(sum.Paths, u.Paths...)
		sum.Instance = sum.Instance || u.Instance
		sum.Index = sum.Index || u.Index
		sum.Native = sum.Native || u.Native
		sum.Cluster = sum.Cluster || u.Cluster
		sum.Workload = sum.Workload || u.Workload
		sum.Target = sum.Target || u.Target
		sum.Each = sum.Each || u.Each
	}
	return sum.result()
}
