package modules

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/render"
)

const bucket = "resource \"aws_s3_bucket\" \"b\" {}\n"

// lab is a repository that calls modules, a cache, and servers.
type lab struct {
	*testing.T
	root string
	repo *gittest.Repo
	git  *gittest.Server
	web  *httptest.Server
	host string            // of web
	at   map[string]answer // what it answers, by path
	hits atomic.Int32
}

type answer struct {
	body   []byte
	header map[string]string
	status int
}

func newLab(t *testing.T) *lab {
	l := &lab{T: t, root: t.TempDir(), repo: gittest.New(t), at: map[string]answer{}}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	l.repo.Commit("one", map[string]string{"main.tf": bucket, "modules/net/main.tf": "# net\n" + bucket})
	l.git = gittest.Serve(t, l.repo)
	l.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.hits.Add(1)
		a, ok := l.at[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		_, _ = w.Write(a.body)
	}))
	t.Cleanup(l.web.Close)
	l.host = strings.TrimPrefix(l.web.URL, "http://")
	return l
}

func (l *lab) open(update bool) *Fetcher {
	l.Helper()
	f, err := Open(l.root, update)
	if err != nil {
		l.Fatal(err)
	}
	return f
}

func (l *lab) module(f *Fetcher, from, version string) render.Module {
	l.Helper()
	m, err := f.Module(l.Context(), from, version)
	if err != nil {
		l.Fatalf("%s: %v", from, err)
	}
	return m
}

func (l *lab) save(f *Fetcher, want bool) {
	l.Helper()
	if written, err := f.Save(); err != nil || written != want {
		l.Fatalf("the lock file was written: %v, %v; want %v", written, err, want)
	}
}

func (l *lab) lock() string {
	l.Helper()
	content, err := os.ReadFile(filepath.Join(l.root, LockPath))
	if err != nil {
		l.Fatal(err)
	}
	return string(content)
}

func (l *lab) forget() { l.Setenv("XDG_CACHE_HOME", l.TempDir()) }

func content(t *testing.T, m render.Module, name string) string {
	t.Helper()
	data, err := m.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestGit(t *testing.T) {
	l := newLab(t)
	first := l.repo.Head()
	l.repo.Tag("v1", first, "one")
	source := "git::" + l.git.URL
	f := l.open(false)
	for _, from := range []string{source, source + "//modules/net", source + "?ref=main", source + "//modules/net?ref=v1", source + "?ref=" + first} {
		m := l.module(f, from, "")
		if !strings.HasSuffix(m.Package, "@"+first[:12]) {
			t.Errorf("%s is called %s", from, m.Package)
		}
		if got := content(t, m, "modules/net/main.tf"); got != "# net\n"+bucket {
			t.Errorf("%s: %q", from, got)
		}
		if want := "."; strings.Contains(from, "//modules") {
			want = "modules/net"
			if m.Dir != want {
				t.Errorf("%s leads to %s", from, m.Dir)
			}
		} else if m.Dir != want {
			t.Errorf("%s leads to %s", from, m.Dir)
		}
	}
	l.save(f, true)
	l.save(f, false)
	if lock := l.lock(); strings.Count(lock, "?ref="+first) != 5 || strings.Count(lock, "source:") != 4 {
		t.Errorf("the lock file is\n%s", lock)
	}

	// Later the branch is somewhere else, and the pin is not.
	second := l.repo.Commit("two", map[string]string{"main.tf": "# changed\n"})
	f = l.open(false)
	if got := content(t, l.module(f, source+"?ref=main", ""), "main.tf"); got != bucket {
		t.Errorf("what is pinned became %q", got)
	}
	l.forget() // fetched again by its commit
	if got := content(t, l.module(l.open(false), source+"?ref=main", ""), "main.tf"); got != bucket {
		t.Errorf("what is pinned became %q", got)
	}
	l.git.Stop() // from the cache
	f = l.open(false)
	if got := content(t, l.module(f, source+"?ref=main", ""), "main.tf"); got != bucket {
		t.Errorf("what is pinned became %q", got)
	}
	l.save(f, false)
	if _, err := f.Module(t.Context(), source+"?ref=other", ""); err == nil {
		t.Error("a server that is gone gives a module")
	}
	l.git.Start()
	f = l.open(true)
	if got := content(t, l.module(f, "git::"+l.git.URL+"?ref=main", ""), "main.tf"); got != "# changed\n" {
		t.Errorf("the update is %q", got)
	}
	l.save(f, true)
	if !strings.Contains(l.lock(), second) {
		t.Errorf("the lock file is\n%s", l.lock())
	}
}

// TestPinIsKept changes what a pin is compared with.
func TestPinIsKept(t *testing.T) {
	l := newLab(t)
	l.at["/m.tar.gz"] = answer{body: tarGz(t, map[string]string{"main.tf": bucket})}
	from := l.web.URL + "/m.tar.gz"
	f := l.open(false)
	l.module(f, from, "")
	l.save(f, true)
	before := l.lock()
	l.at["/m.tar.gz"] = answer{body: tarGz(t, map[string]string{"main.tf": "# evil\n"})}
	if got := content(t, l.module(l.open(false), from, ""), "main.tf"); got != bucket {
		t.Errorf("from the cache came %q", got)
	}
	cached, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "holdfast/modules/*.tar"))
	if err != nil || len(cached) != 1 {
		t.Fatal(cached, err)
	}
	for name, spoil := range map[string]func(){
		"the cache is gone": l.forget,
		"the cache was altered": func() {
			data, err := os.ReadFile(cached[0])
			if err == nil {
				err = os.WriteFile(cached[0], bytes.Replace(data, []byte("aws_s3"), []byte("aws_s4"), 1), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		spoil()
		f := l.open(false)
		if _, err := f.Module(t.Context(), from, ""); err == nil || !strings.Contains(err.Error(), "--update-modules") {
			t.Errorf("%s: %v", name, err)
		}
		l.save(f, false)
	}
	if l.lock() != before {
		t.Error("the lock file changed")
	}
	f = l.open(true)
	if got := content(t, l.module(f, from, ""), "main.tf"); got != "# evil\n" {
		t.Errorf("the update is %q", got)
	}
	l.save(f, true)
}

// serveRegistry makes the server one with versions of the module ns/net/aws.
func (l *lab) serveRegistry(location string, versions ...string) {
	l.at["/.well-known/terraform.json"] = answer{body: []byte(`{"modules.v1": "/api/"}`)}
	var list []string
	for _, v := range versions {
		list = append(list, fmt.Sprintf(`{"version": %q}`, v))
		l.at["/api/ns/net/aws/"+v+"/download"] = answer{status: http.StatusNoContent, header: map[string]string{"X-Terraform-Get": strings.ReplaceAll(location, "VERSION", v)}}
	}
	l.at["/api/ns/net/aws/versions"] = answer{body: []byte(`{"modules": [{"versions": [` + strings.Join(list, ",") + `]}]}`)}
}

func TestRegistry(t *testing.T) {
	l := newLab(t)
	l.serveRegistry("/files/VERSION.zip?archive=zip", "1.0.0", "1.9.2", "1.10.0", "2.0.0", "3.0.0-beta1")
	for _, v := range []string{"1.0.0", "1.9.2", "1.10.0", "2.0.0", "3.0.0-beta1"} {
		l.at["/files/"+v+".zip"] = answer{body: zipped(t, map[string]string{"main.tf": "# " + v + "\n", "modules/sub/main.tf": "# sub " + v + "\n"})}
	}
	f := l.open(false)
	for constraint, want := range map[string]string{
		"": "2.0.0", "~> 1.9": "1.10.0", "~> 1.9.0": "1.9.2", ">= 1.0, < 1.10": "1.9.2", "1.0.0": "1.0.0", "= 3.0.0-beta1": "3.0.0-beta1", "!= 2.0.0": "1.10.0", "> 1.9.2, <= 2": "2.0.0",
	} {
		m := l.module(f, l.host+"/ns/net/aws", constraint)
		if got := content(t, m, "main.tf"); got != "# "+want+"\n" || !strings.HasSuffix(m.Package, "/ns/net/aws@"+want) {
			t.Errorf("%q gives %q of %s, want %s", constraint, got, m.Package, want)
		}
	}
	sub := l.module(f, l.host+"/ns/net/aws//modules/sub", "1.0.0")
	if sub.Dir != "modules/sub" || content(t, sub, sub.Dir+"/main.tf") != "# sub 1.0.0\n" {
		t.Errorf("the part leads to %s", sub.Dir)
	}
	l.save(f, true)
	asked := l.hits.Load()
	if l.module(l.open(false), l.host+"/ns/net/aws", "~> 1.9"); l.hits.Load() != asked {
		t.Error("what is pinned and kept is asked for again")
	}
	for constraint, want := range map[string]string{"~> 9.0": "none of its 5 versions", "newest": "not a constraint", ">= v1": "not a constraint", "~> 3.0.0-alpha, > 1": "none of its"} {
		if _, err := f.Module(t.Context(), l.host+"/ns/net/aws", constraint); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", constraint, err)
		}
	}
	if _, err := f.Module(t.Context(), l.host+"/ns/none/aws", ""); err == nil || !strings.Contains(err.Error(), "does not have it") {
		t.Errorf("a module that is not there: %v", err)
	}
}

// TestRegistryLeadsToGit has a registry that names a directory of a repository.
func TestRegistryLeadsToGit(t *testing.T) {
	l := newLab(t)
	l.serveRegistry("git::"+l.git.URL+"//modules/net?ref=main", "1.0.0")
	f := l.open(false)
	from := l.host + "/ns/net/aws"
	if got := content(t, l.module(f, from, ""), "main.tf"); got != "# net\n"+bucket {
		t.Errorf("%q", got)
	}
	l.save(f, true)
	if want := "git::" + l.git.URL + "//modules/net?ref=" + l.repo.Head(); !strings.Contains(l.lock(), want) {
		t.Errorf("the lock file has no %s:\n%s", want, l.lock())
	}
	l.forget()
	if got := content(t, l.module(l.open(false), from, ""), "main.tf"); got != "# net\n"+bucket {
		t.Errorf("fetched again it is %q", got)
	}
}

func TestArchives(t *testing.T) {
	l := newLab(t)
	good := map[string]string{"top/main.tf": bucket, "top/modules/x/main.tf": "# x\n"}
	l.at["/good.tgz"] = answer{body: tarGz(t, good)}
	l.at["/good.zip"] = answer{body: zipped(t, good)}
	l.at["/tarball/v1"] = answer{body: tarGz(t, good)}
	f := l.open(false)
	for _, from := range []string{"/good.tgz//top", "/good.zip//top", "/tarball/v1//top?archive=tar.gz"} {
		if m := l.module(f, l.web.URL+from, ""); m.Dir != "top" || content(t, m, "top/main.tf") != bucket {
			t.Errorf("%s leads to %s", from, m.Dir)
		}
	}
	l.serveRegistry("/tarball/v1//*?archive=tar.gz", "1.0.0")
	if got := content(t, l.module(f, l.host+"/ns/net/aws", ""), "modules/x/main.tf"); got != "# x\n" {
		t.Errorf("below the only directory is %q", got)
	}

	for name, body := range map[string]struct {
		body []byte
		want string
	}{
		"up.tar.gz":       {tarGz(t, map[string]string{"../evil.tf": ""}), "not a path inside of the module"},
		"absolute.tar.gz": {tarGz(t, map[string]string{"/etc/evil.tf": ""}), "not a path inside of the module"},
		"up.zip":          {zipped(t, map[string]string{"../evil.tf": ""}), "not a path inside of the module"},
		"bomb.tar.gz":     {tarGz(t, map[string]string{"a.tf": strings.Repeat("0", mostBytes+1)}), "larger than 64 MiB"},
		"bomb.zip":        {zipped(t, map[string]string{"a.tf": strings.Repeat("0", mostBytes+1)}), "larger than 64 MiB"},
		"nothing.tar.gz":  {[]byte("<html>"), "not gzip"},
		"nothing.zip":     {[]byte("<html>"), "zip"},
		"cut.tar.gz":      {tarGz(t, good)[:60], "EOF"},
		"device.tar.gz":   {tarOf(t, tar.Header{Name: "dev", Typeflag: tar.TypeChar}), "neither a file nor a directory"},
	} {
		l.at["/"+name] = answer{body: body.body}
		if _, err := f.Module(t.Context(), l.web.URL+"/"+name, ""); err == nil || !strings.Contains(err.Error(), body.want) {
			t.Errorf("%s: %v, want %q", name, err, body.want)
		}
	}
	l.at["/link.tar.gz"] = answer{body: tarOf(t, tar.Header{Name: "main.tf", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})}
	m := l.module(f, l.web.URL+"/link.tar.gz", "")
	if _, err := m.Files.ReadFile("main.tf"); err == nil {
		t.Error("a link is followed")
	}
}

func TestRefused(t *testing.T) {
	l := newLab(t)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	l.at["/away.tar.gz"] = answer{status: http.StatusFound, header: map[string]string{"Location": "http://example.com/x.tar.gz"}}
	l.at["/file.tar.gz"] = answer{status: http.StatusFound, header: map[string]string{"Location": "file:///etc/passwd"}}
	l.at["/secret.tar.gz"] = answer{status: http.StatusUnauthorized}
	f := l.open(false)
	for from, want := range map[string]string{
		"s3::https://s3.amazonaws.com/b/m.zip":       `by "s3"`,
		"hg::https://example.com/m":                  `by "hg"`,
		"git::file:///srv/m.git":                     "cannot be parsed",
		"git::file://host/srv/m.git":                 `by "file"`,
		"git::ext::sh -c id":                         "cannot be parsed",
		"git::http://example.com/m.git":              `by "http"`,
		"git::https://u:pw@example.com/m.git":        "holds a password",
		"git::https://example.com/m.git?upload=x":    "?ref= and nothing else",
		"http://example.com/m.zip":                   `by "http"`,
		"https://example.com/m":                      "only archives",
		"/srv/modules/m":                             "directories of this machine",
		"m":                                          "neither a module of a registry",
		"a/b/c/d/e":                                  "neither a module of a registry",
		"localhost/a/b/c":                            "no host of a registry",
		"git::https://example.com/m.git//../../etc":  "not a directory",
		"git::https://example.com/m.git//a/../../..": "not a directory",
		l.web.URL + "/away.tar.gz":                   `by "http"`,
		l.web.URL + "/file.tar.gz":                   `by "file"`,
		l.web.URL + "/secret.tar.gz":                 "set TF_TOKEN_127_0_0_1",
		l.web.URL + "/gone.tar.gz":                   "does not have it",
	} {
		_, err := f.Module(t.Context(), from, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", from, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: the password is shown: %v", from, err)
		}
	}
	if _, err := f.Module(t.Context(), "git::"+l.git.URL, "1.0"); err == nil {
		t.Error("a repository has a version")
	}
	l.save(f, false)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Module(cancelled, l.web.URL+"/later.tar.gz", ""); err == nil {
		t.Error("it goes on after it was told to stop")
	}
}

// TestTokens sends a token to the host that it is for, and not where that redirects to.
func TestTokens(t *testing.T) {
	l := newLab(t)
	t.Setenv("TF_TOKEN_127_0_0_1", "hunter2")
	var got []string
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, "away "+r.Header.Get("Authorization"))
		_, _ = w.Write(tarGz(t, map[string]string{"main.tf": bucket}))
	}))
	defer away.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, "home "+r.Header.Get("Authorization"))
		http.Redirect(w, r, strings.Replace(away.URL, "127.0.0.1", "localhost", 1)+"/x", http.StatusFound)
	}))
	defer home.Close()
	l.module(l.open(false), home.URL+"/m.tar.gz", "")
	if want := []string{"home Bearer hunter2", "away "}; !slices.Equal(got, want) {
		t.Errorf("the servers saw %q, want %q", got, want)
	}
}

// TestSentTo keeps servers from using us against what listens on this machine.
func TestSentTo(t *testing.T) {
	for _, tt := range []struct {
		to, by string
		ok     bool
	}{
		{"https://files.example.com/a.zip", "https://registry.example.com/", true},
		{"http://files.example.com/a.zip", "https://registry.example.com/", false},
		{"http://127.0.0.1:8080/a.zip", "https://registry.example.com/", false},
		{"https://localhost/a.zip", "https://registry.example.com/", false},
		{"https://[::1]/a.zip", "https://registry.example.com/", false},
		{"http://127.0.0.1:8080/a.zip", "http://127.0.0.1:1/", true},
		{"file:///etc/passwd", "http://127.0.0.1:1/", false},
		{"http://169.254.169.254/latest/a.zip", "https://registry.example.com/", false},
	} {
		to, err := url.Parse(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		by, err := url.Parse(tt.by)
		if err != nil {
			t.Fatal(err)
		}
		if err := sentTo(to, by); (err == nil) != tt.ok {
			t.Errorf("%s sends us to %s: %v", tt.by, tt.to, err)
		}
	}
}

func TestLockFile(t *testing.T) {
	l := newLab(t)
	write := func(text string) {
		if err := os.MkdirAll(filepath.Join(l.root, ".holdfast"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(l.root, LockPath), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"modules:\n- source: a\n":                       "an entry has a source, from and the digest",
		"modules:\n- source: a\n  frm: b\n":             "frm",
		"modules: [{source: a, source: b}]\n":           "source",
		"module: []\n":                                  "module",
		"modules:\n- {source: a, from: b, digest: x}\n": "an entry has a source",
	} {
		write(text)
		if _, err := Open(l.root, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	// A link does not lead it out of the repository.
	if err := os.RemoveAll(filepath.Join(l.root, ".holdfast")); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(l.root, ".holdfast")); err != nil {
		t.Fatal(err)
	}
	f, err := Open(l.root, false)
	if err == nil {
		l.module(f, "git::"+l.git.URL, "")
		_, err = f.Save()
	}
	if left, _ := os.ReadDir(outside); err == nil || len(left) > 0 {
		t.Errorf("%v, and outside there is %v", err, left)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a/b/c", "app.terraform.io/a/b/c//d", "git::https://h/r.git//a/b?ref=v1", "git@github.com:o/r.git", "github.com/o/r//x?ref=1", "https://h/a.zip//x", "s3::x", "git::", "?//", "a://b?c://d//e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(a.pinnedTo())
		if a.dir == "*" || err != nil || again.String() != a.String() || again.dir != a.dir {
			if a.dir != "*" {
				t.Errorf("%q is %+v, written %q, and read again %+v, %v", text, a, a.pinnedTo(), again, err)
			}
		}
		if name := a.name("v"); strings.Contains(name, "..") || strings.HasPrefix(name, "/") {
			t.Errorf("%q is called %q", text, name)
		}
	})
}

func FuzzLock(f *testing.F) {
	f.Add([]byte("modules:\n- source: a\n  from: b\n  digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n"))
	f.Fuzz(func(t *testing.T, content []byte) { _, _ = parseLock(content) })
}

func tarGz(t *testing.T, files map[string]string) []byte {
	t.Helper()
	return archive(t, func(w *tar.Writer) error {
		for name, content := range files {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
				return err
			}
			if _, err := io.WriteString(w, content); err != nil {
				return err
			}
		}
		return nil
	})
}

func tarOf(t *testing.T, head tar.Header) []byte {
	t.Helper()
	return archive(t, func(w *tar.Writer) error { return w.WriteHeader(&head) })
}

func archive(t *testing.T, fill func(*tar.Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, err := range []error{fill(w), w.Close(), z.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
