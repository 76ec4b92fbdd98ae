package schema

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	// LongestQuantity is the maximum length of a quantity in bytes: the 19 digits of an int64 before and
	// after the point, with room for zeros.
	LongestQuantity = 64
	// largestExponent is the power of ten of the largest suffix, E.
	largestExponent = 18
)

// ParseQuantity is resource.ParseQuantity for untrusted texts. Comparing or printing 1e999999999 expands its
// digits, which practically does not end, so exponents are limited to the range of the suffixes.
func ParseQuantity(text string) (resource.Quantity, error) {
	if len(text) > LongestQuantity {
		return resource.Quantity{}, fmt.Errorf("quantity: %d bytes, more than %d", len(text), LongestQuantity)
	}
	// A suffix such as E or Ei is not followed by digits.
	if at := strings.IndexAny(text, "eE"); at >= 0 && at+1 < len(text) {
		if exponent, err := strconv.ParseInt(text[at+1:], 10, 64); err == nil && (exponent > largestExponent || exponent < -largestExponent) {
			return resource.Quantity{}, fmt.Errorf("quantity: exponent %d, want one from -%d to %d", exponent, largestExponent, largestExponent)
		} else if err != nil && text[at+1:] != "i" {
			return resource.Quantity{}, resource.ErrFormatWrong
		}
	}
	return resource.ParseQuantity(text)
}
