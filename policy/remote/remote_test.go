package remote_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/remote"
	"github.com/holdfast-dev/holdfast/source"
)

const (
	commit   = "0123456789012345678901234567890123456789"
	digest   = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	somePack = "a: 1\n"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text   string
		pinned bool
		name   string
	}{
		{"git+https://host.example/team/packs.git//kubernetes/base?ref=" + commit, true, "base"},
		{"git+https://host.example/team/packs.git?ref=" + commit, true, "packs"},
		{"git+ssh://git@host.example/packs.git//a?ref=main#" + digest, true, "a"},
		{"git+https://host.example/packs.git?ref=main", false, "packs"},
		{"git+https://host.example/packs.git?ref=" + commit[:12], false, "packs"},
		{"git+http://127.0.0.1:80/packs.git?ref=release%2Fv1", false, "packs"},
		{"oci://registry.example/team/pack@" + digest, true, "pack"},
		{"oci://registry.example:5000/pack:v1", false, "pack"},
		{"oci://registry.example/pack:v1#" + digest, true, "pack"},
	} {
		ref, err := remote.Parse(tt.text)
		if err != nil || ref.String() != tt.text || ref.Pinned() != tt.pinned || ref.PackName() != tt.name {
			t.Errorf("%s: got %s, pinned %v, named %s, %v", tt.text, ref, ref.Pinned(), ref.PackName(), err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ reason, text, want string }{
		{"no reference", "git+https://host.example/packs.git", "needs ?ref="},
		{"another parameter", "git+https://host.example/packs.git?ref=a&depth=1", "takes nothing else"},
		{"a password", "git+https://me:secret@host.example/packs.git?ref=a", "holds a password"},
		{"no encryption", "git+http://host.example/packs.git?ref=a", `not fetched by "http"`},
		{"a program", "git+ext::sh -c true", "cannot be parsed"},
		{"a directory outside", "git+https://host.example/packs.git//../a?ref=a", "not a directory in a repository"},
		{"an absolute directory", "git+https://host.example/packs.git///etc?ref=a", "not a directory in a repository"},
		{"half a digest", "oci://host.example/pack@sha256:12", "no digest behind its @"},
		{"another digest", "oci://host.example/pack:v1#md5:12", "no digest behind its #"},
		{"no registry", "oci://pack@" + digest, "no registry"},
		{"a login", "oci://me:secret@host.example/pack:v1", "no registry"},
		{"no name", "oci://host.example/pack", "no digest"},
		{"a path upwards", "oci://host.example/../pack:v1", "not a repository"},
		{"a query", "oci://host.example/pack:v1?a=b", "not a tag"},
		{"another scheme", "https://host.example/pack", "is fetched from"},
	} {
		_, err := remote.Parse(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.reason, err, tt.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", tt.reason, err)
		}
	}
}

func parse(t *testing.T, text string) remote.Ref {
	t.Helper()
	ref, err := remote.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(files []*source.File) map[string]string {
	out := map[string]string{}
	for _, f := range files {
		out[f.Path] = string(f.Content)
	}
	return out
}

var packFiles = map[string]string{"image/tag.yaml": somePack, "pods.rego": "package main\n"}

// gitPack is a repository with a pack below "packs/base".
func gitPack(t *testing.T) (repo *gittest.Repo, id string) {
	repo = gittest.New(t)
	files := map[string]string{"README.md": "no policy", "other.yaml": "b: 2\n", "packs/base/notes.txt": "no policy"}
	for name, content := range packFiles {
		files["packs/base/"+name] = content
	}
	id = repo.Commit("a pack", files)
	return repo, id
}

func TestGit(t *testing.T) {
	repo, id := gitPack(t)
	server := gittest.Serve(t, repo)
	store := &remote.Store{Dir: t.TempDir()}
	ref := parse(t, "git+"+server.URL+"//packs/base?ref="+id)
	files, err := store.Files(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(packFiles, read(files)); diff != "" {
		t.Error(diff)
	}
	// What a branch is now is not what it is tomorrow.
	branch := parse(t, "git+"+server.URL+"//packs/base?ref=main")
	if _, err := store.Files(t.Context(), branch); !errors.As(err, new(*remote.NotPinnedError)) {
		t.Errorf("a branch: %v", err)
	}
	pinned, err := store.Pull(t.Context(), branch)
	want := ref
	want.Digest = policy.Digest(files)
	if err != nil || pinned != want {
		t.Errorf("pulled %s, %v; want %s", pinned, err, want)
	}
	repo.Tag("v1", "HEAD", "one")
	if pinned, err := store.Pull(t.Context(), parse(t, "git+"+server.URL+"//packs/base?ref=v1")); err != nil || pinned != want {
		t.Errorf("pulled a tag as %s, %v; want %s", pinned, err, want)
	}

	// From now on nobody answers.
	server.Stop()
	for _, offline := range []remote.Ref{ref, pinned} {
		if files, err := store.Files(t.Context(), offline); err != nil || cmp.Diff(packFiles, read(files)) != "" {
			t.Errorf("from the cache: %v", err)
		}
	}
	byDigest := branch
	byDigest.Digest = want.Digest
	if _, err := store.Files(t.Context(), byDigest); err != nil {
		t.Errorf("a branch with the digest of what is in the cache: %v", err)
	}
}

func TestGitThatIsNotWhatIsPinned(t *testing.T) {
	repo, id := gitPack(t)
	server := gittest.Serve(t, repo)
	store := &remote.Store{Dir: t.TempDir()}
	for _, tt := range []struct{ reason, text, want string }{
		{"another digest", "?ref=main#" + digest, "it is not the one that was pinned"},
		{"a commit that is not there", "?ref=" + commit, "policy pack"},
		{"a branch that is not there", "?ref=other#" + digest, `no branch and no tag "other"`},
		{"a directory that is not there", "//nowhere?ref=" + id, "nowhere"},
		{"a directory without policies", "//packs/base/none?ref=" + id, "policy pack"},
	} {
		_, err := store.Files(t.Context(), parse(t, "git+"+server.URL+tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.reason, err, tt.want)
		}
	}
	ref := parse(t, "git+"+server.URL+"?ref="+id)
	store.Offline = true
	if _, err := store.Files(t.Context(), ref); err == nil || !strings.Contains(err.Error(), "nothing is fetched") {
		t.Errorf("offline: %v", err)
	}
}

func TestACacheThatWasChangedIsFetchedAgain(t *testing.T) {
	repo, id := gitPack(t)
	store := &remote.Store{Dir: t.TempDir()}
	ref := parse(t, "git+"+repo.FileURL()+"//packs/base?ref="+id)
	if _, err := store.Files(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(store.Dir, "*.tar"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("%v, %v", archives, err)
	}
	content, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(content, []byte("a: 1"), []byte("a: 2"), 1)
	if err := os.WriteFile(archives[0], changed, 0o600); err != nil {
		t.Fatal(err)
	}
	store.Offline = true
	if _, err := store.Files(t.Context(), ref); err == nil {
		t.Error("a changed archive is used")
	}
	store.Offline = false
	if files, err := store.Files(t.Context(), ref); err != nil || cmp.Diff(packFiles, read(files)) != "" {
		t.Errorf("fetched again: %v", err)
	}
}

// tarOf returns an archive of entries, gzipped.
func tarOf(t *testing.T, heads ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, h := range heads {
		content := []byte(packFiles[h.Name])
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type blob struct {
	media, title string
	content      []byte
}

func sha(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// push puts an artifact into a registry, and returns the digest of its manifest.
func push(t *testing.T, server, repository, tag string, layers ...blob) string {
	t.Helper()
	put := func(method, url, media string, content []byte) {
		request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", media)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode >= 300 {
			body, _ := io.ReadAll(response.Body)
			t.Fatalf("%s: %s %s", url, response.Status, body)
		}
	}
	base := server + "/v2/" + repository
	list := []map[string]any{}
	for _, l := range append(layers, blob{"application/json", "", []byte("{}")}) {
		put("POST", base+"/blobs/uploads/?digest="+sha(l.content), "application/octet-stream", l.content)
		list = append(list, map[string]any{"mediaType": l.media, "digest": sha(l.content), "size": len(l.content),
			"annotations": map[string]string{"org.opencontainers.image.title": l.title}})
	}
	media := "application/vnd.oci.image.manifest.v1+json"
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": media, "config": list[len(list)-1], "layers": list[:len(list)-1]})
	if err != nil {
		t.Fatal(err)
	}
	put("PUT", base+"/manifests/"+tag, media, manifest)
	return sha(manifest)
}

func startRegistry(t *testing.T, wrap func(http.Handler) http.Handler) (url, host string) {
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, strings.TrimPrefix(server.URL, "http://")
}

func regular(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}
}

const tarGzip = "application/vnd.oci.image.layer.v1.tar+gzip"

func TestRegistry(t *testing.T) {
	url, host := startRegistry(t, nil)
	archive := push(t, url, "team/pack", "v1", blob{tarGzip, "", tarOf(t, &tar.Header{Typeflag: tar.TypeDir, Name: "image/", Mode: 0o755},
		regular("image/tag.yaml"), regular("pods.rego"), regular("README.md"))})
	files := push(t, url, "team/files", "v1",
		blob{"application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", "pods.rego", []byte(packFiles["pods.rego"])},
		blob{"application/yaml", "image/tag.yaml", []byte(somePack)},
		blob{"application/vnd.cncf.openpolicyagent.manifest.layer.v1+json", "", []byte("{}")})
	store := &remote.Store{Dir: t.TempDir()}
	for _, text := range []string{"oci://" + host + "/team/pack@" + archive, "oci://" + host + "/team/files@" + files} {
		got, err := store.Files(t.Context(), parse(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(packFiles, read(got)); diff != "" {
			t.Error(diff)
		}
	}
	tag := parse(t, "oci://"+host+"/team/pack:v1")
	if _, err := store.Files(t.Context(), tag); !errors.As(err, new(*remote.NotPinnedError)) {
		t.Errorf("a tag: %v", err)
	}
	pinned, err := store.Pull(t.Context(), tag)
	if err != nil || pinned.Name != archive || !pinned.Pinned() {
		t.Errorf("pulled %s, %v", pinned, err)
	}
}

func TestArtifactsThatAreRefused(t *testing.T) {
	url, host := startRegistry(t, nil)
	huge := bytes.Repeat([]byte("a"), 65<<20)
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	w := tar.NewWriter(zip)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "a.yaml", Size: int64(len(huge))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(huge); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		reason string
		layer  blob
		want   string
	}{
		{"a path upwards", blob{tarGzip, "", tarOf(t, regular("../evil.yaml"))}, "is not a path inside of the pack"},
		{"an absolute path", blob{tarGzip, "", tarOf(t, regular("/etc/evil.yaml"))}, "is not a path inside of the pack"},
		{"a path upwards, further in", blob{tarGzip, "", tarOf(t, regular("a/../../evil.yaml"))}, "is not a path inside of the pack"},
		{"a link", blob{tarGzip, "", tarOf(t, &tar.Header{Typeflag: tar.TypeSymlink, Name: "a.yaml", Linkname: "/etc/passwd"})}, "neither a file nor a directory"},
		{"one name twice", blob{tarGzip, "", tarOf(t, regular("pods.rego"), regular("./pods.rego"))}, "is there twice"},
		{"a title that leads upwards", blob{"application/yaml", "../a.yaml", []byte("a")}, "is not a path inside of the pack"},
		{"more than fits", blob{tarGzip, "", bomb.Bytes()}, "larger than 64 MiB"},
		{"no archive", blob{tarGzip, "", []byte("not gzip")}, "gzip"},
		{"nothing in it", blob{tarGzip, "", tarOf(t, regular("README.md"))}, "no YAML file is in it"},
	} {
		name := fmt.Sprintf("pack%d", i)
		manifest := push(t, url, name, "v1", tt.layer)
		_, err := (&remote.Store{Dir: t.TempDir()}).Files(t.Context(), parse(t, "oci://"+host+"/"+name+"@"+manifest))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.reason, err, tt.want)
		}
	}
}

// TestRegistryThatLies has a registry give other content than what is asked for.
func TestRegistryThatLies(t *testing.T) {
	lie := ""
	url, host := startRegistry(t, func(real http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if lie != "" && r.Method == http.MethodGet && strings.Contains(r.URL.Path, lie) {
				_, _ = w.Write([]byte(`{"layers": []}`))
				return
			}
			real.ServeHTTP(w, r)
		})
	})
	manifest := push(t, url, "pack", "v1", blob{tarGzip, "", tarOf(t, regular("pods.rego"))})
	for _, lie = range []string{"/manifests/", "/blobs/"} {
		_, err := (&remote.Store{Dir: t.TempDir()}).Files(t.Context(), parse(t, "oci://"+host+"/pack@"+manifest))
		if err == nil || !strings.Contains(err.Error(), "with the digest") {
			t.Errorf("%s: %v", lie, err)
		}
	}
}

func TestLogin(t *testing.T) {
	const user, password = "ada", "s3cret"
	var challenge, tokens string
	url, host := startRegistry(t, func(real http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u, p, _ := r.BasicAuth()
			known := u == user && p == password
			switch {
			case r.URL.Path == "/token" && known && r.URL.Query().Get("scope") == "repository:pack:pull" && r.URL.Query().Get("service") == "here":
				_, _ = w.Write([]byte(`{"token": "` + tokens + `"}`))
			case r.Method != http.MethodGet || r.URL.Path != "/token" && (known || tokens != "" && r.Header.Get("Authorization") == "Bearer "+tokens):
				real.ServeHTTP(w, r)
			default:
				w.Header().Set("WWW-Authenticate", challenge)
				http.Error(w, "who are you?", http.StatusUnauthorized)
			}
		})
	})
	manifest := push(t, url, "pack", "v1", blob{tarGzip, "", tarOf(t, regular("pods.rego"))})
	ref := parse(t, "oci://"+host+"/pack@"+manifest)
	docker := func(host, text string) string {
		file := filepath.Join(t.TempDir(), "config.json")
		config := `{"auths": {"` + host + `": {"auth": "` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}}}`
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	get := func(config string) error {
		_, err := (&remote.Store{Dir: t.TempDir(), DockerConfig: config}).Files(context.Background(), ref)
		return err
	}
	for _, scheme := range []string{`Basic realm="here"`, `Bearer realm="` + url + `/token",service="here",scope="ignored"`} {
		challenge, tokens = scheme, "t0ken"
		if err := get(docker(host, user+":"+password)); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
		for reason, config := range map[string]string{
			"no login": "", "that of another host": docker("other.example", user+":"+password), "a wrong one": docker(host, user+":guess"),
		} {
			err := get(config)
			if !errors.As(err, new(*remote.LoginError)) {
				t.Errorf("%s, %s: %v", scheme, reason, err)
			} else if strings.Contains(err.Error(), "guess") || strings.Contains(err.Error(), password) {
				t.Errorf("the error tells the password: %v", err)
			}
		}
	}
	challenge = `Bearer realm="http://elsewhere.example/token"`
	if err := get(docker(host, user+":"+password)); err == nil || !strings.Contains(err.Error(), "not an authenticated transport") {
		t.Errorf("tokens without encryption: %v", err)
	}
	helper := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(helper, []byte(`{"credsStore": "desktop"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if challenge = `Basic realm="here"`; !strings.Contains(fmt.Sprint(get(helper)), "helper program") {
		t.Errorf("a helper: %v", get(helper))
	}
}
