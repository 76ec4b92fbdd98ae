// Package docs holds the tests that keep the documentation true: links that lead
// somewhere, reasons, metrics, flags and templates that exist, none left out.
package docs
