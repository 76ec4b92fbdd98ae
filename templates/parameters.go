package templates

// Parameters are the checked values of one template's parameters. Immutable.
type Parameters struct {
	values map[string]any
	texts  []string
	params []*parameter
}

// ParameterFault is one value that a parameter does not take.
type ParameterFault struct {
	// Name of the parameter; Text the value that was given, "" if none was.
	Name, Text string
	// Message is what is wrong, without the name, values quoted and cut: `want integer, got "x"`.
	Message string
	// Fix is what to do about it.
	Fix string
}

// Error is `parameter "NAME": message`.
func (f ParameterFault) Error() string { return "parameter " + Quote(f.Name) + ": " + f.Message }

// Bind checks texts as they stand in annotations and fills in the defaults.
// lookup says which text a parameter was given, if any; it is called once for each
// parameter in the template's order. All faults are returned, in that order; without faults the Parameters are complete.
func (t *Template) Bind(lookup func(name string) (text string, given bool)) (Parameters, []ParameterFault) {
	return Parameters{}, nil
}

// ParameterNames in the template's order. Read-only.
func (t *Template) ParameterNames() []string { return nil }

// Text is the value as an annotation would give it: the given text, or the default; "" if not given.
func (p Parameters) Text(name string) string { return "" }

// Hash is a short hash of all values, defaults included.
func (p Parameters) Hash() string { return "" }

type parameter struct{}
