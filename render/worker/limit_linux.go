package worker

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitProcess bounds the data that the process may map, and forbids it to write
// files and core dumps.
func limitProcess(l Limits) error {
	for _, limit := range []struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_DATA, uint64(l.Memory)},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CORE, 0},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(limit.what, &now); err != nil {
			return fmt.Errorf("reading the limits of the worker: %w", err)
		}
		value := min(limit.value, now.Max)
		if err := unix.Setrlimit(limit.what, &unix.Rlimit{Cur: value, Max: now.Max}); err != nil {
			return fmt.Errorf("setting the limits of the worker: %w", err)
		}
	}
	return nil
}
