package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// supervisor runs the components as children of this process. Its fields
// belong to the goroutine of loop; all others go through call.
type supervisor struct {
	components []component
	running    map[string]*process
	failures   map[string]int // exits that nobody asked for, by component
	calls      chan func()
	fail       context.CancelCauseFunc
	restarted  func() // told when a component runs again that had ended by itself
}

type process struct {
	*exec.Cmd
	done chan struct{} // closed when the process has ended
}

const (
	restartPause = time.Second
	maxFailures  = 5 // then the control plane gives up
)

func newSupervisor(components []component, fail context.CancelCauseFunc) *supervisor {
	return &supervisor{
		components: components,
		running:    map[string]*process{},
		failures:   map[string]int{},
		calls:      make(chan func()),
		fail:       fail,
	}
}

// loop runs calls until the context ends, then kills what runs. It must run on
// the main goroutine: a child dies with the thread that started it, so that it
// cannot outlive this process, and only the main thread lives that long.
func (s *supervisor) loop(ctx context.Context) {
	for {
		select {
		case call := <-s.calls:
			call()
		case <-ctx.Done():
			for _, p := range s.running {
				_ = p.Process.Kill()
			}
			// Nothing is lost by killing them: all state is in etcd.
			for _, p := range s.running {
				for ended := false; !ended; {
					select {
					case <-s.calls: // reports of exits, no longer of interest
					case <-p.done:
						ended = true
					}
				}
			}
			return
		}
	}
}

// call runs f in the loop and returns its error.
func (s *supervisor) call(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case s.calls <- func() { result <- f() }:
		return <-result
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// start runs a component that does not run.
func (s *supervisor) start(ctx context.Context, name string) error {
	return s.call(ctx, func() error { return s.spawn(name) })
}

// stop kills a component, as a crash would, and waits for its end.
func (s *supervisor) stop(ctx context.Context, name string) error {
	var p *process
	err := s.call(ctx, func() error {
		if _, err := s.component(name); err != nil {
			return err
		}
		if p = s.running[name]; p == nil {
			return fmt.Errorf("%s does not run", name)
		}
		delete(s.running, name)
		return p.Process.Kill()
	})
	if err != nil {
		return err
	}
	<-p.done
	return nil
}

func (s *supervisor) component(name string) (component, error) {
	var names []string
	for _, c := range s.components {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return component{}, fmt.Errorf("there is no component %q: choose one of %v", name, names)
}

func (s *supervisor) spawn(name string) error {
	c, err := s.component(name)
	if err != nil {
		return err
	}
	if s.running[name] != nil {
		return fmt.Errorf("%s runs already", name)
	}
	log, err := os.OpenFile(logFile(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", c.args...)
	cmd.Args[0] = name
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // Ctrl-C is for the parent, which stops its children in order
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{Cmd: cmd, done: make(chan struct{})}
	s.running[name] = p
	go func() {
		err := cmd.Wait()
		close(p.done)
		s.calls <- func() { s.exited(name, p, err) }
	}()
	return nil
}

// exited starts a component again that ended without being asked to.
func (s *supervisor) exited(name string, p *process, cause error) {
	if s.running[name] != p {
		return // stopped on request
	}
	delete(s.running, name)
	s.failures[name]++
	if s.failures[name] >= maxFailures {
		s.fail(fmt.Errorf("%s ended %d times, last with: %v\n%s", name, maxFailures, cause, logTail(name)))
		return
	}
	fmt.Fprintf(os.Stderr, "holdfast-cluster: %s ended (%v), see %s; starting it again\n", name, cause, logFile(name))
	time.AfterFunc(restartPause, func() {
		s.calls <- func() {
			if s.running[name] != nil {
				return // started on request meanwhile
			}
			if err := s.spawn(name); err != nil {
				s.fail(err)
			}
			go s.restarted()
		}
	})
}

// pids returns the process of each component that runs. Call it in the loop.
func (s *supervisor) pids() map[string]int {
	pids := map[string]int{}
	for name, p := range s.running {
		pids[name] = p.Process.Pid
	}
	return pids
}

func logFile(name string) string { return "logs/" + name + ".log" }

// logTail returns the last lines of a component's log.
func logTail(name string) string {
	const lines = 15
	data, err := os.ReadFile(logFile(name))
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
