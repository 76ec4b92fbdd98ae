package rawjson

import (
	"errors"
	"fmt"
	"strings"
)

// SyntaxError is JSON that cannot be read on.
type SyntaxError struct {
	// Path of the value from the outermost that was read by Members or Items, such as
	// spec.containers[0].name; "" for that itself. It is fit for a message.
	Path string
	// Offset in bytes from the beginning.
	Offset int
	// Message says what was wanted.
	Message string
}

func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("%s at byte %d", e.Message, e.Offset)
	if e.Path != "" {
		return e.Path + ": " + text
	}
	return text
}

// Within puts a step before the path of a SyntaxError; other errors stay.
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

// longestStep is how much of an unusual name a message repeats, in characters.
const longestStep = 40

// field is a member's name as a step of a path. What is no plain name comes quoted,
// for it may be any text.
func field(name []byte) string {
	for i, b := range name {
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
		if !letter || i >= longestStep {
			return fmt.Sprintf("[%.*q]", longestStep, name)
		}
	}
	return string(name)
}
