package modules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/holdfast-dev/holdfast/bundle"
)

// Limits of what servers answer.
const (
	mostAnswer  = 8 << 20   // bytes of JSON
	mostArchive = 128 << 20 // bytes of an archive, compressed
)

// client asks servers. It does not follow redirects to what is not encrypted, and
// tokens go to the host that they are for.
type client struct {
	http   http.Client
	getenv func(string) string
}

func newClient() *client {
	c := &client{getenv: os.Getenv}
	c.http.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("it redirects more than five times")
		}
		return sentTo(to.URL, via[len(via)-1].URL)
	}
	return c
}

// get returns a body of at most so many bytes.
func (c *client) get(ctx context.Context, u *url.URL, most int64) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", "holdfast")
	if token := c.getenv(tokenVariable(u.Host)); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // whose text has no URL
		}
		return nil, nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, nil, fmt.Errorf("%s does not have it", u.Host)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return nil, nil, fmt.Errorf("%s refuses it: set %s to a token", u.Host, tokenVariable(u.Host))
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent:
		return nil, nil, fmt.Errorf("%s answers %s", u.Host, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("the answer has more than %d MiB", most>>20)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	return body, resp.Header, nil
}

// tokenVariable is the environment variable that Terraform reads a host's token from.
func tokenVariable(host string) string {
	host, _, _ = strings.Cut(host, ":")
	return "TF_TOKEN_" + strings.NewReplacer(".", "_", "-", "__").Replace(host)
}

// resolve finds the newest version of a module that a constraint allows, and where
// to get it.
func (c *client) resolve(ctx context.Context, name *registryName, version string) (resolved string, at address, err error) {
	want, err := parseConstraint(version)
	if err != nil {
		return "", at, err
	}
	base, err := c.discover(ctx, name.host)
	if err != nil {
		return "", at, err
	}
	body, _, err := c.get(ctx, base.JoinPath(name.path, "versions"), mostAnswer)
	if err != nil {
		return "", at, err
	}
	var list struct {
		Modules []struct {
			Versions []struct{ Version string }
		}
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Modules) == 0 {
		return "", at, fmt.Errorf("%s gives no list of versions", name.host)
	}
	var versions []string
	for _, v := range list.Modules[0].Versions {
		versions = append(versions, v.Version)
	}
	resolved, ok := want.newest(versions)
	if !ok {
		return "", at, fmt.Errorf("none of its %d versions is %s", len(versions), version)
	}
	at, err = c.download(ctx, base.JoinPath(name.path, url.PathEscape(resolved), "download"))
	return resolved, at, err
}

// discover asks a host where its registry of modules is.
func (c *client) discover(ctx context.Context, host string) (*url.URL, error) {
	root := &url.URL{Scheme: "https", Host: host, Path: "/"}
	if bundle.Loopback(root.Hostname()) {
		root.Scheme = "http"
	}
	body, _, err := c.get(ctx, root.JoinPath(".well-known", "terraform.json"), mostAnswer)
	if err != nil {
		return nil, err
	}
	var services struct {
		Modules string `json:"modules.v1"`
	}
	if err := json.Unmarshal(body, &services); err != nil || services.Modules == "" {
		return nil, fmt.Errorf("%s has no registry of modules", host)
	}
	base, err := root.Parse(services.Modules)
	if err != nil {
		return nil, fmt.Errorf("%s says that its registry is at no URL", host)
	}
	return base, sentTo(base, root)
}

// download asks where a version of a module is.
func (c *client) download(ctx context.Context, u *url.URL) (address, error) {
	body, header, err := c.get(ctx, u, mostAnswer)
	if err != nil {
		return address{}, err
	}
	location := header.Get("X-Terraform-Get")
	if location == "" {
		var answer struct{ Location string }
		if json.Unmarshal(body, &answer) == nil {
			location = answer.Location
		}
	}
	if location == "" {
		return address{}, fmt.Errorf("%s does not say where the module is", u.Host)
	}
	if strings.HasPrefix(location, "/") || strings.HasPrefix(location, "./") || strings.HasPrefix(location, "../") {
		at, err := u.Parse(location)
		if err != nil {
			return address{}, fmt.Errorf("%s says that the module is at no URL", u.Host)
		}
		location = at.String()
	}
	at, err := parse(location)
	if err != nil {
		return at, err
	}
	if at.registry != nil {
		return at, fmt.Errorf("%s says that the module is in a registry", u.Host)
	}
	to, err := url.Parse(at.git + at.archive)
	if err != nil {
		return at, err
	}
	return at, sentTo(to, u)
}

// sentTo refuses a URL that a server sends us to. None but one of this machine may send
// us to this machine.
func sentTo(to, by *url.URL) error {
	if bundle.Loopback(to.Hostname()) && !bundle.Loopback(by.Hostname()) {
		return fmt.Errorf("%s sends us to this machine", by.Host)
	}
	return plain(to, "ssh")
}
