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
	percent       = 150
	littlePercent = 400
	little        = 6 << 20

	// Above usualShare in use, in bytes, there is no limit: near one, garbage would be
	// collected more and more often. The heap grows by manyPercent instead.
	usualShare  = 260 << 20
	manyPercent = 60
)

// Pace is how much a kind of work may let a heap grow. All are bytes.
type Pace struct {
	room int64 // what a heap may fill before it is collected
	// While not half of the room is in use, the process keeps to the first limit: when a
	// heap grows fast on a busy machine, another percentage may come late.
	first int64
	// The limit from then on.
	most int64
}

var (
	// Usual is the pace of most work. Its limit is well above what a scan of 10,000
	// manifests has in use: to save a twentieth of its memory takes a sixth of its time.
	Usual = Pace{room: 140 << 20, first: 252 << 20, most: 380 << 20}
	// Wide is that of work on which somebody waits and which makes much garbage of
	// little, as verification does.
	Wide = Pace{room: 260 << 20, first: 320 << 20, most: 320 << 20}
)

// Set has garbage collected seldom while there is little of it, and keeps large scans
// within less memory than the usual twice of what they need. It holds for the process.
// A later call gives it another pace. The environment variables of Go's runtime go
// before that.
func Set(pace Pace) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" || current.Swap(&pace) != nil {
		return
	}
	now := pace.settingFor(0)
	debug.SetGCPercent(now.percent)
	debug.SetMemoryLimit(now.limit)
	afterCollection(now)
}

// current is the pace of the process, as the collector is; nil if nothing was set.
var current atomic.Pointer[Pace]

// setting is what the collector was told.
type setting struct {
	percent int
	limit   int64
}

func afterCollection(was setting) {
	runtime.AddCleanup(new([16]byte), func(was setting) {
		now := current.Load().settingFor(inUse())
		if now.percent != was.percent { // both stop everything for a moment
			debug.SetGCPercent(now.percent)
		}
		if now.limit != was.limit {
			debug.SetMemoryLimit(now.limit)
		}
		afterCollection(now)
	}, was)
}

// settingFor returns the setting for so many bytes in use.
func (p *Pace) settingFor(live int64) setting {
	s := setting{littlePercent, p.first}
	if live >= little {
		s.percent = int(max((p.room-live)*100/live, percent))
	}
	switch {
	case live > usualShare:
		s.limit, s.percent = math.MaxInt64, manyPercent
	case live > p.room/2:
		s.limit = p.most
	}
	return s
}

// inUse returns the bytes that the last collection has found to be in use.
func inUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
