// Command holdfast keeps clusters at what Git says, and proves it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/pace"
	_ "github.com/holdfast-dev/holdfast/pace/boot"
	"github.com/holdfast-dev/holdfast/setup"
)

func main() {
	pace.Set(pace.Usual)
	releaseCode()
	if served, err := setup.ServeWorker(os.Args); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(cli.ExitUndecided)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
