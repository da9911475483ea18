//go:build race

package kustomize_test

// The race detector needs more memory than the limits under test leave.
const raceDetector = true
