package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// A heap that has more in use grows by percent before it is collected; a smaller
	// one by up to maxPercent, as long as it stays below roomy bytes. What a process
	// allocates to get going stays or is followed by its end, so that looking through it
	// sooner is a fifth of the processor time of a short scan.
	percent, maxPercent = 100, 400
	roomy               = 140 << 20

	// softLimit is the memory, in bytes, near which garbage is collected more often
	// than usual. That would cost more and more if much more than usualShare of it
	// were in use, so that then there is no such limit.
	softLimit  = 320 << 20
	usualShare = 260 << 20
)

// paceCollector has garbage collected seldom while there is little of it, and keeps
// large scans within less memory than the usual twice of what they need. The
// environment variables of Go's runtime go before that.
func paceCollector() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	p := pace{maxPercent, softLimit}
	debug.SetGCPercent(p.percent)
	debug.SetMemoryLimit(p.limit)
	afterCollection(p)
}

// pace is what the collector was told.
type pace struct {
	percent int
	limit   int64
}

func afterCollection(p pace) {
	runtime.AddCleanup(new([16]byte), func(old pace) {
		p := paceFor(inUse())
		if p.percent != old.percent { // both stop everything for a moment
			debug.SetGCPercent(p.percent)
		}
		if p.limit != old.limit {
			debug.SetMemoryLimit(p.limit)
		}
		afterCollection(p)
	}, p)
}

// paceFor returns the pace for so many bytes in use.
func paceFor(live int64) pace {
	p := pace{maxPercent, softLimit}
	if live > 0 {
		p.percent = int(min(max((roomy-live)*100/live, percent), maxPercent))
	}
	if live > usualShare {
		p.limit = math.MaxInt64
	}
	return p
}

// inUse returns the bytes that the last collection has found to be in use.
func inUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
