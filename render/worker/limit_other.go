//go:build !linux

package worker

import (
	"os"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// watched is the memory limit of the process in bytes; zero before the first job.
var watched atomic.Int64

// limitProcess ends the process some time after it has more memory than allowed:
// where the system sets no such limit, this is the nearest.
func limitProcess(l Limits) error {
	if watched.Swap(l.Memory) != 0 {
		return nil
	}
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
		for range time.Tick(10 * time.Millisecond) {
			metrics.Read(sample)
			if sample[0].Value.Uint64() > uint64(watched.Load()) {
				_, _ = os.Stderr.WriteString("fatal error: out of memory\n")
				os.Exit(2)
			}
		}
	}()
	return nil
}
