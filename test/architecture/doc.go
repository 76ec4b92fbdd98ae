// Package architecture holds the tests that keep the rooms of this repository
// apart: which room may import which, and what the pure ones never touch. The
// table of rooms in CONTRIBUTING.md says what each of them is for.
package architecture
