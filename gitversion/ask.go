package gitversion

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
)

// maxRedirects are those that stay at the same host.
const maxRedirects = 3

// Asked is a server that was asked, and how.
type Asked struct {
	*Advertisement
	Name  string // the URL without credentials
	Plain bool   // nothing protects what is sent, and it leaves this machine
}

// Ask asks a server what it is: over http, https, ssh (by the user's ssh, which must
// not need to ask anything) or git. It sends no request for objects, goes to no other
// host, and reads at most 1 MiB.
func Ask(ctx context.Context, raw string) (*Asked, error) {
	if err := git.CheckURL(raw, "https", "http", "ssh", "git"); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" { // user@host:path
		host, path, _ := strings.Cut(raw, ":")
		user, host, _ := strings.Cut(host, "@")
		u = &url.URL{Scheme: "ssh", User: url.User(user), Host: host, Path: "/~/" + path}
	}
	shown := *u
	shown.User = nil
	a := &Asked{Name: strings.Replace(shown.String(), "/~/", "/", 1), Plain: (u.Scheme == "http" || u.Scheme == "git") && !isLoopback(u.Hostname())}
	switch u.Scheme {
	case "ssh":
		a.Advertisement, err = askSSH(ctx, u)
	case "git":
		a.Advertisement, err = askDaemon(ctx, u)
	default:
		a.Advertisement, err = askHTTP(ctx, u)
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("it took too long: %w", ctx.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Name, err)
	}
	return a, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func askHTTP(ctx context.Context, u *url.URL) (*Advertisement, error) {
	at := u.JoinPath("info", "refs")
	at.RawQuery = "service=git-upload-pack"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, errors.New("it cannot be asked for by HTTP")
	}
	req.Header.Set("Git-Protocol", "version=2")
	req.Header.Set("User-Agent", "git/holdfast")
	client := &http.Client{CheckRedirect: sameHost}
	res, err := client.Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // the URL may hold a token
		}
		return nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("it answers %d: give a token that may read, as https://user:token@host/path, or ask over ssh", res.StatusCode)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %d: is there a repository?", res.StatusCode)
	case res.Header.Get("Content-Type") != "application/x-git-upload-pack-advertisement":
		return nil, errors.New("it answers with files or with a page, and not as a server of Git does")
	}
	return ReadAdvertisement(res.Body)
}

// sameHost lets a redirect lead to another path of the host, or from http to https.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case req.URL.Hostname() != first.Hostname(),
		req.URL.Host != first.Host && (first.Scheme != "http" || req.URL.Scheme != "https"),
		first.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("it redirects to %.100q, and is not followed there: ask that one if you trust it", req.URL.Scheme+"://"+req.URL.Host)
	case len(via) > maxRedirects:
		return fmt.Errorf("it redirects more than %d times", maxRedirects)
	}
	return nil
}

func askDaemon(ctx context.Context, u *url.URL) (*Advertisement, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "9418")))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	request := "git-upload-pack " + u.Path + "\x00host=" + u.Host + "\x00\x00version=2\x00"
	if _, err := fmt.Fprintf(conn, "%04x%s", len(request)+4, request); err != nil {
		return nil, err
	}
	server, err := ReadAdvertisement(conn)
	if err == nil {
		_, err = conn.Write([]byte("0000")) // we want nothing
	}
	return server, err
}

// askSSH runs the ssh that Git would run, but for one that the configuration names.
func askSSH(ctx context.Context, u *url.URL) (*Advertisement, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	path := u.Path
	if after, ok := strings.CutPrefix(path, "/~/"); ok {
		path = after // below the user's home
	} else if strings.HasPrefix(path, "/~") {
		path = path[1:]
	}
	args := []string{"-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL", "-o", "ConnectTimeout=10"}
	if port := u.Port(); port != "" {
		args = append(args, "-p", port)
	}
	host := u.Hostname()
	if name := u.User.Username(); name != "" {
		host = name + "@" + host
	}
	args = append(args, host, "git-upload-pack "+shellQuoted(path))
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("GIT_SSH"), "ssh"), args...)
	if command := os.Getenv("GIT_SSH_COMMAND"); command != "" { // as Git runs it
		cmd = exec.CommandContext(ctx, "sh", append([]string{"-c", command + ` "$@"`, command}, args...)...)
	}
	cmd.Env = append(os.Environ(), "GIT_PROTOCOL=version=2")
	cmd.Stdin = strings.NewReader("0000") // we want nothing
	cmd.WaitDelay = time.Second
	said := &firstBytes{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("ssh cannot be run: %w", err)
	}
	server, err := ReadAdvertisement(out)
	cancel()
	if waitErr := cmd.Wait(); err != nil && waitErr != nil && said.Len() > 0 {
		err = fmt.Errorf("ssh says: %s", strings.TrimSpace(said.String()))
	}
	return server, err
}

// shellQuoted writes a path so that the shell of the server takes it as one word.
func shellQuoted(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// firstBytes keeps the first bytes of what a program complains.
type firstBytes struct{ bytes.Buffer }

func (f *firstBytes) Write(p []byte) (int, error) {
	const most = 2000
	f.Buffer.Write(p[:min(len(p), max(0, most-f.Len()))])
	return len(p), nil
}
