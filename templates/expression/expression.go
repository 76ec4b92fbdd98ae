package expression

import (
	"iter"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Expression is a text compiled for the field that receives its value. It is immutable and safe for
// concurrent use.
type Expression struct {
	parts    []part
	want     *schema.Schema // nil accepts every value
	text     bool           // the parts are joined into a string
	optional bool
	uses     Uses
	needs    needs
	output   *cel.Type // type of the single expression that the text consists of, without optional; else nil
}

// part is a literal or, if lookup or program is set, an expression.
type part struct {
	literal string
	offset  int // offset of the expression in the text
	start   int // offset of its first character that is no blank
	lookup  *lookup
	program *program
}

// Compile checks the expressions of a text against the types of the variables and the schema of the field; a
// nil want accepts every value.
//
// The value of a text that consists of one expression keeps its type. In all other texts, and if a string is
// wanted, numbers and booleans are converted to text. A text without expressions is a string. The value of a
// text that consists of one optional may be absent. Of several faults, the first in the text is returned.
func (e *Environment) Compile(text Text, want *schema.Schema) (*Expression, *Error) {
	key := expressionKey{text.key(), want}
	suits := func(x *Expression) bool { return x.needs.suits(e.declared) }
	if x := e.compiler.expressions.find(key, suits); x != nil {
		return x, nil
	}
	x, err := e.compile(text, want)
	if err != nil {
		return nil, err
	}
	x.needs = needed(&x.uses, e.declared)
	return e.compiler.expressions.keep(key, x, suits), nil
}

func (e *Environment) compile(text Text, want *schema.Schema) (*Expression, *Error) {
	x := &Expression{want: want, text: true}
	if want != nil && want.Kind == schema.Any {
		x.want = nil
	}
	_, isWhole := text.whole()
	uses := make([]Uses, 0, len(text.Parts))
	for _, p := range text.Parts {
		if !p.Expression {
			x.parts = append(x.parts, part{literal: p.Text})
			continue
		}
		compiled, output, err := e.part(p)
		if err == nil && !isWhole {
			err = fitsText(output)
		}
		if err != nil {
			err.Offset += p.Offset
			return nil, err
		}
		x.parts = append(x.parts, compiled)
		uses = append(uses, compiled.uses())
		if isWhole {
			x.text = false
			output, x.optional = unwrapOptional(output)
			x.output = output
			if err := fits(output, x.want); err != nil {
				err.Offset = compiled.start
				return nil, err
			}
		}
	}
	x.uses = Union(uses...)
	if x.text {
		if err := fits(cel.StringType, x.want); err != nil {
			err.Message = "text around an expression makes a string, but the place wants " + message.Article(x.want.Type)
			if !structured(x.want) {
				err.Hint = "write all of it as one expression: ${…}"
			}
			if _, constant := text.Constant(); constant {
				err.Message, err.Hint = "want "+message.Article(x.want.Type)+", got a string", ""
			}
			return nil, err
		}
	}
	return x, nil
}

func leadingBlanks(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\r\n")) }

func (e *Environment) part(p Part) (part, *cel.Type, *Error) {
	start := p.Offset + leadingBlanks(p.Text)
	if l := e.lookup(p.Text); l != nil {
		output, err := l.check(e.variable(l.root))
		return part{offset: p.Offset, start: start, lookup: l}, output, err
	}
	compiled, err := e.compiler.program(p.Text, e.declared)
	if err != nil {
		return part{}, nil, err
	}
	return part{offset: p.Offset, start: start, program: compiled}, compiled.output, nil
}

func (p *part) uses() Uses {
	if p.lookup == nil {
		return p.program.uses
	}
	var u usage
	u.note(p.lookup.root, p.lookup.fields)
	return u.result()
}

// programs yields the programs of the expression, with the offset of each in the text.
func (x *Expression) programs() iter.Seq2[*program, int] {
	return func(yield func(*program, int) bool) {
		for i := range x.parts {
			if p := &x.parts[i]; p.program != nil && !yield(p.program, p.offset) {
				return
			}
		}
	}
}

// Uses returns what the expression may read, in all branches.
func (x *Expression) Uses() Uses { return x.uses }

// Source returns the text as written, without the blanks around names and the escapes of ${.
func (x *Expression) Source() string {
	var b strings.Builder
	for i := range x.parts {
		switch p := &x.parts[i]; {
		case p.lookup != nil:
			b.WriteString(opening + strings.Join(append([]string{p.lookup.root}, p.lookup.fields...), ".") + "}")
		case p.program != nil:
			b.WriteString(opening + p.program.source + "}")
		default:
			b.WriteString(p.literal)
		}
	}
	return b.String()
}

// Optional reports whether Evaluate may return an absent value.
func (x *Expression) Optional() bool { return x.optional }

// Evaluate returns the value: string, bool, int64, float64, []any or map[string]any, with elements of those
// types or nil. present is false for an empty optional. The error is always an *Error. The value may share
// memory with the activation and must not be changed.
func (x *Expression) Evaluate(in *Activation, budget *Budget) (value any, present bool, err error) {
	if x.text {
		text, fault := x.join(in, budget)
		if fault != nil {
			return nil, false, fault
		}
		return text, true, nil
	}
	p := &x.parts[0]
	value, present, fault := p.value(in, budget)
	if fault != nil {
		return nil, false, fault
	}
	if !present {
		return nil, false, nil
	}
	if value, fault = convert(value, x.want); fault != nil {
		fault.Offset = p.start
		return nil, false, fault
	}
	return value, true, nil
}

// join concatenates literals and values without creating a $( at a join.
func (x *Expression) join(in *Activation, budget *Budget) (string, *Error) {
	switch len(x.parts) {
	case 0:
		return "", nil
	case 1:
		return x.parts[0].literal, nil
	}
	var stack [128]byte
	text := stack[:0]
	for i := range x.parts {
		p, start := &x.parts[i], len(text)
		if p.lookup == nil && p.program == nil {
			text = append(text, p.literal...)
			if i > 0 && (x.parts[i-1].lookup != nil || x.parts[i-1].program != nil) {
				text = meet(text, start)
			}
			continue
		}
		value, _, err := p.value(in, budget)
		if err != nil {
			return "", err
		}
		if text, err = appendText(text, value); err == nil {
			err = budget.spend(uint64(len(text) / 100))
		}
		if err != nil {
			err.Offset = p.start
			return "", err
		}
		text = meet(text, start)
	}
	return string(text), nil
}

// value evaluates one part. Offsets of the error are within the whole text.
func (p *part) value(in *Activation, budget *Budget) (any, bool, *Error) {
	if p.lookup != nil {
		value, err := p.lookup.value(in, budget)
		if err != nil {
			err.Offset = max(err.Offset+p.offset, p.start)
			return nil, false, err
		}
		return value, true, nil
	}
	in.armsOffset = p.offset
	value, present, err := p.program.run(in, budget)
	if err != nil {
		err.Offset = max(err.Offset+p.offset, p.start)
		return nil, false, err
	}
	return p.program.apart(value, in), present, nil
}

// Type returns the name of the value's type, for messages.
func (x *Expression) Type() string {
	switch {
	case x.output == nil:
		return typeName(cel.StringType)
	case x.optional:
		return "optional " + typeName(x.output)
	}
	return typeName(x.output)
}
