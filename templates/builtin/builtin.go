// Package builtin holds the templates that come with the binary. They are the
// source that every other one may hide: a template of the same name in a directory or in the
// cluster is used instead.
//
// Each file is one template. What they all keep to (a security context of their own, a numeric
// user, requests, ports that differ per instance, no parameter's value in a shell or
// configuration text) is checked by the tests beside them.
package builtin

import "embed"

// FS holds one YAML file per template, named after it, in its root.
//
//go:embed *.yaml
var FS embed.FS
