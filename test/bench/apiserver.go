//go:build linux

package main

func apiServerCommand([]string) error { return nil }
