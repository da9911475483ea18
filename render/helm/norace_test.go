//go:build !race

package helm_test

const raceDetector = false
