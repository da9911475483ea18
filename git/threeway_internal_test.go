package git

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git/gittest"
)

// TestMergesAgreeWithGit makes merges of random changes, and holds that what is clean
// here is what git makes of it, that most clean merges are proven without git, and that
// no other tree is.
func TestMergesAgreeWithGit(t *testing.T) {
	r := gittest.New(t)
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 40
	type merge struct{ base, ours, theirs string }
	var merges []merge
	for range rounds {
		base := randomFiles(random)
		m := merge{base: commitFiles(r, base)}
		m.ours = commitFiles(r, changed(random, base), m.base)
		m.theirs = commitFiles(r, changed(random, base), m.base)
		merges = append(merges, m)
	}
	mirror := openAt(t, r)
	clean, proven := 0, 0
	for _, m := range merges {
		trees := [3]string{}
		for i, commit := range []string{m.base, m.ours, m.theirs} {
			trees[i] = r.Git("rev-parse", commit+"^{tree}")
		}
		out, conflict := tryGit(r, "-c", "merge.renames=false", "merge-tree", "--write-tree", "--no-messages", m.ours, m.theirs)
		tree, _, _ := strings.Cut(out, "\n")
		for _, result := range []string{tree, trees[0], trees[1], trees[2]} {
			commit := r.CommitObject(result, "merge", m.ours, m.theirs)
			ok, err := mirror.mergedHere(t.Context(), Merge{Base: m.base, Ours: m.ours, Theirs: m.theirs, Commit: commit})
			switch {
			case err != nil:
				t.Fatal(err)
			case ok && (conflict || result != tree):
				t.Errorf("%s is taken for the merge of %s and %s, which is %s (conflict: %v)", result, m.ours, m.theirs, tree, conflict)
			}
			if result == tree && !conflict {
				clean++
				if ok {
					proven++
				}
				break
			}
		}
	}
	if clean < rounds/4 || proven*10 < clean*9 {
		t.Errorf("of %d merges %d are clean, and %d of these are proven", rounds, clean, proven)
	}
}

func openAt(t *testing.T, r *gittest.Repo) *Mirror {
	t.Helper()
	if err := os.WriteFile(r.Path(".git"), []byte("gitdir: "+r.GitDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLocal(LocalOptions{WorkTree: r.Path(".")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.m
}

// tryGit runs a command that says by its exit code that there are conflicts.
func tryGit(r *gittest.Repo, args ...string) (out string, conflict bool) {
	script := "git " + strings.Join(args, " ") + "; code=$?; test $code -le 1 && echo code $code"
	out, code, _ := strings.Cut(r.Git("-c", "alias.try=!"+script, "try"), "code ")
	return out, code != "0"
}

// randomFiles are a few files of some lines in a few directories.
func randomFiles(random *rand.Rand) map[string]string {
	files := map[string]string{}
	for range 4 + random.IntN(6) {
		var text strings.Builder
		for i := range 3 + random.IntN(30) {
			fmt.Fprintf(&text, "line %d of %d\n", i, random.IntN(5))
		}
		files[fmt.Sprintf("d%d/e%d/f%d", random.IntN(3), random.IntN(2), random.IntN(4))] = text.String()
	}
	return files
}

// changed changes some lines of some files, removes some, and adds some.
func changed(random *rand.Rand, files map[string]string) map[string]string {
	out := map[string]string{}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch random.IntN(10) {
		case 0:
		case 1, 2, 3:
			lines := strings.SplitAfter(files[name], "\n")
			at := random.IntN(len(lines))
			lines[at] = fmt.Sprintf("changed %d\n", random.IntN(1000))
			if random.IntN(3) == 0 {
				lines = slices.Delete(lines, 0, random.IntN(2))
			}
			out[name] = strings.Join(lines, "")
		default:
			out[name] = files[name]
		}
	}
	if random.IntN(3) == 0 {
		out[fmt.Sprintf("d%d/new%d", random.IntN(4), random.IntN(5))] = fmt.Sprint("new ", random.IntN(3), "\n")
	}
	return out
}

func commitFiles(r *gittest.Repo, files map[string]string, parents ...string) string {
	r.Git("read-tree", "--empty")
	for name, content := range files {
		id := strings.TrimSpace(r.GitInput([]byte(content), "hash-object", "-w", "--stdin"))
		r.Git("update-index", "--add", "--cacheinfo", "100644,"+id+","+name)
	}
	return r.CommitObject(r.Git("write-tree"), "files", parents...)
}

func TestMergeLines(t *testing.T) {
	text := func(words string) string { return strings.ReplaceAll(words, " ", "\n") + "\n" }
	for _, test := range []struct {
		reason, base, ours, theirs, want string
		ok                               bool
	}{
		{"nothing changed", "a b c", "a b c", "a b c", "a b c", true},
		{"one side", "a b c", "a x c", "a b c", "a x c", true},
		{"both apart", "a b c d e", "x b c d e", "a b c d y", "x b c d y", true},
		{"both at one line", "a b c", "a x c", "a y c", "", false},
		{"touching", "a b c d", "a x c d", "a b y d", "", false},
		{"added at the ends", "a b", "x a b", "a b y", "x a b y", true},
		{"added at one place", "a b", "a x b", "a y b", "", false},
		{"removed and changed apart", "a b c d e", "b c d e", "a b c d", "b c d", true},
		{"many lines of one text", "a a a a a a", "a a a a a a a", "b a a a a a", "b a a a a a a", true},
	} {
		got, ok := mergeLines([]byte(text(test.base)), []byte(text(test.ours)), []byte(text(test.theirs)))
		if ok != test.ok || ok && string(got) != text(test.want) {
			t.Errorf("%s: %q, %v", test.reason, got, ok)
		}
	}
	if _, ok := mergeLines(nil, nil, []byte("x")); !ok {
		t.Error("a file that was empty is not merged")
	}
}

func TestDropsLines(t *testing.T) {
	text := func(words string) string { return strings.ReplaceAll(words, " ", "\n") + "\n" }
	const base, ours, theirs = "a b c d e f g", "A b c d e X g", "a b c d e Y g" // in conflict about f
	for _, test := range []struct {
		reason, base, ours, theirs, result string
		want                               bool
	}{
		{"the conflict is resolved, and the rest is there", base, ours, theirs, "A b c d e Z g", false},
		{"one side is taken as a whole", base, ours, theirs, theirs, true},
		{"that side which changed more is taken", base, ours, theirs, ours, false},
		{"more is changed beside it", base, ours, theirs, "A b C d e Z g", false},
		{"what one side changed is changed further", base, ours, theirs, "B b c d e Z g", false},
		{"what one side removed is back", "a b c d e f g", "b c d e X g", "a b c d e Y g", "a b c d e Z g", true},
		{"lines that repeat are there, though elsewhere", "a a a a f g", "a a a a a X g", "a a a a Y g", "a a a a a Z g", false},
		{"both made the same change", "a b c d e f g", "A b c d e X g", "A b c d e Y g", "a b c d e Z g", false},
	} {
		if got := dropsLines([]byte(text(test.base)), []byte(text(test.ours)), []byte(text(test.theirs)), []byte(text(test.result))); got != test.want {
			t.Errorf("%s: %v", test.reason, got)
		}
	}
}

// FuzzHunks holds that hunks make the one text of the other.
func FuzzHunks(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\nd\n")
	f.Add("", "x")
	f.Add("a\na\na\n", "a\na\n")
	f.Fuzz(func(t *testing.T, from, to string) {
		merged, ok := mergeLines([]byte(from), []byte(to), []byte(from))
		if ok && string(merged) != to {
			t.Errorf("%q to %q gives %q", from, to, merged)
		}
		if !ok && strings.Count(from, "\n")+strings.Count(to, "\n") < maxEdits-2 {
			t.Errorf("%q to %q is given up", from, to)
		}
	})
}
