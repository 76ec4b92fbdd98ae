// Package builtin holds the templates that are compiled into the binary. They have the lowest precedence: a
// template of the same name in a directory or in the cluster is used instead.
//
// Each file is one template. The tests beside them check what all of them have in common: a security context
// of their own, a numeric user, resource requests, ports that differ per instance, and no parameter's value
// in a shell command or configuration text.
package builtin

import "embed"

// FS holds one YAML file per template, named after it, in its root.
//
//go:embed *.yaml
var FS embed.FS
