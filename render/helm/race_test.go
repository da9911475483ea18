//go:build race

package helm_test

// The race detector needs more memory than the limits under test leave.
const raceDetector = true
