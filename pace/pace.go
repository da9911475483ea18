// Package pace tells the garbage collector how often to run: seldom while little is in
// use, and within a bound where much is.
package pace

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	// A heap grows by percent before it is collected, or until it fills the room; one that
	// is less than little by littlePercent. What a process allocates to get going stays or
	// is followed by its end, so that looking through it sooner is a fifth of the processor
	// time of a short scan. What has more than a little in use will have much more.
	percent       = 100
	littlePercent = 400
	little        = 6 << 20

	// Usual is the room of most work, in bytes, and Wide that of work on which somebody
	// waits and which makes much garbage of little, as verification does.
	Usual = 140 << 20
	Wide  = 260 << 20

	// softLimit is the memory, in bytes, near which garbage is collected more often
	// than usual. That would cost more and more if much more than usualShare of it
	// were in use, so that then there is no such limit. It is well above what a scan of
	// 10,000 manifests has in use: to save a twentieth of its memory takes a sixth of its
	// time.
	softLimit  = 380 << 20
	usualShare = 260 << 20
)

// firstLimit is the limit while no more than half of the room is in use. A process whose heap
// grows fast on a busy machine may be told late of another percentage.
func firstLimit(room int64) int64 { return min(room*9/5, softLimit) }

// Set has garbage collected seldom while there is little of it, and keeps large scans
// within less memory than the usual twice of what they need. It holds for the process.
// A later call gives it another room. The environment variables of Go's runtime go
// before that.
func Set(bytes int64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" || room.Swap(bytes) != 0 {
		return
	}
	p := settingFor(0, bytes)
	debug.SetGCPercent(p.percent)
	debug.SetMemoryLimit(p.limit)
	afterCollection(p)
}

// room is that of the process, as the collector is; 0 if nothing was set.
var room atomic.Int64

// setting is what the collector was told.
type setting struct {
	percent int
	limit   int64
}

func afterCollection(p setting) {
	runtime.AddCleanup(new([16]byte), func(old setting) {
		p := settingFor(inUse(), room.Load())
		if p.percent != old.percent { // both stop everything for a moment
			debug.SetGCPercent(p.percent)
		}
		if p.limit != old.limit {
			debug.SetMemoryLimit(p.limit)
		}
		afterCollection(p)
	}, p)
}

// settingFor returns the setting for so many bytes in use.
func settingFor(live, room int64) setting {
	p := setting{littlePercent, firstLimit(room)}
	if live >= little {
		p.percent = int(max((room-live)*100/live, percent))
	}
	switch {
	case live > usualShare:
		p.limit = math.MaxInt64
	case live > room/2:
		p.limit = softLimit
	}
	return p
}

// inUse returns the bytes that the last collection has found to be in use.
func inUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
