package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// part is a benchmark of one package, and the unit of its result that counts.
type part struct {
	name    string // of the figure
	pkg     string
	pattern string // as for go test -bench; also the name in the output, without the processors
	unit    string
	scale   float64 // 0 is 1
	shown   string  // unit of the figure
	times   string  // as for go test -benchtime; "" for as often as takes a second
}

var measured = []part{
	{"YAML to resources with spans", "./resource", "BenchmarkParse/Fast", "MB/s", 0, "MB/s", ""},
	{"YAML to nodes by go.yaml.in/yaml/v3", "./resource", "BenchmarkParse/Nodes", "MB/s", 0, "MB/s", ""},
	{"all policies on a Deployment that passes", "./policy/cel", "BenchmarkEvaluate/sound", "cpu-µs/op", 0, "µs CPU", ""},
	{"all policies on one that fails many, with places", "./policy/cel", "BenchmarkEvaluate/unsound", "cpu-µs/op", 0, "µs CPU", ""},
	{"ledger: a record appended and synced", "./ledger", "BenchmarkAppend", "ns/op", 1e-3, "µs", ""},
	{"git: the directories of 30,000 files", "./git", "BenchmarkTree/first", "ns/op", 1e-6, "ms", ""},
	{"git: what changed in the next commit", "./git", "BenchmarkTree/next", "ns/op", 1e-6, "ms", "20x"}, // what comes before each takes long
}

// parts runs benchmarks of the packages. They use generated input.
func (b *bench) parts(ctx context.Context) error {
	var figures []figure
	for _, p := range measured {
		value, err := b.goBenchmark(ctx, p)
		if err != nil {
			return err
		}
		figures = append(figures, figure{name: p.name, value: value, unit: p.shown})
	}
	b.print("Parts", figures...)
	return nil
}

func (b *bench) goBenchmark(ctx context.Context, p part) (float64, error) {
	anchored := "^" + strings.ReplaceAll(p.pattern, "/", "$/^") + "$"
	args := []string{"test", "-run=^$", "-bench=" + anchored, "-cpu=1"}
	if p.times != "" {
		args = append(args, "-benchtime="+p.times)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, p.pkg)...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "HOLDFAST_CORPORA=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", p.pattern, err, out)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] != p.pattern {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if fields[i+1] != p.unit {
				continue
			}
			value, err := strconv.ParseFloat(fields[i], 64)
			if p.scale != 0 {
				value *= p.scale
			}
			return value, err
		}
	}
	return 0, fmt.Errorf("%s in %s gives no %s:\n%s", p.pattern, p.pkg, p.unit, out)
}
