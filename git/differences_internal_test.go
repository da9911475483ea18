package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // as Git names its objects
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git/gittest"
)

var (
	disagreeFor  = flag.Duration("disagree", 0, "how long to look for objects about which we and git differ; one round if 0")
	disagreeSeed = flag.Uint64("disagree.seed", 1, "seed of the first round")
)

// TestObjectsAgreeWithGit changes good objects in many ways, and asks both our
// grammar and git fsck --strict about each. Where they differ, the difference
// must be on the list. Where both accept an object, git must read the same in it.
func TestObjectsAgreeWithGit(t *testing.T) {
	end := time.Now().Add(*disagreeFor)
	for round := *disagreeSeed; ; round++ {
		agree(t, rand.New(rand.NewPCG(round, 5)))
		if !time.Now().Before(end) {
			t.Logf("%d rounds", round-*disagreeSeed+1)
			return
		}
	}
}

// sample is an object, and what is said about it.
type sample struct {
	kind, id string
	raw      []byte
	ours     error
	commit   *Commit
}

func agree(t *testing.T, rnd *rand.Rand) {
	r := gittest.New(t)
	bases := baseObjects(r)
	samples := map[string]*sample{}
	for range 1500 {
		base := bases[rnd.IntN(len(bases))]
		raw := base.raw
		for range 1 + rnd.IntN(3) {
			raw = mutate(rnd, base.kind, raw)
		}
		s := newSample(base.kind, raw)
		samples[s.id] = s
		writeLoose(t, r.GitDir(), s)
	}
	said := fsck(t, r.GitDir())
	for _, id := range slices.Sorted(keys(samples)) {
		s := samples[id]
		if verdict := said[id]; !onTheList(s.kind, s.ours, verdict) {
			t.Errorf("%s: we say %v, git fsck says %q: this difference is not on the list\n%q", s.kind, s.ours, verdict, s.raw)
		}
	}
	readAlike(t, r, samples)
}

func keys(m map[string]*sample) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// baseObjects are good objects of all kinds, whose ids name things that exist.
func baseObjects(r *gittest.Repo) []sample {
	r.Write(map[string]string{"a": "1\n", "dir/b": "2\n", "z.sh": "#!/bin/sh\n"})
	first := r.Commit("first", nil)
	second := r.Commit("second", map[string]string{"c": "3\n"})
	tree := r.Git("rev-parse", "HEAD^{tree}")
	who := "author A U Thor <a@example.com> 1772366400 +0000\ncommitter B <b@example.com> 1772366401 -0130\n"
	sig := "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NI\n U1NI\n -----END SSH SIGNATURE-----\n"
	tag := "object " + second + "\ntype commit\ntag v1\ntagger A <a@example.com> 1772366400 +0000\n"
	commit := "tree " + tree + "\nparent " + first + "\n"
	texts := []struct{ kind, raw string }{
		{"commit", commit + who + "\nsubject\n\nbody\n"},
		{"commit", commit + who + sig + "\nsubject\n"},
		{"commit", commit + "parent " + second + "\n" + who + "encoding ISO-8859-1\nHG:extra x\nchange-id zzz\n" + sig + "\nm\n"},
		{"commit", "tree " + tree + "\n" + who + "mergetag " + strings.ReplaceAll(tag, "\n", "\n ") + "\n text\n\nm\n"},
		{"tag", tag + "\nrelease\n"},
		{"tag", tag + "\nrelease\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n"},
		{"tag", tag + "\n-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n"},
	}
	bases := make([]sample, 0, len(texts)+1)
	for _, o := range texts {
		bases = append(bases, sample{kind: o.kind, raw: []byte(o.raw)})
	}
	return append(bases, sample{kind: "tree", raw: r.Raw(tree)})
}

// pieces are what attackers put into objects.
var pieces = []string{
	"\n", "\n ", " ", "  ", "\x00", "\t", "\r", "<", ">", "> <", "<b@x>", "+", "-", "0", "00", "9", "99999999999999999999", "+9999", "-0000", "é", "\xff",
	"tree ", "parent ", "author ", "committer ", "gpgsig ", "gpgsig-sha256 ", "encoding x\n", "mergetag x\n", "object ", "type ", "tag ", "tagger ", "x y\n",
	"-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n", "-----BEGIN PGP SIGNATURE-----\n", "-----BEGIN ", "commit", "blob", "tree", "v2", "..", "-v", "HEAD", "@{", ".lock", "/",
	".git", ".GIT", "git~1", ".", ".gitmodules", ".gitattributes", "100644 ", "100664 ", "040000 ", "40000 ", "120000 ", "160000 ", "0100644 ", "100755 x\x00aaaaaaaaaaaaaaaaaaaa",
	"100644 d\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
}

// mutate changes an object once.
func mutate(rnd *rand.Rand, kind string, raw []byte) []byte {
	lines := bytes.SplitAfter(raw, []byte("\n"))
	if kind == "tree" {
		lines = treeEntries(raw)
	}
	i := rnd.IntN(len(lines))
	at := rnd.IntN(len(raw) + 1)
	piece := []byte(pieces[rnd.IntN(len(pieces))])
	switch rnd.IntN(7) {
	case 0:
		return bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil)
	case 1:
		return bytes.Join(slices.Insert(slices.Clone(lines), rnd.IntN(len(lines)+1), lines[i]), nil)
	case 2:
		j := rnd.IntN(len(lines))
		lines = slices.Clone(lines)
		lines[i], lines[j] = lines[j], lines[i]
		return bytes.Join(lines, nil)
	case 3:
		return bytes.Join(slices.Insert(slices.Clone(lines), i, piece), nil)
	case 4:
		return slices.Concat(raw[:at], piece, raw[at:])
	case 5:
		return slices.Concat(raw[:at], piece, raw[min(at+len(piece), len(raw)):])
	}
	return slices.Concat(raw[:at], raw[min(at+1+rnd.IntN(8), len(raw)):])
}

// treeEntries cuts a tree into entries, the last of which may be broken.
func treeEntries(raw []byte) (entries [][]byte) {
	for len(raw) > 0 {
		n := min(bytes.IndexByte(raw, 0)+1+sha1.Size, len(raw))
		entries, raw = append(entries, raw[:n]), raw[n:]
	}
	return append(entries, nil)
}

func newSample(kind string, raw []byte) *sample {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(raw), raw))
	s := &sample{kind: kind, raw: raw, id: hex.EncodeToString(sum[:])}
	switch kind {
	case "commit":
		s.commit, s.ours = ParseCommit(s.id, raw)
	case "tag":
		_, s.ours = ParseTag(s.id, raw)
	case "tree":
		_, s.ours = parseTree(s.id, raw)
	}
	return s
}

// writeLoose stores an object as it is: no command of git would.
func writeLoose(t *testing.T, gitDir string, s *sample) {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.NoCompression)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s %d\x00%s", s.kind, len(s.raw), s.raw)
	}
	file := filepath.Join(gitDir, "objects", s.id[:2], s.id[2:])
	if err = errors.Join(err, w.Close(), os.MkdirAll(filepath.Dir(file), 0o755)); err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var fsckLine = regexp.MustCompile(`^(?:error|warning)(?: in \w+ ([0-9a-f]{40}): (\w+)|: ([0-9a-f]{40}): (object (?:corrupt|could not be parsed)))`)

// fsck returns what git says about each object: names of its messages.
func fsck(t *testing.T, gitDir string) map[string]string {
	t.Helper()
	cmd := exec.Command("git", "-c", "core.commitGraph=false", "fsck", "--strict", "--no-dangling", "--no-reflogs", "--full")
	cmd.Env = append(os.Environ(), "GIT_DIR="+gitDir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "LC_ALL=C")
	out, _ := cmd.CombinedOutput() // it fails, of course
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		m := fsckLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		id, what := m[1]+m[3], m[2]
		if what == "" {
			what = "unparsable"
		}
		if !slices.Contains(strings.Fields(said[id]), what) {
			said[id] = strings.TrimSpace(said[id] + " " + what)
		}
	}
	if len(said) == 0 {
		t.Fatalf("git fsck finds nothing wrong:\n%s", out)
	}
	return said
}

// readAlike compares what is read in commits that we accept.
func readAlike(t *testing.T, r *gittest.Repo, samples map[string]*sample) {
	t.Helper()
	var ids []string
	for _, id := range slices.Sorted(keys(samples)) {
		if s := samples[id]; s.kind == "commit" && s.ours == nil && !bytes.Contains(s.raw, []byte("\nencoding ")) {
			ids = append(ids, id)
		}
	}
	out := r.GitInput([]byte(strings.Join(ids, "\n")+"\n"), "-c", "log.mailmap=false", "log", "--no-walk=unsorted", "--stdin", "-z", "--format=%H|%T|%P|%an|%ae|%at|%cn|%ce|%ct|%B")
	for i, got := range strings.Split(strings.TrimSuffix(out, "\x00"), "\x00") {
		c := samples[ids[i]].commit
		want := fmt.Sprintf("%s|%s|%s|%s|%s|%d|%s|%s|%d|%s", c.ID, c.Tree, strings.Join(c.Parents, " "), c.Author.Name, c.Author.Email, c.Author.When.Unix(),
			c.Committer.Name, c.Committer.Email, c.Committer.When.Unix(), c.Message)
		if plain(got) != plain(want) {
			t.Errorf("git reads  %q\nwe read    %q\nin %q", got, want, samples[ids[i]].raw)
		}
	}
}

// plain takes out what git log does to text: blanks around names, and blank
// lines at the ends of messages.
func plain(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool { return r <= ' ' }), " ")
	return strings.NewReplacer(" |", "|", "| ", "|").Replace(s)
}
