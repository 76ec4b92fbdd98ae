package check

// Expand is expand.
func Expand(text string, variables map[string]string) string { return expand(text, variables) }
