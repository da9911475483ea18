package integrity

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

// people are the keys of a lab: whose they are is for the signers file to say.
type people map[string]*gittest.Key

func newPeople(t testing.TB, names ...string) people {
	p := people{}
	for _, name := range names {
		p[name] = gittest.SSHKey(t)
	}
	return p
}

// allowed writes the signers file that every lab starts from.
func (p people) allowed() string {
	var b strings.Builder
	b.WriteString("# who may commit\n")
	for _, name := range []string{"alice", "bob", "carol", "forge"} {
		if k := p[name]; k != nil {
			b.WriteString(name + `@example.com namespaces="git" ` + k.Public + "\n")
		}
	}
	if k := p["oldbob"]; k != nil {
		b.WriteString(`bob@example.com namespaces="git",valid-before="20250101Z" ` + k.Public + "\n")
	}
	return b.String()
}

// lab is a repository of three signed commits, all of them accepted.
type lab struct {
	*gittest.Repo
	t        testing.TB
	keys     people
	accepted string
	trust    Trust
	seen     time.Time
	mirror   *git.Mirror
	dir      string // of the mirror
	history  History
	ctx      context.Context
}

const (
	webWithRoot = "kind: Deployment\nrunAsRoot: true\n"
	webFixed    = "kind: Deployment\nrunAsRoot: false\n"
)

func newLab(t testing.TB, keys people, initArgs ...string) *lab {
	l := &lab{Repo: gittest.New(t, initArgs...), t: t, keys: keys, ctx: t.Context(), dir: filepath.Join(t.TempDir(), "mirror.git")}
	l.as("alice")
	root := l.Repo.Commit("base", map[string]string{
		DefaultSignersPath:     keys.allowed(),
		"apps/web/deploy.yaml": webWithRoot,
	})
	l.as("bob")
	l.Repo.Commit("add service", map[string]string{"apps/web/svc.yaml": "kind: Service\n"})
	l.as("alice")
	l.accepted = l.Repo.Commit("SECURITY: drop root", map[string]string{"apps/web/deploy.yaml": webFixed})
	l.trust = Trust{Root: root}
	l.seen = l.Time.Add(24 * time.Hour)
	opts := git.Options{Dir: l.dir, URL: l.FileURL(), AllowProtocols: []string{"file"}}
	if len(initArgs) > 0 {
		opts.ObjectFormat = "sha256"
	}
	var err error
	if l.mirror, err = git.OpenMirror(l.ctx, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.mirror.Close() })
	l.history = l.mirror
	l.fetch()
	return l
}

// fetch brings the branch to the mirror. What git itself refuses is put there
// by force, so that the verifier has to see it.
func (l *lab) fetch() {
	l.t.Helper()
	_, err := l.mirror.Fetch(l.ctx, "refs/heads/main")
	if _, refused := errors.AsType[*git.MalformedError](err); refused {
		cmd := exec.Command("git", "--git-dir="+l.dir, "fetch", "-q", "--no-tags", l.FileURL(), "+refs/heads/main:refs/forced")
		if cmd.Run() == nil {
			return
		}
		cmd = exec.Command("git", "--git-dir="+l.dir, "hash-object", "-t", "commit", "--literally", "-w", "--stdin")
		cmd.Stdin = bytes.NewReader(l.Raw(l.Head()))
		_, err = cmd.Output()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// as makes the next commits a person's, signed by the key of that name.
func (l *lab) as(name string) *lab {
	l.Name, l.Email, l.Key = name, name+"@example.com", l.keys[name]
	return l
}

// with signs the next commits by the key of another name.
func (l *lab) with(key string) *lab {
	l.Key = l.keys[key]
	return l
}

func (l *lab) unsigned() *lab {
	l.Key = nil
	return l
}

// edit commits a change of one manifest.
func (l *lab) edit(message string) string {
	return l.Repo.Commit(message, map[string]string{"apps/web/svc.yaml": "kind: Service\nname: " + message + "\n"})
}

// payload is what a signature of a commit on top of the present one is over.
// The lines in headers replace author and committer.
func (l *lab) payload(tree string, headers ...string) string {
	return "tree " + tree + "\nparent " + l.Head() + "\n" + strings.Join(headers, "\n") + "\n\nraw\n"
}

// person is the value of an author or committer header.
func (l *lab) person(name string) string {
	return name + " <" + name + "@example.com> 1772366400 +0000"
}

// put writes a raw commit and moves the branch to it.
func (l *lab) put(payload, signature string) string {
	id := l.Object("commit", []byte(withSignature(payload, signature)))
	l.SetRef("refs/heads/main", id)
	return id
}

// withSignature adds a signature header after the other headers.
func withSignature(payload, signature string) string {
	if signature == "" {
		return payload
	}
	head, message, _ := strings.Cut(payload, "\n\n")
	sig := strings.ReplaceAll(strings.TrimSuffix(signature, "\n"), "\n", "\n ")
	return head + "\ngpgsig " + sig + "\n\n" + message
}

func (l *lab) check() Result {
	l.t.Helper()
	l.fetch()
	tip := l.Head()
	result, err := Check(l.ctx, l.history, l.trust, l.accepted, tip, func(string) time.Time { return l.seen })
	if err != nil {
		l.t.Fatal(err)
	}
	if result.Decision.Passes() != (result.Accepted == tip) {
		l.t.Errorf("decision %s, but accepted %s of tip %s", result.Decision, result.Accepted, tip)
	}
	return result
}

// codes lists the distinct codes of problems, sorted.
func codes(problems []Problem) []Code {
	var all []Code
	for _, p := range problems {
		all = append(all, p.Code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tagState reads what a tag's ref is.
func (l *lab) tagState(name string) TagState {
	ref := "refs/tags/" + name
	s := TagState{Object: l.Git("rev-parse", ref), Target: l.Git("rev-parse", ref+"^{commit}")}
	if l.Git("cat-file", "-t", s.Object) == "tag" {
		s.Signed = len(l.tag(name).Signature) > 0
	}
	return s
}

func (l *lab) tag(name string) *git.Tag {
	l.t.Helper()
	id := l.Git("rev-parse", "refs/tags/"+name)
	tag, err := git.ParseTag(id, l.Raw(id))
	if err != nil {
		l.t.Fatal(err)
	}
	return tag
}

// signers are those of the accepted commit.
func (l *lab) signers() *Signers {
	l.t.Helper()
	tree, err := l.mirror.Tree(l.ctx, l.accepted)
	if err != nil {
		l.t.Fatal(err)
	}
	signers, err := LoadSigners(tree, DefaultSignersPath, DefaultKeysDir)
	if err != nil {
		l.t.Fatal(err)
	}
	return signers
}

// verifyTag judges a tag by the signers of the accepted commit.
func (l *lab) verifyTag(name string) []Problem {
	l.t.Helper()
	_, problems := VerifyTag("refs/tags/"+name, l.tag(name), l.signers(), l.seen)
	return problems
}
