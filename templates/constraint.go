package templates

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// pattern is a regular expression that a whole text must match.
type pattern struct {
	text string
	re   *regexp.Regexp
	size int // of the compiled program, in instructions
}

func newPattern(text string) (*pattern, error) {
	if expression.PatternTooLarge(text) {
		return nil, fmt.Errorf("it may have %d bytes, and be no larger with its repetitions written out than %d characters", expression.LongestPattern, expression.LargestProgram)
	}
	// Compile the pattern alone first, so that one such as `a)(b` is refused.
	if _, err := regexp.Compile(text); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(`^(?:` + text + `)$`)
	return &pattern{text: text, re: re, size: expression.ProgramSize(text)}, err
}

func (p *pattern) matches(text string) bool { return p.re.MatchString(text) }

// bound is a minimum or maximum.
type bound struct {
	kind  v1alpha1.ParameterType
	text  string
	value any
}

// newBound reads a bound written as in an annotation. ok is false for a type without order.
func newBound(kind v1alpha1.ParameterType, text string) (b *bound, ok bool, fault *ParameterFault) {
	if !traitsOf(kind).ordered {
		return nil, false, nil
	}
	value, fault := convert(kind, text)
	if fault != nil {
		return nil, true, fault
	}
	return &bound{kind: kind, text: text, value: value}, true, nil
}

// compare returns a negative number if a checked value is below the bound, 0 if it is equal, a positive
// number if it is above.
func (b *bound) compare(value any, text string) int {
	switch b.kind {
	case v1alpha1.TypeInteger, v1alpha1.TypePort:
		return cmp.Compare(value.(int64), b.value.(int64))
	case v1alpha1.TypeNumber:
		return cmp.Compare(value.(float64), b.value.(float64))
	case v1alpha1.TypeQuantity:
		return quantity(text).Cmp(*quantity(b.text))
	default:
		return cmp.Compare(duration(text), duration(b.text))
	}
}

// Same reports whether two texts are one value of the parameter, such as the quantities 1Gi and 1024Mi.
func (p *Parameter) Same(a, b string) bool {
	first, ordered, fault := newBound(p.Type, a)
	if a == b || !ordered || fault != nil {
		return a == b
	}
	value, fault := convert(p.Type, b)
	return fault == nil && first.compare(value, b) == 0
}

// quantity and duration parse texts that convert has accepted; an invalid text is 0.
func quantity(text string) *resource.Quantity {
	q, _ := schema.ParseQuantity(text)
	return &q
}

func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}
