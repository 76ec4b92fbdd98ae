package load

import (
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

var (
	// otherBraces matches what other programs write around the name of a value, around one that only a template has.
	otherBraces = regexp.MustCompile(`(?:\$\(|\{\{-?\s*\.?|\$)((?:params|variables)\.[a-z][A-Za-z0-9]*)(?:\)|\s*-?\}\})?`)
	// helmBraces matches a value that only Helm has.
	helmBraces = regexp.MustCompile(`\{\{-?\s*(?:[a-z]+\s+)?\$?\.(?:Values|Release|Chart)\.[^{}]*\}\}`)
)

// otherBraces warns of a value of a template, or of Helm, in a text without expressions: it is no expression, and
// nobody replaces it.
func (c *compiler) otherBraces(n *yaml.Node, at *schema.Path) {
	if found := otherBraces.FindStringSubmatch(n.Value); found != nil {
		c.report.warn(n, at, templates.BadValue, message.Quote(found[0])+" stands in the pod as it is here: an expression is written ${"+found[1]+"}")
	} else if found := helmBraces.FindString(n.Value); found != "" {
		c.report.warn(n, at, templates.BadValue, message.Quote(found)+" stands in the pod as it is here, for Helm does not read this text: a parameter is read with ${params.NAME}")
	}
}
