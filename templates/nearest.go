package templates

import "github.com/sidecar-injector/sidecar-injector/templates/schema"

// Nearest gives the known name that the given one was probably meant to be; "" if
// none is near, and the first in the order of known of several equally near ones.
func Nearest(name string, known []string) string { return schema.Nearest(name, known) }
