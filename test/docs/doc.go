// Package docs holds the tests of the documentation: links are valid; reasons, metrics, flags and templates
// that it names exist, and none is missing.
package docs
