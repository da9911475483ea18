package gitversion_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/gitversion"
)

func ask(t *testing.T, url string) *gitversion.Asked {
	t.Helper()
	a, err := gitversion.Ask(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// isHere fails the test if what was asked is not the Git of this machine.
func isHere(t *testing.T, a *gitversion.Asked) {
	t.Helper()
	out, err := exec.Command("git", "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	here, err := gitversion.Parse(string(out))
	if err != nil {
		t.Fatal(err)
	}
	if v := a.Version(); v.Product != gitversion.Git || v.Number != here.Number || a.Protocol != 2 || a.Format != "sha1" || a.Plain {
		t.Errorf("asked %+v of %s, which is %s", a, a.Name, here)
	}
}

// The server is git http-backend.
func TestAskByHTTP(t *testing.T) {
	r := gittest.New(t)
	r.Commit("base", map[string]string{"f": "x"})
	s := gittest.Serve(t, r)
	isHere(t, ask(t, s.URL))

	s.RequirePassword("me", "swordfish")
	_, err := gitversion.Ask(t.Context(), s.URL)
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a password: %v", err)
	}
	a := ask(t, strings.Replace(s.URL, "://", "://me:swordfish@", 1))
	if isHere(t, a); strings.Contains(a.Name, "swordfish") {
		t.Errorf("the name is %s", a.Name)
	}
}

// The server is git daemon.
func TestAskByDaemon(t *testing.T) {
	r := gittest.New(t)
	r.Commit("base", map[string]string{"f": "x"})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() { // as inetd does
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			file, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				return
			}
			cmd := exec.Command("git", "-c", "safe.directory=*", "daemon", "--inetd", "--export-all", "--base-path="+filepath.Dir(r.GitDir()))
			cmd.Stdin, cmd.Stdout = file, file
			if err := cmd.Run(); err != nil {
				t.Log(err)
			}
			file.Close()
		}
	}()
	isHere(t, ask(t, fmt.Sprintf("git://%s/%s", listener.Addr(), filepath.Base(r.GitDir()))))
}

// Stands for ssh: it runs what it is to run there on this machine, with a shell as sshd
// has it, and writes down its arguments.
func TestAskBySSH(t *testing.T) {
	r := gittest.New(t)
	r.Commit("base", map[string]string{"f": "x"})
	dir := t.TempDir()
	link := filepath.Join(dir, "it's")
	if err := os.Symlink(r.GitDir(), link); err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(dir, "ssh")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" > '" + dir + "/args'\nfor last; do :; done\nexport GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_SSH", fake)
	t.Setenv("GIT_SSH_COMMAND", "")
	isHere(t, ask(t, "ssh://me@git.example:2222"+link))
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil {
		t.Fatal(err)
	}
	want := "-o\nBatchMode=yes\n-o\nSendEnv=GIT_PROTOCOL\n-o\nConnectTimeout=10\n-p\n2222\nme@git.example\ngit-upload-pack '" + strings.ReplaceAll(link, "'", `'\''`) + "'\n"
	if string(args) != want {
		t.Errorf("ssh got\n%swant\n%s", args, want)
	}

	t.Setenv("GIT_SSH_COMMAND", "echo denied >&2; false")
	if _, err := gitversion.Ask(t.Context(), "me@git.example:shop.git"); err == nil || !strings.Contains(err.Error(), "ssh says: denied") {
		t.Errorf("a failing ssh: %v", err)
	}
}

func TestAskRefuses(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.Handle("/away/", http.RedirectHandler(other.URL+"/x/info/refs", http.StatusFound))
	mux.HandleFunc("/round/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	mux.HandleFunc("/page/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	answer := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			fmt.Fprint(w, body)
		})
	}
	answer("/short/", "0100version")
	answer("/noise/", "zzzz")
	answer("/error/", "001bERR access denied \x1b[2J\n")
	answer("/flood/", "000eversion 2\n"+strings.Repeat("0006a\n", 10_000))
	mux.HandleFunc("/slow/", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := httptest.NewServer(mux)
	defer s.Close()
	for _, test := range []struct{ path, want string }{
		{"/away/", "redirects to"}, {"/round/", "redirects more than"}, {"/page/", "not as a server of Git"}, {"/none/", "answers 404"},
		{"/short/", "says nothing more"}, {"/noise/", "does not speak"}, {"/error/", `refuses: "access denied \x1b[2J`}, {"/flood/", "more than 200"},
		{"/slow/", "took too long"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := gitversion.Ask(ctx, s.URL+test.path)
		cancel()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.path, err, test.want)
		}
	}
	for _, url := range []string{"", "-x", "ext::sh -c id", "file:///etc", "https://-oProxyCommand=x/y", "ssh://-oProxyCommand=x/y", "git://a/b%0ac"} {
		if _, err := gitversion.Ask(t.Context(), url); !isURLError(err) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func isURLError(err error) bool {
	_, ok := errors.AsType[*git.URLError](err)
	return ok
}

func packets(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		if line == "" {
			b.WriteString("0000")
			continue
		}
		fmt.Fprintf(&b, "%04x%s", len(line)+4, line)
	}
	return b.String()
}

func TestFindingsOfAServer(t *testing.T) {
	id := strings.Repeat("0", 40)
	for _, test := range []struct {
		answer, name string
		want         string
	}{
		{packets("version 2\n", "agent=git/2.30.2\n", "object-format=sha1\n", ""), "sure only of the version", "SRV_OLD_GIT medium;"},
		{packets("version 2\n", "agent=git/2.33.1\n", ""), "nobody mends it", "SRV_OLD_GIT critical;"},
		{packets("version 2\n", "agent=git/2.55.0\n", "object-info\n", ""), "sound", ""},
		{packets("version 2\n", "agent=git/2.20.0\n", "fetch=shallow wait-for-done\n", ""), "what it says cannot be", "SRV_AGENT low;"},
		{packets("version 2\n", "agent=git/github-8f3ad21\n", ""), "a service", ""},
		{packets("# service=git-upload-pack\n", "", id+" HEAD\x00multi_ack allow-any-sha1-in-want agent=git/2.55.0\n"), "old protocol", "SRV_PROTOCOL low;SRV_ANY_OBJECT medium;"},
		{packets("version 1\n", id+" HEAD\x00agent=git/2.55.0\n"), "an older one", "SRV_PROTOCOL low;"},
	} {
		s, err := gitversion.ReadAdvertisement(strings.NewReader(test.answer))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range (&gitversion.Asked{Advertisement: s, Name: "https://git.example/x"}).Findings() {
			got += f.Rule.ID + " " + f.Severity.String() + ";"
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	plain := &gitversion.Asked{Advertisement: &gitversion.Advertisement{Protocol: 2}, Plain: true}
	if f := plain.Findings(); len(f) != 1 || f[0].Rule.ID != "SRV_PLAIN" {
		t.Errorf("a plain one: %+v", f)
	}
}

func FuzzReadAdvertisement(f *testing.F) {
	f.Add(packets("version 2\n", "agent=git/2.30.2\n", "object-format=sha256\n", ""))
	f.Add(packets("# service=git-upload-pack\n", "", strings.Repeat("0", 40)+" HEAD\x00agent=git/2.55.0 symref=HEAD:refs/heads/main\n"))
	f.Add("0000")
	f.Fuzz(func(t *testing.T, answer string) {
		s, err := gitversion.ReadAdvertisement(strings.NewReader(answer))
		if err == nil {
			(&gitversion.Asked{Advertisement: s}).Findings()
		}
	})
}
