// Holdfast-cluster is a real Kubernetes control plane in one binary, for tests
// and for the demo, on a machine that has neither containers nor kubectl.
//
//	up          run etcd, kube-apiserver, kube-controller-manager,
//	            kube-scheduler and kwok, which plays the nodes and their pods
//	ctl         stop and start one component of a control plane that runs
//	kubeconfig  write a kubeconfig for a user of one's own
//	kubectl     the real kubectl, of the same version
//
// The parent process embeds etcd and starts itself again once per component.
// A component knows what it is by the name it was started with (argv[0]), as
// with busybox; so a symbolic link called kubectl is kubectl. All components
// are the real ones: only what a kubelet would do is simulated, by the stages
// in stages.go.
//
// Everything listens on the loopback interface: the API server on one TCP
// port, etcd and the control socket on Unix sockets inside the directory.
// The other components do not listen at all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	_ "time/tzdata" // time zones of CronJobs on machines without tzdata

	"github.com/spf13/pflag"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
)

const usage = `holdfast-cluster runs a real Kubernetes control plane on this machine, for tests and demos.

  holdfast-cluster up --dir DIR [--addr 127.0.0.1] [--port 0] [--nodes 3] [--audit] [--keep-state] [--with-parent]
  holdfast-cluster ctl --dir DIR stop|start COMPONENT
  holdfast-cluster kubeconfig --dir DIR --user NAME [--groups A,B]
  holdfast-cluster kubectl ARGUMENTS...

Exit codes: 0 success, 1 failure, 2 wrong usage.
`

// errUsage marks an error in how the program was called.
var errUsage = errors.New("wrong usage")

// A component dies with the thread that started it (see supervisor.spawn), so
// the main goroutine, which starts them all, stays on the main thread.
func init() { runtime.LockOSThread() }

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if len(args) > 0 && args[0] == "kubectl" {
		name, os.Args = "kubectl", args // user agent and field manager come from os.Args[0]
	}
	switch name {
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kwok":
		exit(runKwok())
	case "kubectl":
		runKubectl()
	default:
		exit(run(args, os.Stdout))
	}
}

func run(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: a command is missing\n\n%s", errUsage, usage)
	}
	switch command, args := args[0], args[1:]; command {
	case "up":
		return runUp(args, stdout)
	case "ctl":
		return runCtl(args)
	case "kubeconfig":
		return runKubeconfig(args, stdout)
	case "help", "-h", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	default:
		return fmt.Errorf("%w: there is no command %q\n\n%s", errUsage, command, usage)
	}
}

func exit(err error) {
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0) // the flag package has printed the help
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "holdfast-cluster:", err)
		os.Exit(1)
	}
}

func runKubectl() {
	_, _ = logs.GlogSetter(cmd.GetLogVerbosity(os.Args)) // before plugins and kuberc are read
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

func runKwok() error {
	// The other components have registered flags that kwok's would clash with.
	pflag.CommandLine = pflag.NewFlagSet("kwok", pflag.ContinueOnError)

	// kwok wants its configuration before its command exists, hence a first,
	// tolerant look at the flags.
	global := pflag.NewFlagSet("global", pflag.ContinueOnError)
	global.ParseErrorsAllowlist.UnknownFlags = true
	global.Usage = func() {}
	ctx, _ := kwoklog.InitFlags(context.Background(), global)
	ctx, err := kwokconfig.InitFlags(ctx, global)
	if err != nil {
		return fmt.Errorf("kwok configuration: %w", err)
	}
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(global)
	return command.ExecuteContext(ctx)
}

// flagSet returns a set of flags with the one that every command has.
func flagSet(command string) (*flag.FlagSet, *string) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	return flags, flags.String("dir", "", "directory of the control plane: state, credentials, logs")
}

// parse reads the flags and returns the absolute path of the directory.
func parse(flags *flag.FlagSet, args []string, dir *string) (string, error) {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return "", err
		}
		return "", fmt.Errorf("%w: %w", errUsage, err)
	}
	if *dir == "" {
		return "", fmt.Errorf("%w: --dir is missing", errUsage)
	}
	return filepath.Abs(*dir)
}
