// Package workflows holds the tests of .github/workflows, which nobody can run before
// they are merged: that what they call exists, that the actions are pinned, and that
// no job may do more than it needs.
package workflows
