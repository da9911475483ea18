package main

import (
	"context"
	"os"
	"path/filepath"
)

// Exit codes of a scan: nothing found, findings, incomplete.
var scanned = []int{0, 1, 2}

// start measures one scan of one small file as a process, and the same program
// when it has nothing to do.
func (b *bench) start(ctx context.Context) error {
	program, err := b.holdfast(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "one", "web.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(oneFile), 0o644); err != nil {
		return err
	}
	var scans, versions []usage
	for range 21 {
		u, err := process(ctx, program, scanned, "scan", "--no-cache", file)
		if err != nil {
			return err
		}
		scans = append(scans, u)
		if u, err = process(ctx, program, []int{0}, "version"); err != nil {
			return err
		}
		versions = append(versions, u)
	}
	scan, version := median(scans), median(versions)
	b.print("One file of 20 lines, the process from start to end",
		figure{"holdfast scan, CPU, median of 21", ms(scan.cpu), "ms", 60, "least " + number(ms(scans[0].cpu))},
		figure{"holdfast scan, peak memory", mb(scan.peak), "MB", 60, ""},
		figure{"holdfast version, CPU, median of 21", ms(version.cpu), "ms", 0, "least " + number(ms(versions[0].cpu))},
		figure{"holdfast version, peak memory", mb(version.peak), "MB", 0, ""},
	)
	return nil
}
