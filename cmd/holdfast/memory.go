package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// earlyPercent lets the heap grow to about 20 MB before it is collected first.
	// What a process allocates to get going stays or is followed by its end, so
	// that looking through it sooner is a fifth of the processor time of a short
	// scan.
	earlyPercent = 400

	// softLimit is the memory, in bytes, near which garbage is collected more often
	// than usual. That would cost more and more if much more than usualShare of it
	// were in use, so that then there is no such limit.
	softLimit  = 320 << 20
	usualShare = 260 << 20
)

// paceCollector puts the first garbage collection off, and has later ones keep
// large scans within less memory than the usual twice of what they need.
func paceCollector() {
	usual := debug.SetGCPercent(earlyPercent)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit)
	}
	afterCollection(func() { debug.SetGCPercent(usual) })
}

func afterCollection(do func()) {
	runtime.AddCleanup(new([16]byte), func(do func()) {
		do()
		afterCollection(moveLimit)
	}, do)
}

func moveLimit() {
	if os.Getenv("GOMEMLIMIT") == "" {
		limit := int64(softLimit)
		if inUse() > usualShare {
			limit = math.MaxInt64
		}
		debug.SetMemoryLimit(limit)
	}
}

// inUse returns the bytes that the last collection has found to be in use.
func inUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
