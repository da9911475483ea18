// Command demo tells the story of Holdfast on a terminal: it starts a real
// Kubernetes control plane and a Git server on loopback, lets a loop run, and
// does to it what people and attackers do.
//
//	stage  the control plane, the repository with its server, and the loop
//	story  what happens, act by act; each act checks that it really happened
//
// It ends with exit code 0 only if every act did.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func main() {
	flags := flag.NewFlagSet("demo", flag.ExitOnError)
	keep := flags.Bool("keep", false, "leave everything running at the end, until Ctrl-C")
	binary := flags.String("holdfast", "bin/holdfast", "the `program` to show")
	_ = flags.Parse(os.Args[1:]) // exits by itself
	// The helpers of tests ask for the flags of tests.
	testing.Init()
	_ = flag.CommandLine.Parse(nil)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *binary, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, keep bool) (err error) {
	start := time.Now()
	s := newStage(ctx, binary)
	defer s.close()
	defer s.recover(&err)
	s.open()
	for i, act := range story {
		s.title(i+1, act.title)
		act.play(s)
	}
	s.tell("\nAll %d acts happened as told, in %d s.", len(story), int(time.Since(start).Seconds()))
	if keep {
		s.invite()
		<-ctx.Done()
	}
	return nil
}
