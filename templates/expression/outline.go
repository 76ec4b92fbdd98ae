package expression

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Outline describes an expression's value without evaluating it: the literals that it consists of, and the
// sources of the other parts.
type Outline struct {
	Form OutlineForm
	// Text is the value of a literal.
	Text string
	// Parts are the joined texts, the items or concatenated lists of a list, or the alternatives, depending
	// on Form.
	Parts []Outline
	// Parameters, Variables, Each and Literals are the sources of an unknown value: the names of parameters
	// and variables, whether it reads the element of a $each, and the string literals in its source.
	Parameters, Variables, Literals []string
	Each                            bool
}

// OutlineForm is the kind of an Outline.
type OutlineForm uint8

// The forms of an Outline.
const (
	UnknownOutline OutlineForm = iota
	LiteralOutline
	JoinedOutline // a concatenation of texts
	ListOutline   // a list of items
	ChainOutline  // a concatenation of lists
	EitherOutline // one of several alternatives
)

// Outline returns the outline of the expression. It parses the source again, so it is meant for checks at
// load time.
func (x *Expression) Outline() Outline {
	parts := make([]Outline, len(x.parts))
	for i := range x.parts {
		parts[i] = x.outline(&x.parts[i])
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return Outline{Form: JoinedOutline, Parts: parts}
}

func (x *Expression) outline(p *part) Outline {
	switch {
	case p.lookup != nil:
		return unknown(p.uses(), nil)
	case p.program == nil:
		return Outline{Form: LiteralOutline, Text: p.literal}
	}
	parsed, issues := theLanguage().env.Parse(p.program.source)
	if issues.Err() != nil {
		return unknown(x.uses, nil)
	}
	return outlineOf(parsed.NativeRep().Expr(), &x.uses)
}

func unknown(u Uses, literals []string) Outline {
	return Outline{Parameters: u.Parameters, Variables: u.Variables, Each: u.Each, Literals: literals}
}

// outlineOf returns the outline of a node, following operations that construct texts and lists; all is what
// the whole expression reads.
func outlineOf(e ast.Expr, all *Uses) Outline {
	of := func(form OutlineForm, parts ...ast.Expr) Outline {
		o := Outline{Form: form}
		for _, p := range parts {
			o.Parts = append(o.Parts, outlineOf(p, all))
		}
		return o
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return Outline{Form: LiteralOutline, Text: fmt.Sprint(e.AsLiteral().Value())}
	case ast.ListKind:
		return of(ListOutline, e.AsList().Elements()...)
	case ast.CallKind:
		call := e.AsCall()
		switch args := call.Args(); call.FunctionName() {
		case operators.Conditional:
			return of(EitherOutline, args[1:]...)
		case operators.Add:
			o := of(JoinedOutline, args...)
			if slices.ContainsFunc(o.Parts, Outline.isList) {
				o.Form = ChainOutline
			}
			return o
		case "orValue":
			return of(EitherOutline, call.Target(), args[0])
		case "of", "ofNonZeroValue", "string", "dyn":
			return outlineOf(args[0], all)
		}
	}
	return unknownOf(e, all)
}

// isList reports whether the value is known to be a list.
func (o Outline) isList() bool {
	return o.Form == ListOutline || o.Form == ChainOutline || o.Form == EitherOutline && slices.ContainsFunc(o.Parts, Outline.isList)
}

// unknownOf returns the outline of a value of which only the sources are known.
func unknownOf(e ast.Expr, all *Uses) Outline {
	var u usage
	var literals []string
	bare := 0 // identifiers params and variables that are not the operand of a selection
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			switch name := e.AsIdent(); name {
			case paramsVariable, variablesVariable:
				bare++
			default:
				u.note(name, nil)
			}
		case ast.SelectKind:
			if operand := e.AsSelect().Operand(); operand.Kind() == ast.IdentKind {
				if name := operand.AsIdent(); name == paramsVariable || name == variablesVariable {
					u.note(name, []string{e.AsSelect().FieldName()})
					bare--
				}
			}
		case ast.LiteralKind:
			if text, ok := e.AsLiteral().(types.String); ok {
				literals = append(literals, string(text))
			}
		}
	}))
	if bare > 0 {
		return unknown(*all, literals)
	}
	return unknown(u.result(), literals)
}
