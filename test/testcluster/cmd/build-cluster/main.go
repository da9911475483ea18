// Build-cluster makes sure that the control plane for tests and for the demo is
// built, and prints the path of the program.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/holdfast-dev/holdfast/test/testcluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	binary, err := testcluster.Binary(ctx, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build-cluster:", err)
		os.Exit(1)
	}
	fmt.Println(binary)
}
