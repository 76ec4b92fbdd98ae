package check

// Expand exports the expansion of $(NAME).
func Expand(text string, values map[string]string) string {
	return variables{values: values}.expand(text)
}
