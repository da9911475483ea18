package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// controlSocket takes one request per connection, a line "stop COMPONENT" or
// "start COMPONENT", and answers with a line "ok" or with an error.
const controlSocket = "control.sock"

// serveControl answers requests, one after the other, until the listener is closed.
func (c *controlPlane) serveControl(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		answer := "ok"
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil {
			err = c.control(ctx, strings.Fields(line))
		}
		if err != nil {
			answer = err.Error()
		}
		_, _ = io.WriteString(conn, answer)
		conn.Close()
	}
}

// control returns when the component has ended, or runs and, in the case of the
// API server, is ready.
func (c *controlPlane) control(ctx context.Context, request []string) error {
	if len(request) != 2 {
		return errors.New("expected: stop COMPONENT or start COMPONENT")
	}
	switch name := request[1]; request[0] {
	case "stop":
		if err := c.stop(ctx, name); err != nil {
			return err
		}
	case "start":
		if err := c.start(ctx, name); err != nil {
			return err
		}
		if name == apiServer {
			limited, cancel := context.WithTimeout(ctx, startLimit)
			defer cancel()
			if err := c.waitAPIServer(limited); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("there is no request %q: expected stop or start", request[0])
	}
	return c.publish(ctx)
}

func runCtl(args []string) error {
	flags, dirFlag := flagSet("ctl")
	dir, err := parse(flags, args, dirFlag)
	if err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return fmt.Errorf("%w: expected stop COMPONENT or start COMPONENT", errUsage)
	}
	if _, err := readReady(dir); err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	conn, err := net.Dial("unix", controlSocket)
	if err != nil {
		return fmt.Errorf("no control plane runs in %s: %w", dir, err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, flags.Arg(0), flags.Arg(1)); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if string(answer) != "ok" {
		return errors.New(string(answer))
	}
	return nil
}
