package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startLimit is how long a start may take on a busy machine.
const startLimit = 3 * time.Minute

type upOptions struct {
	dir        string // absolute
	ip         net.IP
	port       int // 0: any
	nodes      int
	audit      bool
	keepState  bool
	withParent bool
}

// ready is written to the file of that name, once the control plane can be
// used, and again whenever a component was started or stopped.
type ready struct {
	URL        string            `json:"url"`
	Kubeconfig string            `json:"kubeconfig"` // of the administrator
	Seconds    float64           `json:"seconds"`    // from the start until ready
	PIDs       map[string]int    `json:"pids"`       // etcd is the parent process
	Versions   map[string]string `json:"versions"`
}

func runUp(args []string, stdout io.Writer) error {
	options, err := parseUp(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if options.withParent {
		var closed context.CancelFunc
		ctx, closed = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			closed()
		}()
	}
	return up(ctx, options, stdout)
}

func parseUp(args []string) (upOptions, error) {
	var o upOptions
	flags, dirFlag := flagSet("up")
	addr := flags.String("addr", "127.0.0.1", "loopback address of the API server")
	flags.IntVar(&o.port, "port", 0, "port of the API server; 0 takes a free one")
	flags.IntVar(&o.nodes, "nodes", 3, "number of simulated nodes")
	flags.BoolVar(&o.audit, "audit", false, "record every request in audit.log")
	flags.BoolVar(&o.keepState, "keep-state", false, "go on with the objects, credentials and port of the last run in the directory")
	flags.BoolVar(&o.withParent, "with-parent", false, "end when standard input is closed")
	var err error
	if o.dir, err = parse(flags, args, dirFlag); err != nil {
		return o, err
	}
	if o.ip = net.ParseIP(*addr); o.ip == nil || !o.ip.IsLoopback() {
		return o, fmt.Errorf("%w: --addr %s is not a loopback address, and whoever reaches the API server may try to break it", errUsage, *addr)
	}
	return o, nil
}

// up runs the control plane until the context ends or it fails.
func up(ctx context.Context, o upOptions, stdout io.Writer) error {
	began := time.Now()
	lock, err := enter(&o)
	if err != nil {
		return err
	}
	defer lock.Close()
	port, release, err := reservePort(o.ip, o.port)
	if err != nil {
		return err
	}
	defer release()
	if err := writePKI(o.ip, apiServerURL(o.ip, port)); err != nil {
		return err
	}
	if err := writeConfigs(); err != nil {
		return err
	}
	etcd, err := startEtcd()
	if err != nil {
		return err
	}
	defer etcd.Close()

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s := newSupervisor(components(o.ip, port, o.audit), fail)
	c := &controlPlane{supervisor: s, status: ready{
		URL:        apiServerURL(o.ip, port),
		Kubeconfig: filepath.Join(o.dir, "kubeconfig"),
		Versions:   versions(),
	}}
	s.restarted = func() {
		if err := c.publish(ctx); err != nil {
			fail(err)
		}
	}
	control, err := net.Listen("unix", controlSocket)
	if err != nil {
		return err
	}
	defer control.Close()
	go func() {
		if err := c.boot(ctx, o.nodes, began); err != nil {
			fail(err)
			return
		}
		fmt.Fprintf(stdout, "ready after %.1f s: %s, kubeconfig %s\n", c.status.Seconds, c.status.URL, c.status.Kubeconfig)
		fail(c.serveControl(ctx, control))
	}()
	go func() { fail(fmt.Errorf("etcd: %w", <-etcd.Err())) }()
	s.loop(ctx)
	_ = os.Remove("ready")
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// enter makes the directory the working directory, so that paths can be
// relative: that of a Unix socket may have no more than 107 bytes. It holds a
// lock on the directory, and clears it of the last run.
func enter(o *upOptions) (lock *os.File, err error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chdir(o.dir); err != nil {
		return nil, err
	}
	lock, err = os.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("a control plane runs in %s already: stop it or take another directory", o.dir)
	}
	unix.CloseOnExec(int(lock.Fd()))
	os.Setenv("HOME", o.dir) // components look for files of the user there

	stale := []string{"ready", controlSocket}
	if o.keepState {
		if o.port == 0 {
			o.port = lastPort()
		}
	} else {
		stale = append(stale, "etcd", "pki", "logs", "audit.log", "port")
	}
	for _, name := range stale {
		if err := os.RemoveAll(name); err != nil {
			return nil, err
		}
	}
	return lock, os.MkdirAll("logs", 0o700)
}

// reservePort binds a port without listening on it, for as long as the control
// plane runs. The API server shares it (SO_REUSEPORT); no other program can
// take it, not even while the API server is stopped.
func reservePort(ip net.IP, port int) (int, func(), error) {
	family, addr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.To16())})
	if ip4 := ip.To4(); ip4 != nil {
		family, addr = unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: [4]byte(ip4)}
	}
	if port != 0 { // sharing must not go as far as sharing with another control plane
		probe, err := net.Listen("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(port)))
		if err != nil {
			return 0, nil, err
		}
		probe.Close()
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	release := func() { _ = unix.Close(fd) }
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		release()
		return 0, nil, err
	}
	if err := unix.Bind(fd, addr); err != nil {
		release()
		return 0, nil, fmt.Errorf("port %d of %s: %w", port, ip, err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		release()
		return 0, nil, err
	}
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		port = bound.Port
	case *unix.SockaddrInet6:
		port = bound.Port
	}
	if err := os.WriteFile("port", []byte(strconv.Itoa(port)), 0o600); err != nil {
		release()
		return 0, nil, err
	}
	return port, release, nil
}

// lastPort returns the port of the last run, 0 if there was none.
func lastPort() int {
	data, err := os.ReadFile("port")
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(string(data))
	if err != nil {
		return 0
	}
	return port
}

func writeConfigs() error {
	stages, err := kwokConfig()
	if err != nil {
		return err
	}
	if err := os.WriteFile("stages.yaml", stages, 0o600); err != nil {
		return err
	}
	return os.WriteFile("audit-policy.yaml", []byte(auditPolicy), 0o600)
}

// versions returns those of the main modules that this program consists of.
func versions() map[string]string {
	names := map[string]string{
		"k8s.io/kubernetes":         "kubernetes",
		"go.etcd.io/etcd/server/v3": "etcd",
		"sigs.k8s.io/kwok":          "kwok",
	}
	versions := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	for _, module := range info.Deps {
		if name, ok := names[module.Path]; ok {
			versions[name] = module.Version
		}
	}
	return versions
}

func (r ready) write() error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeSecret("ready", append(data, '\n'))
}

func readReady(dir string) (ready, error) {
	var r ready
	data, err := os.ReadFile(filepath.Join(dir, "ready"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("no control plane is ready in %s: start one with holdfast-cluster up: %w", dir, err)
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}
