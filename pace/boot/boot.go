// Package boot is imported for its effect: that garbage is not collected while the
// packages of a program are initialised. What they allocate stays, nearly all of it, and
// looking through it twice was a quarter of the processor time of a program that only
// tells its version. Go initialises a package as soon as all that it imports is, in the
// order of names, so that this one comes before the larger libraries.
package boot

import (
	"os"
	"runtime/debug"
)

// percent lets a heap grow to 16 MB, as package pace does for what has little in use.
const percent = 400

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
