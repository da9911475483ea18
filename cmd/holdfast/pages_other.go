//go:build !linux

package main

// releaseCode does nothing where memory is not known to be mapped as on Linux.
func releaseCode() {}
