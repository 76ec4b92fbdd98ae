package check

// Expand is what Kubernetes makes of a text with these variables.
func Expand(text string, values map[string]string) string {
	return variables{values: values}.expand(text)
}
