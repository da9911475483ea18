package main

import (
	"context"
	"path/filepath"
)

// many measures how a scan grows with the number of files, and with processors.
func (b *bench) many(ctx context.Context) error {
	program, err := b.holdfast(ctx)
	if err != nil {
		return err
	}
	few, all := filepath.Join(b.dir, "few"), filepath.Join(b.dir, "many")
	if err := writeManifests(few, b.manifests/10); err != nil {
		return err
	}
	if err := writeManifests(all, b.manifests); err != nil {
		return err
	}
	const rounds = 7 // by turns, since the machine is not equally fast all the time
	asked := [][]string{{few}, {all}, {"--jobs", "1", all}, {"--jobs", "2", all}}
	measured := make([]usage, len(asked))
	for round := range rounds {
		for i, args := range asked {
			u, err := process(ctx, program, scanned, append([]string{"scan", "-q", "--no-cache"}, args...)...)
			if err != nil {
				return err
			}
			least := &measured[i]
			if round == 0 {
				*least = u
			}
			least.elapsed, least.cpu = min(least.elapsed, u.elapsed), min(least.cpu, u.cpu)
			least.peak = max(least.peak, u.peak)
		}
	}
	tenth, whole, one, two := measured[0], measured[1], measured[2], measured[3]
	b.print(number(float64(b.manifests))+" generated manifests of 3 objects, the process from start to end",
		figure{"peak memory", mb(whole.peak), "MB", 400, ""},
		figure{"CPU", whole.cpu.Seconds(), "s", 0, number(float64(b.manifests)/whole.cpu.Seconds()) + " files for each second of it"},
		figure{"CPU for a file, as a multiple of that among a tenth", float64(whole.cpu) / float64(tenth.cpu) / 10, "times", 1.1, number(ms(tenth.cpu)) + " ms for the tenth"},
		figure{"elapsed with two jobs, as a part of that with one", float64(two.elapsed) / float64(one.elapsed), "", 1 / 1.7,
			number(one.elapsed.Seconds()/two.elapsed.Seconds()) + " times as fast"},
	)
	return nil
}
