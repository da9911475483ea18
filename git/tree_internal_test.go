package git

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/source"
)

const anID = "ce013625030ba8dba906f756967f9e9ca394464a"

func rawTree(entries ...string) []byte {
	id, _ := hex.DecodeString(anID)
	var raw []byte
	for _, e := range entries {
		raw = slices.Concat(raw, []byte(e), []byte{0}, id)
	}
	return raw
}

func TestParseTree(t *testing.T) {
	for _, tt := range []struct {
		reason string
		raw    []byte
		ok     bool
	}{
		{"empty", nil, true},
		{"all modes, in Git's order", rawTree("100755 a", "40000 a-b", "100644 a.b", "120000 b", "160000 c"), true},
		{"a directory sorts with a slash", rawTree("100644 a.b", "40000 a", "100644 a0"), true},
		{"names that only look odd", rawTree("100644  ", "100644 ...", "100644 .gitignore", "100644 .gitmodules", "100644 git~2", "100644 é"), true},
		{"not sorted", rawTree("100644 b", "100644 a"), false},
		{"twice", rawTree("100644 a", "100644 a"), false},
		{"file and directory", rawTree("100644 a", "100644 a.b", "40000 a"), false},
		{"cut off", rawTree("100644 a")[:20], false},
		{"no mode", rawTree("a"), false},
		{"mode with zeros", rawTree("040000 a"), false},
		{"mode of old", rawTree("100664 a"), false},
		{"empty name", rawTree("100644 "), false},
		{"dot", rawTree("40000 ."), false},
		{"dot dot", rawTree("40000 .."), false},
		{"slash", rawTree("100644 a/b"), false},
		{"backslash", rawTree(`100644 a\b`), false},
		{".git", rawTree("40000 .git"), false},
		{".GIT", rawTree("40000 .GIT"), false},
		{"short name", rawTree("40000 GIT~1"), false},
		{"end that NTFS ignores", rawTree("40000 .git. ."), false},
		{"stream", rawTree("40000 .git::$INDEX_ALLOCATION"), false},
		{"character that HFS+ ignores", rawTree("40000 .g\u200cit"), false},
		{"newline", rawTree("100644 a\nb"), false},
		{"escape", rawTree("100644 \x1b[2J"), false},
		{"C1 control", rawTree("100644 \u009b2J"), false},
		{"not UTF-8", rawTree("100644 \xe9"), false},
	} {
		entries, err := parseTree(anID, tt.raw)
		_, malformed := errors.AsType[*MalformedError](err)
		_, dangerous := errors.AsType[*TreeError](err)
		if tt.ok != (err == nil) || err != nil && !malformed && !dangerous {
			t.Errorf("%s: %v, %v", tt.reason, entries, err)
		}
		if !slices.IsSortedFunc(entries, func(a, b source.Entry) int { return cmp.Compare(a.Name, b.Name) }) {
			t.Errorf("%s: %v is not sorted", tt.reason, entries)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\n\u009b") {
			t.Errorf("%s: error shows control characters: %q", tt.reason, err)
		}
	}
}

// FuzzParseTree holds that what is accepted is exactly what was in the object.
func FuzzParseTree(f *testing.F) {
	f.Add(rawTree("100755 a", "40000 a-b", "100644 a.b", "120000 b", "160000 c"))
	f.Add(rawTree("100644 a.b", "40000 a"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := parseTree(anID, raw)
		if err != nil {
			return
		}
		sortName := func(e source.Entry) string {
			if e.Mode == source.ModeDir {
				return e.Name + "/"
			}
			return e.Name
		}
		slices.SortFunc(entries, func(a, b source.Entry) int { return cmp.Compare(sortName(a), sortName(b)) })
		var again []byte
		for _, e := range entries {
			for _, text := range []string{"100644", "100755", "40000", "120000", "160000"} {
				if mode, ok := treeMode(text); ok && mode == e.Mode {
					again = append(again, text+" "+e.Name+"\x00"...)
				}
			}
			if source.CheckPath(e.Name) != nil {
				t.Errorf("name %q cannot be read", e.Name)
			}
			id, err := hex.DecodeString(e.ID)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, id...)
		}
		if string(again) != string(raw) {
			t.Errorf("%q became %q", raw, again)
		}
	})
}

func TestBatchStartsAgain(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", nil)
	m, err := OpenMirror(t.Context(), Options{Dir: t.TempDir(), URL: r.FileURL(), AllowProtocols: []string{"file"}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Fetch(t.Context(), "refs/heads/main"); err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		return m.batch.ask(t.Context(), []string{head}, maxObject, func(object) error { return nil })
	}
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		m.batch.process.kill()
		_ = m.batch.process.wait()
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Commit(cancelled, head); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled read: %v", err)
	}
	if _, err := m.Commit(t.Context(), head); err != nil {
		t.Errorf("a read after a cancelled one: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Commit(t.Context(), head); err == nil {
		t.Error("a closed mirror reads")
	}
	if err := ask(); err == nil {
		t.Error("a closed mirror asks git")
	}
}

func TestParseRemote(t *testing.T) {
	all := []string{"https", "ssh", "http", "git", "file"}
	for _, tt := range []struct {
		url, want string // want empty: refused
	}{
		{"https://example.com/a/b.git", "https://example.com/a/b.git"},
		{"https://example.com:8443/a", "https://example.com:8443/a"},
		{"https://user:pa%20ss@example.com/a", "https://example.com/a"},
		{"https://token@example.com/a", "https://example.com/a"},
		{"https://[::1]:80/a", "https://[::1]:80/a"},
		{"https://example.com/a%20b", "https://example.com/a%20b"},
		{"ssh://git@example.com:22/a", "ssh://git@example.com:22/a"},
		{"git@example.com:a/b.git", "git@example.com:a/b.git"},
		{"file:///srv/a.git", "file:///srv/a.git"},

		{"", ""}, {"example.com/a", ""}, {"/srv/a.git", ""}, {"../a", ""}, {"host:path", ""},
		{"--upload-pack=touch /tmp/x", ""}, {"-u", ""}, {"ext::sh -c id", ""}, {"ext::id", ""}, {"fd::3", ""}, {"https::https://example.com/a", ""},
		{"ftp://example.com/a", ""}, {"HTTPS://example.com/a", ""},
		{"https://example.com/a\nb", ""}, {"https://example.com/a\rb", ""}, {"https://exam\tple.com/", ""}, {"https://example.com/a b", ""},
		{"https://example.com/a%0ahost=evil", ""}, {"https://example.com%0d/a", ""}, {"https://example.com%0a@evil.com/a", "https://evil.com/a"},
		{"https://-x/a", ""}, {"ssh://-oProxyCommand=id/a", ""}, {"ssh://-l@example.com/a", ""}, {"ssh://git@-x/a", ""}, {"-oProxyCommand=x@host:a", ""},
		{"git@-x:a", ""}, {"git@example.com:-a", ""}, {"ssh://example.com/-a", ""}, {"ssh://git:pw@example.com/a", ""},
		{"https:///a", ""}, {"https://example.com", ""}, {"https://example.com/", ""}, {"https://example.com/a?b", ""}, {"https://example.com/a#b", ""},
		{`https://example.com\@evil.com/a`, ""}, {"https://exämple.com/a", ""}, {"file://host/a", ""}, {"https://a@b@c/d", "https://c/d"},
	} {
		r, err := parseRemote(tt.url, "", "", all)
		if tt.want == "" {
			if _, ok := errors.AsType[*URLError](err); !ok {
				t.Errorf("%q: %+v, %v; want a URLError", tt.url, r, err)
			}
		} else if err != nil || r.url != tt.want {
			t.Errorf("%q: %+v, %v; want %q", tt.url, r, err, tt.want)
		}
	}
	for _, url := range []string{"http://example.com/a", "git://example.com/a", "file:///a"} {
		if _, err := parseRemote(url, "", "", []string{"https", "ssh"}); err == nil {
			t.Errorf("%q is used though its protocol is not allowed", url)
		}
	}
}

// FuzzParseRemote holds that an accepted URL can be given to git as an argument,
// and shown.
func FuzzParseRemote(f *testing.F) {
	f.Add("https://user:secret@example.com/a")
	f.Add("git@example.com:a")
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseRemote(raw, "", "", []string{"https", "ssh", "http", "git", "file"})
		if err != nil {
			return
		}
		if strings.HasPrefix(r.url, "-") || strings.Contains(r.url, "::") && !strings.Contains(r.url, "://") || strings.ContainsAny(r.url, "\n\r\x00 \\") {
			t.Errorf("%q became %q", raw, r.url)
		}
		if again, err := parseRemote(r.url, "", "", []string{"https", "ssh", "http", "git", "file"}); err != nil || again.url != r.url {
			t.Errorf("%q became %q, which became %+v, %v", raw, r.url, again, err)
		}
	})
}
