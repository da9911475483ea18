package pack_test

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the length of Git's ids, not a choice
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git/pack"
)

const limit = 10 << 20

// repo is a repository with some history, made by git.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T, format string) *repo {
	t.Helper()
	r := &repo{t, t.TempDir()}
	r.git("", "init", "-q", "--object-format="+format)
	rng := rand.New(rand.NewPCG(1, 2))
	file := make([]byte, 20000)
	for i := range file {
		file[i] = byte(rng.Uint32())
	}
	var stream strings.Builder
	for i := range 60 {
		file[rng.IntN(len(file))] ^= 1
		big := append(slices.Clone(file), strings.Repeat("line "+strconv.Itoa(i)+"\n", i)...)
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter a <a@b.c> %d +0000\ndata 3\nc%02d\n", 1700000000+i, i)
		fmt.Fprintf(&stream, "M 644 inline dir/f%d\ndata 3\n%03d\nM 644 inline big\ndata %d\n%s\nM 644 inline empty\ndata 0\n\n", i, i, len(big), big)
	}
	stream.WriteString("tag v1\nfrom refs/heads/main\ntagger a <a@b.c> 1700000000 +0000\ndata 1\nx\n")
	r.git(stream.String(), "fast-import", "--quiet")
	return r
}

func (r *repo) git(stdin string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = r.dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

func (r *repo) objects() string { return filepath.Join(r.dir, ".git", "objects") }

func (r *repo) ids() []string {
	return strings.Fields(r.git("", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
}

// check reads every object, and makes sure that it is what its id says.
func (r *repo) check(s *pack.Store) {
	r.t.Helper()
	ids := r.ids()
	if len(ids) < 200 {
		r.t.Fatalf("%d objects only", len(ids))
	}
	for _, id := range ids {
		o, ok := s.Read(id, limit)
		if !ok {
			r.t.Fatalf("%s is not found", id)
		}
		if got := idOf(o, len(id)); got != id {
			r.t.Errorf("%s: has the content of %s", id, got)
		}
		if int64(len(o.Content)) != o.Size {
			r.t.Errorf("%s: %d bytes, said to be %d", id, len(o.Content), o.Size)
		}
		if !s.Has(id) {
			r.t.Errorf("%s is there, and not to be had", id)
		}
	}
}

func idOf(o pack.Object, digits int) string {
	data := append(fmt.Appendf(nil, "%s %d\x00", o.Kind, o.Size), o.Content...)
	if digits == 64 {
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	}
	sum := sha1.Sum(data) //nolint:gosec // as Git's ids are
	return hex.EncodeToString(sum[:])
}

func TestStore(t *testing.T) {
	for name, arrange := range map[string]func(r *repo){
		"as it was imported": func(*repo) {},
		"one pack of long chains of deltas": func(r *repo) {
			r.git("", "repack", "-q", "-adf", "--depth=300", "--window=60")
		},
		"deltas that name their bases": func(r *repo) {
			r.git("", "-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-adf")
		},
		"no compression": func(r *repo) { r.git("", "-c", "pack.compression=0", "repack", "-q", "-adf") },
		"large offsets": func(r *repo) {
			r.git("", "repack", "-q", "-adf")
			packs, err := filepath.Glob(filepath.Join(r.objects(), "pack", "*.pack"))
			if err != nil || len(packs) != 1 {
				r.t.Fatal(packs, err)
			}
			r.git("", "index-pack", "--index-version=2,0x40", packs[0])
		},
		"files of their own": func(r *repo) {
			packs, err := filepath.Glob(filepath.Join(r.objects(), "pack", "*.pack"))
			if err != nil || len(packs) == 0 {
				r.t.Fatal("no packs", err)
			}
			for _, p := range packs {
				data, err := os.ReadFile(p)
				if err != nil {
					r.t.Fatal(err)
				}
				moved, err := filepath.Glob(strings.TrimSuffix(p, ".pack") + ".*")
				if err != nil {
					r.t.Fatal(err)
				}
				for _, m := range moved {
					if err := os.Remove(m); err != nil {
						r.t.Fatal(err)
					}
				}
				r.git(string(data), "unpack-objects", "-q")
			}
		},
		"several packs": func(r *repo) {
			for _, part := range []string{"main~40", "^main~40\nmain~20", "^main~20\nmain"} {
				r.git(part+"\n", "pack-objects", "-q", "--revs", filepath.Join(r.objects(), "pack", "pack"))
			}
		},
	} {
		for _, format := range []string{"sha1", "sha256"} {
			t.Run(name+", "+format, func(t *testing.T) {
				r := newRepo(t, format)
				arrange(r)
				s := pack.Open(r.objects())
				defer s.Close()
				r.check(s)
				r.check(s) // from what it keeps
			})
		}
	}
}

func TestLimit(t *testing.T) {
	r := newRepo(t, "sha1")
	big := strings.TrimSpace(r.git("", "rev-parse", "main~30:big"))
	size, err := strconv.ParseInt(strings.TrimSpace(r.git("", "cat-file", "-s", big)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"repack -q -adf --depth=300", "unpack"} {
		if how == "unpack" {
			big = strings.TrimSpace(r.git(strings.Repeat("x", int(size)), "hash-object", "-w", "--stdin"))
		} else {
			r.git("", strings.Fields(how)...)
		}
		for _, limit := range []int64{0, 1, size - 1, size, size + 1} {
			s := pack.Open(r.objects()) // so that it keeps nothing
			o, ok := s.Read(big, limit)
			if !ok || o.Kind != "blob" || o.Size != size || (o.Content == nil) != (limit < size) {
				t.Errorf("%s, limit %d: %v, %s of %d bytes, content: %v", how, limit, ok, o.Kind, o.Size, o.Content != nil)
			}
			s.Close()
		}
	}
}

// TestChanges reads while others write.
func TestChanges(t *testing.T) {
	r := newRepo(t, "sha1")
	s := pack.Open(r.objects())
	defer s.Close()
	r.check(s)
	loose := strings.TrimSpace(r.git("new", "hash-object", "-w", "--stdin"))
	if _, ok := s.Read(loose, limit); !ok {
		t.Error("a new file is not found")
	}
	r.git("", "repack", "-q", "-adf") // the pack that is open is gone
	r.check(s)
	r.git("tree "+strings.TrimSpace(r.git("", "rev-parse", "main^{tree}"))+"\n", "hash-object", "-t", "tree", "--literally", "--stdin")
	for _, id := range []string{strings.Repeat("0", 40), strings.Repeat("0", 64), "", "x", "zz", strings.Repeat("z", 40), "../../../etc/passwd"} {
		if _, ok := s.Read(id, limit); ok || s.Has(id) {
			t.Errorf("%q is found", id)
		}
	}
}

// TestPipes puts something else where objects would be: nothing waits for it.
func TestPipes(t *testing.T) {
	r := newRepo(t, "sha1")
	id := strings.Repeat("ab", 20)
	packs, err := filepath.Glob(filepath.Join(r.objects(), "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	head := strings.TrimSpace(r.git("", "rev-parse", "main"))
	for _, name := range append(packs, filepath.Join(r.objects(), id[:2], id[2:])) {
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		_ = os.Remove(name)
		if out, err := exec.Command("mkfifo", name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	s := pack.Open(r.objects())
	defer s.Close()
	for _, id := range []string{id, head} {
		if _, ok := s.Read(id, limit); ok || s.Has(id) {
			t.Errorf("%s is found", id)
		}
	}
}

// TestNoStore reads where there is nothing.
func TestNoStore(t *testing.T) {
	s := pack.Open(filepath.Join(t.TempDir(), "none"))
	defer s.Close()
	if _, ok := s.Read(strings.Repeat("a", 40), limit); ok || s.Has(strings.Repeat("a", 40)) {
		t.Error("something is found")
	}
}

// TestDamage changes single bytes, and cuts files off: what is read then is right,
// or not found, or seen to be wrong by its id.
func TestDamage(t *testing.T) {
	r := newRepo(t, "sha1")
	r.git("", "repack", "-q", "-adf", "--depth=100")
	ids := r.ids()
	files, err := filepath.Glob(filepath.Join(r.objects(), "pack", "pack-*"))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, file := range files {
		if !strings.HasSuffix(file, ".pack") && !strings.HasSuffix(file, ".idx") {
			continue
		}
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			bad := slices.Clone(good)
			if i%4 == 0 {
				bad = bad[:rng.IntN(len(bad))]
			} else {
				bad[rng.IntN(len(bad))] ^= byte(1 << rng.IntN(8))
			}
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s := pack.Open(r.objects())
			for _, id := range ids {
				_, _ = s.Read(id, limit)
			}
			s.Close()
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := pack.Open(r.objects())
	defer s.Close()
	r.check(s)
}
