package main

import (
	"runtime"
	"runtime/debug"
)

// earlyPercent lets the heap grow to about 20 MB before it is collected first.
// What a process allocates to get going stays or is followed by its end, so
// that looking through it sooner is a fifth of the processor time of a short
// scan.
const earlyPercent = 400

// collectLate puts the first garbage collection off; later ones are as usual.
func collectLate() {
	usual := debug.SetGCPercent(earlyPercent)
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, usual)
}
