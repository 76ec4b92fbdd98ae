package expression

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// analysis walks a parsed expression before CEL checks its types. It collects what the expression reads,
// reports fields that do not exist (CEL reports them too, but cannot suggest a similar name), and replaces
// the names of parameters and variables by typed names: see typedName.
type analysis struct {
	source    string
	info      *ast.SourceInfo
	variables map[string]*schema.Schema // without params
	declared
	uses usage
	presences
	err *Error // the first
	// starts are the byte offsets of the source's characters, filled when an error has to be placed: each
	// field of an expression may cause one.
	starts []int
}

// known is what analysis knows about a value: its schema, nil if unknown, and, for a variable or a selection
// from one, the variable and the selected fields.
type known struct {
	schema *schema.Schema
	root   string // the variable; "" for any other value
	fields []string
}

// scope holds the variables of comprehensions, innermost first.
type scope struct {
	outer  *scope
	name   string
	schema *schema.Schema
}

func (s *scope) find(name string) (*scope, bool) {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s, true
		}
	}
	return nil, false
}

// visit analyses an expression from which no field is selected.
func (a *analysis) visit(e ast.Expr, in *scope) *schema.Schema {
	k := a.follow(e, in)
	if declares(k.root) && len(k.fields) == 0 {
		what := "parameter"
		if k.root == variablesVariable {
			what = "variable"
		}
		a.fail(a.offset(e), ExpressionType, k.root+" has no value of its own", "name a "+what+": "+exampleField(k.root, k.schema))
	}
	if k.root != "" {
		a.uses.note(k.root, k.fields)
	}
	return k.schema
}

func exampleField(root string, s *schema.Schema) string {
	if s == nil || len(s.Fields) == 0 {
		return root + ".NAME"
	}
	return root + "." + s.Fields[0].Name
}

// follow analyses an expression and returns what is known about its value. The caller notes what is read,
// because it knows whether a field is selected from the value.
func (a *analysis) follow(e ast.Expr, in *scope) known {
	switch e.Kind() {
	case ast.IdentKind:
		return a.ident(e, in)
	case ast.SelectKind:
		return a.selection(e, in)
	case ast.CallKind:
		return a.call(e, in)
	case ast.ComprehensionKind:
		return known{schema: a.comprehension(e, in)}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			a.visit(item, in)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			a.visit(entry.AsMapEntry().Key(), in)
			a.visit(entry.AsMapEntry().Value(), in)
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			a.visit(field.AsStructField().Value(), in)
		}
	case ast.LiteralKind, ast.UnspecifiedExprKind:
	}
	return known{}
}

func (a *analysis) ident(e ast.Expr, in *scope) known {
	name := e.AsIdent()
	if local, ok := in.find(name); ok {
		return known{schema: local.schema}
	}
	// In CEL, a leading dot excludes the variables of comprehensions.
	name = strings.TrimPrefix(name, ".")
	if a.foreign(name) {
		a.fail(a.offset(e), UnknownVariable, "variable "+quote(name)+" is unknown here", "there are "+strings.Join(podVariables(), ", "))
		return known{}
	}
	if name == paramsVariable {
		return known{schema: a.params, root: paramsVariable}
	}
	if name == variablesVariable {
		return known{schema: a.declared.variables, root: variablesVariable}
	}
	if name == targetVariable && !a.target {
		a.fail(a.offset(e), UnknownVariable, "variable "+quote(name)+" is unknown here", "it is there within app only: the container that gets what stands there")
		return known{}
	}
	if name == eachVariable || name == eachIndexVariable {
		return a.element(e, name)
	}
	if s, ok := a.variables[name]; ok {
		return known{schema: s, root: name}
	}
	return known{}
}

// foreign reports whether a name is that of a variable that exists elsewhere, but not here.
func (a *analysis) foreign(name string) bool {
	_, exists := a.variables[name]
	return a.onlyPod && !slices.Contains(podVariables(), name) && (exists || declares(name) || name == eachVariable)
}

// element analyses each or eachIndex; each is replaced by its typed name.
func (a *analysis) element(e ast.Expr, name string) known {
	if a.each == nil {
		a.fail(a.offset(e), UnknownVariable, "variable "+quote(name)+" is unknown", "it is there within an item of a list that has $each")
		return known{}
	}
	if name == eachIndexVariable {
		return known{schema: a.variables[name], root: name}
	}
	e.SetKindCase(ast.NewExprFactory().NewIdent(e.ID(), typedEach(a.each)))
	return known{schema: a.each, root: eachVariable}
}

func (a *analysis) selection(e ast.Expr, in *scope) known {
	sel := e.AsSelect()
	operand := a.follow(sel.Operand(), in)
	field := untypedName(sel.FieldName())
	k := a.member(operand, field, func() int { return a.fieldOffset(e) })
	if declares(operand.root) && len(operand.fields) == 0 && k.schema != nil {
		factory := ast.NewExprFactory()
		typed := typedName(field, k.schema)
		switch {
		case operand.root != paramsVariable:
		case sel.IsTestOnly():
			a.ask(field, a.fieldOffset(e))
		default:
			a.read(field)
		}
		if sel.IsTestOnly() {
			e.SetKindCase(factory.NewPresenceTest(e.ID(), sel.Operand(), typed))
		} else {
			e.SetKindCase(factory.NewSelect(e.ID(), sel.Operand(), typed))
		}
	}
	if sel.IsTestOnly() {
		k.schema = nil
	}
	return k
}

// member returns what is known about a field of a value.
func (a *analysis) member(operand known, field string, offset func() int) known {
	k := known{root: operand.root}
	if k.root != "" {
		k.fields = append(operand.fields[:len(operand.fields):len(operand.fields)], field)
	}
	if operand.schema == nil {
		return k
	}
	s, err := selectField(operand.schema, field)
	if err != nil {
		err.Offset = offset()
		switch last := len(operand.fields); {
		case err.Hint != "" || operand.schema.Kind != schema.String:
		case operand.root == eachVariable:
			err.Hint = "each is the value itself"
		case last > 1 && (operand.fields[last-2] == "labels" || operand.fields[last-2] == "annotations"):
			err.Hint = dottedKey
		}
		a.report(err)
		return k
	}
	k.schema = s
	return k
}

func (a *analysis) call(e ast.Expr, in *scope) known {
	call := e.AsCall()
	args := call.Args()
	switch {
	case call.FunctionName() == operators.OptSelect && len(args) == 2:
		return a.optionalSelection(e, in)
	case (call.FunctionName() == operators.Index || call.FunctionName() == operators.OptIndex) && len(args) == 2:
		a.indexed(args, in)
		operand := a.visit(args[0], in)
		a.visit(args[1], in)
		if operand != nil && (operand.Kind == schema.List || operand.Kind == schema.Map) {
			return known{schema: operand.Elem}
		}
		return known{}
	}
	conditions := a.enter(call)
	weighed := func(argument int, e ast.Expr) *schema.Schema {
		a.conditions += conditions(argument)
		defer func() { a.conditions -= conditions(argument) }()
		return a.visit(e, in)
	}
	var target *schema.Schema
	if call.IsMemberFunction() {
		target = weighed(0, call.Target())
	}
	var first *schema.Schema
	for i, arg := range args {
		s := weighed(i, arg)
		if i == 0 {
			first = s
		}
	}
	a.format(call)
	a.pattern(call)
	switch call.FunctionName() {
	case "orValue", "value", "or", "filter", "sort", "reverse", "distinct", "slice":
		return known{schema: target}
	case "optional.of", "optional.ofNonZeroValue", "of", "ofNonZeroValue":
		return known{schema: first}
	case "first", "last":
		if target != nil && target.Kind == schema.List {
			return known{schema: target.Elem}
		}
	}
	return known{}
}

func (a *analysis) optionalSelection(e ast.Expr, in *scope) known {
	args := e.AsCall().Args()
	operand := a.follow(args[0], in)
	if args[1].Kind() != ast.LiteralKind {
		return known{}
	}
	name, ok := args[1].AsLiteral().(types.String)
	if !ok {
		return known{}
	}
	field := untypedName(string(name))
	k := a.member(operand, field, func() int { return a.offset(args[1]) })
	if declares(operand.root) && len(operand.fields) == 0 && k.schema != nil {
		if operand.root == paramsVariable {
			a.ask(field, a.offset(args[1]))
		}
		// Declared parameters and variables always exist, so params.?x is optional.of(params.x).
		factory := ast.NewExprFactory()
		args[1].SetKindCase(factory.NewSelect(args[1].ID(), args[0], typedName(field, k.schema)))
		e.SetKindCase(factory.NewCall(e.ID(), "optional.of", args[1]))
	}
	return k
}

// format checks a constant format string, whose fault would otherwise show only at evaluation.
func (a *analysis) format(call ast.CallExpr) {
	if call.FunctionName() != "format" || !call.IsMemberFunction() || call.Target().Kind() != ast.LiteralKind {
		return
	}
	if text, ok := call.Target().AsLiteral().(types.String); ok && tooLong(string(text)) >= 0 {
		a.fail(a.offset(call.Target()), ExpressionCost, "the format asks for more than "+strconv.Itoa(mostDigits)+" digits", "")
	}
}

// pattern checks the size of a constant regular expression before CEL's type check compiles it.
func (a *analysis) pattern(call ast.CallExpr) {
	switch call.FunctionName() {
	case "matches", "find", "findAll":
	default:
		return
	}
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if len(args) < 2 || args[1].Kind() != ast.LiteralKind {
		return
	}
	if text, ok := args[1].AsLiteral().(types.String); ok && PatternTooLarge(string(text)) {
		a.fail(a.offset(args[1]), ExpressionCost, "the regular expression is too large", "it is counted with its repetitions written out; make them smaller")
	}
}

func (a *analysis) comprehension(e ast.Expr, in *scope) *schema.Schema {
	over := a.visit(e.AsComprehension().IterRange(), in)
	inOrder(e, over)
	c := e.AsComprehension()
	inside := &scope{outer: in, name: c.AccuVar(), schema: a.visit(c.AccuInit(), in)}
	outside := inside
	var key, elem *schema.Schema
	if over != nil && (over.Kind == schema.List || over.Kind == schema.Map) {
		elem = over.Elem
	}
	if over != nil && over.Kind == schema.Map {
		key = schema.NewScalar(schema.String)
	}
	switch {
	case c.HasIterVar2():
		inside = &scope{outer: inside, name: c.IterVar(), schema: key}
		inside = &scope{outer: inside, name: c.IterVar2(), schema: elem}
	case key != nil:
		inside = &scope{outer: inside, name: c.IterVar(), schema: key}
	default:
		inside = &scope{outer: inside, name: c.IterVar(), schema: elem}
	}
	a.visit(c.LoopCondition(), inside)
	a.visit(c.LoopStep(), inside)
	return a.visit(c.Result(), outside)
}

func (a *analysis) fail(offset int, reason Reason, message, hint string) {
	a.report(&Error{Offset: offset, Reason: reason, Message: message, Hint: hint})
}

// report keeps the error that stands first in the text.
func (a *analysis) report(err *Error) {
	if a.err == nil || err.Offset < a.err.Offset {
		a.err = err
	}
}

// offset returns the byte offset of an expression in the source.
func (a *analysis) offset(e ast.Expr) int {
	r, ok := a.info.GetOffsetRange(e.ID())
	if !ok {
		return 0
	}
	if a.starts == nil {
		a.starts = make([]int, 0, len(a.source)+1)
		for i := range a.source {
			a.starts = append(a.starts, i)
		}
		a.starts = append(a.starts, len(a.source))
	}
	return a.starts[min(max(int(r.Start), 0), len(a.starts)-1)]
}

// fieldOffset returns the byte offset of a selected field's name: CEL records only that of the dot, and for
// has() not even that.
func (a *analysis) fieldOffset(e ast.Expr) int {
	sel := e.AsSelect()
	start := a.offset(e)
	switch operand := sel.Operand(); operand.Kind() {
	case ast.IdentKind:
		start = a.offset(operand) + len(untypedName(operand.AsIdent()))
	case ast.SelectKind:
		start = a.fieldOffset(operand) + len(untypedName(operand.AsSelect().FieldName()))
	}
	start = min(start, len(a.source))
	if i := strings.Index(a.source[start:], untypedName(sel.FieldName())); i >= 0 {
		return start + i
	}
	return start
}

// byteOffset converts a number of characters, in which CEL counts, to bytes.
func byteOffset(source string, characters int) int {
	for i := range source {
		if characters <= 0 {
			return i
		}
		characters--
	}
	return len(source)
}

func quote(text string) string { return message.Brief(text) }
