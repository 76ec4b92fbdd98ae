package architecture

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"
)

// maxLines is the maximum number of lines of a Go file: what a reader can keep in mind.
const maxLines = 400

func TestNoFileIsLongerThanAHeadHolds(t *testing.T) {
	for _, f := range readSources(t) {
		if f.lines > maxLines && !f.made {
			t.Errorf("%s has %d lines, more than %d", f.path, f.lines, maxLines)
		}
	}
}

func TestNoPackageActsWhenItIsImported(t *testing.T) {
	for _, f := range readSources(t) {
		for _, d := range f.syntax.Decls {
			if function, ok := d.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" && !f.made {
				t.Errorf("%s: func init", f.at(function))
			}
		}
	}
}

func TestPackageNamesAreNounsOfTheField(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "type", "types", "manager", "pkg", "misc", "base", "internal"}
	for _, f := range readSources(t) {
		for _, folder := range strings.Split(f.room, "/") {
			if slices.Contains(empty, folder) {
				t.Errorf("%s: the folder name %s says nothing", f.path, folder)
			}
		}
	}
}

// TestPureRoomsNeverAskTheClock finds calls of package time that read the clock or wait.
func TestPureRoomsNeverAskTheClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, f := range product(readSources(t)) {
		if !slices.Contains(pure(), f.room) {
			continue
		}
		local := localName(f.syntax, "time")
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clock, s.Sel.Name) {
				if x, ok := s.X.(*ast.Ident); ok && local != "" && x.Name == local {
					t.Errorf("%s: time.%s in a pure room", f.at(s), s.Sel.Name)
				}
			}
			return true
		})
	}
}

// localName is the name by which a file uses an import; "" if it does not.
func localName(syntax *ast.File, imported string) string {
	for _, spec := range syntax.Imports {
		if spec.Path.Value != `"`+imported+`"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// TestPackageVariablesAreNeverAssigned: state that outlives a call belongs to a value with an owner, not to a
// package. (Version and commit in cmd are set by the linker, not by an assignment.)
func TestPackageVariablesAreNeverAssigned(t *testing.T) {
	byRoom := map[string][]file{}
	for _, f := range product(readSources(t)) {
		if !f.made {
			byRoom[f.room] = append(byRoom[f.room], f)
		}
	}
	for room, files := range byRoom {
		var syntax []*ast.File
		for _, f := range files {
			syntax = append(syntax, f.syntax)
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
		config := types.Config{Importer: noImports{}, Error: func(error) {}, FakeImportC: true}
		// The imports are not loaded, so type errors about them are ignored.
		checked, _ := config.Check(room, files[0].set, syntax, info)
		for _, f := range files {
			for _, target := range assigned(f.syntax) {
				name := rootOf(target)
				if name == nil {
					continue
				}
				if v, ok := info.Uses[name].(*types.Var); ok && v.Parent() == checked.Scope() {
					t.Errorf("%s: package variable %s is assigned", f.at(target), name.Name)
				}
			}
		}
	}
}

// noImports returns an empty package for every import.
type noImports struct{}

func (noImports) Import(imported string) (*types.Package, error) {
	p := types.NewPackage(imported, path.Base(imported))
	p.MarkComplete()
	return p, nil
}

// assigned returns the expressions to which a file assigns.
func assigned(syntax *ast.File) []ast.Expr {
	var targets []ast.Expr
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				targets = append(targets, s.Lhs...)
			}
		case *ast.IncDecStmt:
			targets = append(targets, s.X)
		case *ast.RangeStmt:
			if s.Tok == token.ASSIGN {
				targets = append(targets, s.Key, s.Value)
			}
		}
		return true
	})
	return targets
}

// rootOf returns the identifier at the root of an expression such as x.f[i].
func rootOf(e ast.Expr) *ast.Ident {
	switch x := e.(type) {
	case *ast.Ident:
		return x
	case *ast.SelectorExpr:
		return rootOf(x.X)
	case *ast.IndexExpr:
		return rootOf(x.X)
	case *ast.StarExpr:
		return rootOf(x.X)
	case *ast.ParenExpr:
		return rootOf(x.X)
	}
	return nil
}
