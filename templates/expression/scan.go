package expression

// Text is a scalar split into what stands as it is and what is evaluated.
type Text struct {
	// Parts in their order; literals are never empty and never adjacent. An empty text has none.
	Parts []Part
}

// Part is a literal or an expression.
type Part struct {
	// Offset of the first byte in the text; of an expression, that of the byte after "${".
	Offset int
	// Expression says that Text is CEL and stood in ${}.
	Expression bool
	// Text is the literal with $${ made ${, or the expression without its braces.
	Text string
}

// Constant gives the text that has no expression in it.
func (t Text) Constant() (text string, ok bool) {
	switch {
	case len(t.Parts) == 0:
		return "", true
	case len(t.Parts) == 1 && !t.Parts[0].Expression:
		return t.Parts[0].Text, true
	}
	return "", false
}

// Scan splits a text. $${ is a literal ${; every other $ stands for itself.
func Scan(text string) (Text, *Error) {
	return Text{}, nil
}
