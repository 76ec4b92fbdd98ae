// Package architecture holds the tests of this repository's structure: which package may import which, and
// which dependencies the pure packages never have. The table of rooms in CONTRIBUTING.md says what each
// package is for.
package architecture
