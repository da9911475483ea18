//go:build !race

package kustomize_test

const raceDetector = false
