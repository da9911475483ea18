// Command bench measures what docs/benchmarks.md states, in one run, on input
// that it generates.
//
//	figure    one measured value, with the goal that it should meet
//	usage     processor time (user and system), elapsed time and peak memory
//	section   figures about one subject, printed as soon as they are there
//
// Processor time is what is compared, and where it can be as a ratio of two
// measurements that take turns: other load on the machine then changes little.
// A figure that misses its goal is marked. What must be exact, such as which
// applications a commit renders, is an error if it is not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/pace"
	"github.com/holdfast-dev/holdfast/setup"
)

type bench struct {
	root      string // of the module
	dir       string // for generated files
	corpora   string // directory of directories of manifests; "" for none
	manifests int
	apps      int

	missed []string
}

type section struct {
	name string
	run  func(*bench, context.Context) error
}

var sections = []section{
	{"start", (*bench).start},
	{"scan", (*bench).scan},
	{"warm", (*bench).warm},
	{"staged", (*bench).staged},
	{"terraform", (*bench).terraform},
	{"integrity", (*bench).integrity},
	{"monorepo", (*bench).monorepo},
	{"parts", (*bench).parts},
	{"many", (*bench).many},
}

func main() {
	served, err := setup.ServeWorker(os.Args)
	if !served {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		err = run(ctx)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	b := &bench{corpora: os.Getenv("HOLDFAST_CORPORA")}
	only := flag.String("only", "", "comma-separated `sections`: start, scan, warm, staged, terraform, integrity, monorepo, parts, many")
	strict := flag.Bool("strict", false, "fail if a goal is missed")
	flag.IntVar(&b.manifests, "manifests", 10_000, "`number` of generated manifests")
	flag.IntVar(&b.apps, "apps", 2_000, "`number` of applications in the generated repository")
	flag.Parse()

	if b.root, err = moduleRoot(ctx); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "holdfast-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()

	fmt.Printf("%s %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf(", load %s", strings.Fields(string(load))[0])
	}
	fmt.Println()
	pace.Set(pace.Usual) // garbage is collected as in the program, whatever is measured
	for _, s := range sections {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if len(b.missed) > 0 {
		fmt.Printf("\nMissed: %s.\n", strings.Join(b.missed, "; "))
		if *strict {
			return fmt.Errorf("%d goals were missed", len(b.missed))
		}
	}
	return nil
}
