package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/holdfast-dev/holdfast/bundle"
	"github.com/holdfast-dev/holdfast/source"
)

// Media types of manifests.
const (
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// mostManifest is the largest manifest, in bytes, that registries have to take.
const mostManifest = 4 << 20

// manifest is what is read of a manifest.
type manifest struct {
	MediaType string  `json:"mediaType"`
	Layers    []layer `json:"layers"`
}

type layer struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
}

// titleAnnotation is the path of the file that a layer is.
const titleAnnotation = "org.opencontainers.image.title"

// fromRegistry returns the files of an artifact, and the digest of its manifest.
func (s *Store) fromRegistry(ctx context.Context, ref Ref) ([]*source.File, string, error) {
	r := newRegistry(ref, s.DockerConfig)
	content, err := r.get(ctx, "manifests/"+ref.Name, mostManifest, ociManifest, dockerManifest)
	if err != nil {
		return nil, "", err
	}
	digest := digestOf(content)
	if ref.immutable() && digest != ref.Name {
		return nil, "", fmt.Errorf("the registry gave a manifest with the digest %s", digest)
	}
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, "", fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if len(m.Layers) == 0 {
		return nil, "", errors.New("it has no layers: it is no artifact with files, or an index of several")
	}
	in := newFiles()
	for _, one := range m.Layers {
		if err := r.layer(ctx, one, in); err != nil {
			return nil, "", err
		}
	}
	return in.List, digest, nil
}

// layer adds what is in a layer: an archive, or one file with its path.
func (r *registry) layer(ctx context.Context, one layer, in *bundle.Files) error {
	if !digestPattern().MatchString(one.Digest) {
		return fmt.Errorf("its manifest has a layer without a sha256 digest: %q", one.Digest)
	}
	if one.Size < 0 || one.Size > mostBytes {
		return fmt.Errorf("its layer %s is larger than %d MiB", one.Digest, mostBytes>>20)
	}
	content, err := r.get(ctx, "blobs/"+one.Digest, one.Size)
	if err != nil {
		return err
	}
	if got := digestOf(content); got != one.Digest {
		return fmt.Errorf("the registry gave a layer with the digest %s instead of %s", got, one.Digest)
	}
	kind, name := strings.ToLower(one.MediaType), one.Annotations[titleAnnotation]
	switch {
	case strings.Contains(kind, "tar") && strings.HasSuffix(kind, "gzip"):
		if err := in.AddTarGz(bytes.NewReader(content)); err != nil {
			return fmt.Errorf("its layer %s: %w", one.Digest, err)
		}
		return nil
	case strings.HasSuffix(kind, "tar"):
		return in.AddTar(bytes.NewReader(content))
	case name != "":
		return in.Add(name, bytes.NewReader(content))
	}
	return nil // metadata of some tool
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// registry speaks the OCI distribution protocol for one repository.
type registry struct {
	base   *url.URL // of the repository
	scope  string   // that a token is asked for
	login  login
	client *http.Client
	auth   string // header that was accepted last
}

func newRegistry(ref Ref, dockerConfig string) *registry {
	host := ref.Host
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	base := &url.URL{Scheme: "https", Host: host, Path: "/v2/" + ref.Repository + "/"}
	if bundle.Loopback(base.Hostname()) {
		base.Scheme = "http"
	}
	return &registry{
		base: base, scope: "repository:" + ref.Repository + ":pull", login: loginFor(ref.Host, dockerConfig),
		client: &http.Client{CheckRedirect: safeRedirect},
	}
}

// safeRedirect follows redirects to storage, but never from https to anything less.
func safeRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > 5 {
		return errors.New("the registry redirects in circles")
	}
	return checkTransport(r.URL)
}

// checkTransport refuses what others can read or change on the way.
func checkTransport(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && bundle.Loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%s://%s is not an authenticated transport", u.Scheme, u.Host)
}

// get returns what is at a path of the repository: at most so many bytes.
func (r *registry) get(ctx context.Context, path string, most int64, accept ...string) ([]byte, error) {
	at := *r.base
	at.Path += path
	response, err := r.request(ctx, &at, accept)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusUnauthorized && r.auth == "" {
		challenge := response.Header.Get("WWW-Authenticate")
		response.Body.Close()
		if r.auth, err = r.answer(ctx, challenge); err != nil {
			return nil, err
		}
		if response, err = r.request(ctx, &at, accept); err != nil {
			return nil, err
		}
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s has no %s", r.base.Host, path)
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, &LoginError{Host: r.base.Host, Reason: r.login.reason}
	default:
		return nil, fmt.Errorf("%s answers %s", r.base.Host, response.Status)
	}
	return readAll(response.Body, most)
}

func readAll(body io.Reader, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(body, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("the registry gave more than %d bytes", most)
	}
	return content, err
}

func (r *registry) request(ctx context.Context, at *url.URL, accept []string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, one := range accept {
		request.Header.Add("Accept", one)
	}
	if r.auth != "" {
		request.Header.Set("Authorization", r.auth)
	}
	return r.client.Do(request)
}

// answer returns the header that a challenge asks for.
func (r *registry) answer(ctx context.Context, challenge string) (string, error) {
	scheme, rest, _ := strings.Cut(challenge, " ")
	switch strings.ToLower(scheme) {
	case "basic":
		if r.login.user == "" {
			return "", &LoginError{Host: r.base.Host, Reason: r.login.reason}
		}
		return r.login.basic(), nil
	case "bearer":
		return r.token(ctx, parameters(rest))
	}
	return "", &LoginError{Host: r.base.Host, Reason: "it asks for a login in a way that is not known"}
}

// token gets a token, with the login if there is one.
func (r *registry) token(ctx context.Context, challenge map[string]string) (string, error) {
	at, err := url.Parse(challenge["realm"])
	if err != nil || at.Host == "" {
		return "", &LoginError{Host: r.base.Host, Reason: "it does not say where tokens are"}
	}
	if err := checkTransport(at); err != nil {
		return "", err
	}
	query := at.Query()
	query.Set("scope", r.scope)
	if service := challenge["service"]; service != "" {
		query.Set("service", service)
	}
	at.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return "", err
	}
	if r.login.user != "" {
		request.Header.Set("Authorization", r.login.basic())
	}
	response, err := r.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", &LoginError{Host: at.Host, Reason: r.login.reason}
	}
	content, err := readAll(response.Body, 1<<20)
	if err != nil {
		return "", err
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(content, &answer); err != nil || answer.Token+answer.AccessToken == "" {
		return "", &LoginError{Host: at.Host, Reason: "it gives no token"}
	}
	if answer.Token == "" {
		answer.Token = answer.AccessToken
	}
	return "Bearer " + answer.Token, nil
}

// parameters reads key="value" pairs of a challenge.
func parameters(text string) map[string]string {
	found := map[string]string{}
	for text != "" {
		key, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		var value string
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			value, rest, _ = strings.Cut(quoted, `"`)
			_, text, _ = strings.Cut(rest, ",")
		} else {
			value, text, _ = strings.Cut(rest, ",")
		}
		found[strings.ToLower(strings.Trim(key, " ,"))] = value
	}
	return found
}

// LoginError reports a registry that gives nothing without a login, or none with
// the one that there is.
type LoginError struct{ Host, Reason string }

func (e *LoginError) Error() string {
	text := e.Host + " gives nothing without a login"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}
