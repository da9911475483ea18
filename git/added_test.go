package git_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

func versions(t *testing.T, l *git.Local, from, to string, limit int64) (all []string) {
	t.Helper()
	err := l.Versions(context.Background(), from, to, limit, func(v git.Version) error {
		all = append(all, fmt.Sprintf("%s %s %d %s", v.Commit[:7], v.Path, v.Size, v.Content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVersions(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := gittest.New(t, "--object-format="+format)
			strange := "new\nline\tand \"quotes\""
			one := r.Commit("one", map[string]string{"a": "1", "same": "1", strange: "s", "big": strings.Repeat("x", 100)})
			r.Symlink("link", "a")
			two := r.Commit("two", map[string]string{"a": "2"})
			r.Git("mv", "a", "moved")
			r.Commit("moved", nil)
			r.Commit("back", map[string]string{"a": "1"})
			r.Git("checkout", "--quiet", "-b", "side", one)
			side := r.Commit("side", map[string]string{"b": "side"})
			r.Git("checkout", "--quiet", "main")
			r.Git("merge", "--quiet", "--no-commit", "--no-ff", "side")
			merge := r.Commit("merge", map[string]string{"b": "by the merge"})
			l := local(t, r)

			want := []string{
				one[:7] + " a 1 1", one[:7] + " big 100 ", one[:7] + " " + strange + " 1 s", two[:7] + " a 1 2",
				side[:7] + " b 4 side", merge[:7] + " b 12 by the merge",
			}
			got := versions(t, l, "", "", 50)
			for i := range got {
				if strings.HasSuffix(got[i], " same 1 1") { // either name of the content will do
					got[i] = strings.Replace(got[i], "same", "a", 1)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("of all:\n%q, want\n%q", got, want)
			}
			if got := versions(t, l, one, two, 50); !slices.Equal(got, []string{two[:7] + " a 1 2"}) {
				t.Errorf("of a range: %q", got)
			}
			if shallow, err := l.IsShallow(context.Background()); shallow || err != nil {
				t.Errorf("a whole clone is shallow: %v, %v", shallow, err)
			}
		})
	}
}

func TestVersionsStop(t *testing.T) {
	r := gittest.New(t)
	files := map[string]string{}
	for i := range 2000 {
		files[fmt.Sprintf("f%d", i)] = fmt.Sprint(i)
	}
	r.Commit("many", files)
	l := local(t, r)
	enough := errors.New("enough")
	n := 0
	err := l.Versions(context.Background(), "", "", 50, func(git.Version) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("after %d: %v", n, err)
	}
	if got := versions(t, l, "", "", 50); len(got) != 2000 {
		t.Errorf("%d versions afterwards, want 2000", len(got))
	}
}

func TestFilesOfACommit(t *testing.T) {
	r := gittest.New(t)
	id := r.Commit("one", map[string]string{"a/b": "1", "c": "2"})
	r.Commit("two", map[string]string{"c": "3"})
	var got []string
	err := local(t, r).Files(context.Background(), id, 50, func(v git.Version) error {
		got = append(got, v.Path+"="+string(v.Content))
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"a/b=1", "c=2"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestIgnored(t *testing.T) {
	r := gittest.New(t)
	r.Commit("one", map[string]string{"tracked.env": "1"})
	r.Write(map[string]string{".gitignore": "*.env\n", "a.env": "1", ":(top)b.env": "1", "c": "1"})
	l := local(t, r)
	for _, test := range []struct{ paths, want []string }{
		{[]string{"tracked.env", "a.env", ":(top)b.env", "c"}, []string{"a.env", ":(top)b.env"}},
		{[]string{"c"}, nil},
		{nil, nil},
	} {
		if got, err := l.Ignored(context.Background(), test.paths); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("of %q, ignored are %q, %v", test.paths, got, err)
		}
	}
}
