package rawjson

import (
	"errors"
	"fmt"
	"strings"
)

// SyntaxError reports JSON that is malformed, or of another type than the caller asked for.
type SyntaxError struct {
	// Path of the value, relative to the outermost value that Members or Items read, such as
	// spec.containers[0].name; "" for that value itself. Unusual names in it are quoted and shortened, so
	// that it can be printed.
	Path string
	// Offset in bytes from the beginning.
	Offset int
	// Message says what was expected.
	Message string
}

func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("%s at byte %d", e.Message, e.Offset)
	if e.Path != "" {
		return e.Path + ": " + text
	}
	return text
}

// Within prepends a step to the path of a SyntaxError. It returns other errors unchanged.
func Within(step string, err error) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	placed := *syntax
	if placed.Path != "" && !strings.HasPrefix(placed.Path, "[") {
		step += "."
	}
	placed.Path = step + placed.Path
	return &placed
}

// longestStep is the longest member name, in bytes, that a path repeats in full.
const longestStep = 40

// field returns a member's name as a step of a path. A name that is not made of letters and digits is
// quoted, since it may be any text.
func field(name []byte) string {
	for i, b := range name {
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
		if !letter || i >= longestStep {
			return fmt.Sprintf("[%.*q]", longestStep, name)
		}
	}
	return string(name)
}
