package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// figure is one measured value. A goal of 0 is none.
type figure struct {
	name  string
	value float64
	unit  string
	goal  float64 // the value should be at most this
	note  string
}

// print prints figures under a title, and notes those that miss their goals.
func (b *bench) print(title string, figures ...figure) {
	fmt.Printf("\n%s\n", title)
	for _, f := range figures {
		goal := ""
		if f.goal != 0 {
			goal = "goal ≤ " + number(f.goal)
			if f.value > f.goal {
				goal += ", missed"
				b.missed = append(b.missed, f.name)
			}
		}
		line := fmt.Sprintf("  %-52s %10s %-8s %-18s %s", f.name, number(f.value), f.unit, goal, f.note)
		fmt.Println(strings.TrimRight(line, " "))
	}
}

// number shows three digits that count.
func number(v float64) string {
	switch {
	case v == float64(int64(v)), v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// usage is what some work took.
type usage struct {
	cpu     time.Duration // user and system
	elapsed time.Duration
	peak    int64 // bytes resident; only of processes
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// own measures work of this process, garbage collection included.
func own(work func() error) (usage, error) {
	runtime.GC()
	start, before := time.Now(), ownCPU()
	err := work()
	return usage{cpu: ownCPU() - before, elapsed: time.Since(start)}, err
}

func ownCPU() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // cannot fail with these arguments
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Work is measured in rounds, and in each of them so many times that it is worth
// comparing.
const (
	rounds = 7
	worth  = 40 * time.Millisecond
)

// lowest measures several pieces of work in turns, and returns the least that
// each took: what else runs on the machine only ever adds.
func lowest(works ...func() error) ([]usage, error) {
	least := make([]usage, len(works))
	for round := range rounds {
		for i, work := range works {
			u, err := repeated(work)
			if err != nil {
				return nil, err
			}
			if round == 0 || u.cpu < least[i].cpu {
				least[i] = u
			}
		}
	}
	return least, nil
}

// repeated returns the mean of work done often enough. Nobody looks at the clock in
// between, which takes as long as small work does.
func repeated(work func() error) (usage, error) {
	for times := 1; ; times *= 2 {
		u, err := own(func() error {
			for range times {
				if err := work(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || u.cpu >= worth {
			return usage{cpu: u.cpu / time.Duration(times), elapsed: u.elapsed / time.Duration(times)}, err
		}
	}
}

// process runs a program that may exit with any of the codes.
func process(ctx context.Context, program string, codes []int, args ...string) (usage, error) {
	return processIn(ctx, place{}, program, codes, args...)
}

// place is where a process runs, and what its environment has besides.
type place struct {
	dir string
	env []string
}

// processIn is process at a place.
func processIn(ctx context.Context, at place, program string, codes []int, args ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = at.dir, append(os.Environ(), at.env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	if !slices.Contains(codes, cmd.ProcessState.ExitCode()) {
		return usage{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return usage{
		cpu:     cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		elapsed: time.Since(start), peak: peak(),
	}, nil
}

// watchPeak looks at a process until it has ended, and then tells its peak. The
// peak that the kernel reports of a child counts the memory of its parent, too,
// which the child shared before it became another program.
func watchPeak(pid int) (peak func() int64) {
	last := make(chan int64)
	go func() {
		most := int64(0)
		for ; ; time.Sleep(500 * time.Microsecond) {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, line, alive := strings.Cut(string(status), "VmHWM:")
			if err != nil || !alive {
				last <- most
				return
			}
			kilobytes, _ := strconv.ParseInt(strings.Fields(line)[0], 10, 64)
			most = kilobytes * 1024
		}
	}()
	return func() int64 { return <-last }
}

// median returns the middle of usages by processor time, and the largest peak.
func median(all []usage) usage {
	slices.SortFunc(all, func(a, b usage) int { return int(a.cpu - b.cpu) })
	m := all[len(all)/2]
	for _, u := range all {
		m.peak = max(m.peak, u.peak)
	}
	return m
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("not in the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// holdfast builds the program as it is released, once, and returns its path.
func (b *bench) holdfast(ctx context.Context) (string, error) {
	program := filepath.Join(b.dir, "holdfast")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/holdfast")
	cmd.Dir, cmd.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}
