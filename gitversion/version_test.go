package gitversion_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/gitversion"
)

func TestParse(t *testing.T) {
	for _, test := range []struct{ text, want, reason string }{
		{"git version 2.39.5 (Apple Git-154)", "git 2.39.5 (apple)", "Xcode"},
		{"git/2.39.5.(Apple.Git-154)", "git 2.39.5 (apple)", "an agent has points for spaces"},
		{"git version 2.39.2.windows.1", "git 2.39.2.windows.1", "Git for Windows"},
		{"git/2.55.0.windows.4", "git 2.55.0.windows.4", "its agent"},
		{"1:2.39.5-0+deb12u3", "git 2.39.5 (debian)", "a package of Debian"},
		{"1:2.34.1-1ubuntu1.11", "git 2.34.1 (ubuntu)", "a package of Ubuntu"},
		{"2.43.5-1.el8_10", "git 2.43.5 (rhel)", "a package of Red Hat"},
		{"2.45.2-r0", "git 2.45.2 (alpine)", "a package of Alpine"},
		{"2.39.5-3", "git 2.39.5 (package)", "some package"},
		{"2.39.5", "git 2.39.5", "what git.Check tells"},
		{"agent=git/2.30.2", "git 2.30.2", "a capability"},
		{"git/2.50.1-Linux", "git 2.50.1", "with a system"},
		{"git/2.45.2.gl1", "git 2.45.2 (gitlab)", "what GitLab builds"},
		{"git/1.8.3.1", "git 1.8.3", "a fourth number"},
		{"git/2.56.0.rc1", "git 2.56.0", "a candidate"},
		{"git/2.43.0.118.gdeadbeef", "git 2.43.0", "built from a commit"},
		{"agent=git/github-8f3ad21c12e5", "github of unknown version", "the service"},
		{"git/isomorphic-git@1.7.8", "other of unknown version", "says git, is none"},
		{"git/dulwich/0.21.7", "other of unknown version", "says git, is none"},
		{"JGit/6.7.0.202309050840-r", "jgit 6.7.0", "a build"},
		{"JGit/5.13.3.202401111512-r", "jgit 5.13.3", "an older one"},
		{"go-git/5.x", "go-git of unknown version", "what it sends"},
		{"go-git/5.12.0", "go-git 5.12.0", "with a number"},
		{"git/2.0 (libgit2 1.7.1)", "libgit2 1.7.1", "pretends to be git"},
		{"git-lfs/3.4.0 (GitHub; linux amd64; go 1.20)", "git-lfs 3.4.0", "another program"},
		{"gitea version 1.21.3 built with GNU Make", "gitea 1.21.3", "its command"},
		{"Gitea/1.26.3", "gitea 1.26.3", "its agent"},
		{"git/99999999.1", "other of unknown version", "too long for a number"},
		{"git/", "other of unknown version", "nothing there"},
	} {
		v, err := gitversion.Parse(test.text)
		if err != nil || v.String() != test.want {
			t.Errorf("Parse(%q) = %s, %v; want %s: %s", test.text, v, err, test.want, test.reason)
		}
	}
	for _, text := range []string{"", "x", "Mozilla/5.0", "curl/7.88.1", "2", "2.x", "git", "agent="} {
		if v, err := gitversion.Parse(text); !errors.Is(err, gitversion.ErrNoVersion) {
			t.Errorf("Parse(%q) = %s, %v; want no version", text, v, err)
		}
	}
	if v, _ := gitversion.Parse("git/2.56.0.rc1"); !v.Candidate {
		t.Error("a candidate is taken for a release")
	}
}

func TestJudge(t *testing.T) {
	const none = gitversion.Confidence(99)
	for _, test := range []struct {
		text, cve string
		proof     gitversion.Proof
		want      gitversion.Confidence
		reason    string
	}{
		{"git/2.30.1", "CVE-2021-40330", nil, none, "fixed in this very release"},
		{"git/2.29.3", "CVE-2021-40330", nil, gitversion.Likely, "no older line got the fix"},
		{"git/2.38.1", "CVE-2025-48384", nil, gitversion.Likely, "a line that nobody mends"},
		{"git/2.39.5", "CVE-2025-48384", nil, gitversion.Unknown, "Debian has this version"},
		{"git/2.39.5", "CVE-2024-52005", nil, gitversion.Likely, "distributions did not add this one"},
		{"git version 2.39.5 (Apple Git-154)", "CVE-2025-48384", nil, gitversion.Unknown, "Apple adds fixes"},
		{"git version 2.39.4 (Apple Git-150)", "CVE-2024-32002", nil, none, "fixed"},
		{"git version 2.39.3 (Apple Git-146)", "CVE-2024-32002", nil, gitversion.Unknown, "files that differ in case are one"},
		{"git/2.38.0", "CVE-2024-32002", nil, none, "nothing says that files differing in case are one"},
		{"git/2.38.1", "CVE-2025-48384", gitversion.Proof{"CVE-2025-48384": true}, none, "a probe proved the fix"},
		{"git/2.38.1", "CVE-2025-48384", gitversion.Proof{"CVE-2025-48384": false}, gitversion.Certain, "a probe proved the hole"},
		{"git/2.55.0", "CVE-2025-48384", gitversion.Proof{"CVE-2025-48384": false}, gitversion.Certain, "the version lies"},
		{"git/2.38.1", "CVE-2025-48385", gitversion.Proof{"CVE-2025-48384": true}, gitversion.Unknown, "somebody adds fixes to it"},
		{"git/2.50.0", "CVE-2025-48385", nil, gitversion.Likely, "one before the fix"},
		{"git/2.50.1", "CVE-2025-48385", nil, none, "the fix"},
		{"git/2.51.0", "CVE-2025-48385", nil, none, "a later line"},
		{"git/2.37.7", "CVE-2025-48385", nil, none, "older than the feature"},
		{"git/2.50.1.rc0", "CVE-2025-48385", nil, gitversion.Likely, "a candidate of the fix"},
		{"git version 2.55.0.windows.3", "CVE-2026-62960", nil, gitversion.Likely, "a build before the fix"},
		{"git version 2.55.0.windows.4", "CVE-2026-62960", nil, none, "the build"},
		{"git version 2.54.0.windows.3", "CVE-2026-62960", nil, none, "the build of the line before"},
		{"git version 2.53.0.windows.9", "CVE-2026-62960", nil, gitversion.Likely, "a line that did not get it"},
		{"git/2.54.0", "CVE-2026-62960", nil, none, "not Windows"},
		{"git version 2.50.1.windows.1", "CVE-2025-48384", nil, none, "the build is more than the release"},
		{"go-git/5.18.0", "CVE-2026-45022", nil, gitversion.Likely, "of another product"},
		{"go-git/5.19.0", "CVE-2026-45022", nil, none, "fixed"},
		{"go-git/5.x", "CVE-2026-45022", nil, none, "nobody knows"},
		{"JGit/6.7.0.202309050840-r", "CVE-2025-4949", nil, gitversion.Likely, "before 6.10.1"},
		{"git/2.0 (libgit2 1.9.6)", "CVE-2026-5917", nil, gitversion.Likely, "not of Git 2.0"},
	} {
		v, err := gitversion.Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		got := none
		for _, r := range gitversion.Judge(v, ^gitversion.Role(0), test.proof) {
			if r.ID == test.cve {
				got = r.Confidence
			}
		}
		if got != test.want {
			t.Errorf("%s in %s: %d, want %d: %s", test.cve, test.text, got, test.want, test.reason)
		}
	}
}

// The roles choose: a hole of git shell is none of who clones.
func TestJudgeByRole(t *testing.T) {
	v, _ := gitversion.Parse("git/2.35.0")
	ids := func(roles gitversion.Role) (out string) {
		for _, r := range gitversion.Judge(v, roles, nil) {
			out += r.ID + " "
		}
		return out
	}
	if server := ids(gitversion.Server); !strings.Contains(server, "CVE-2022-39260 ") || strings.Contains(server, "CVE-2025-48384 ") {
		t.Errorf("at a server: %s", server)
	}
	if client := ids(gitversion.AnyClient); strings.Contains(client, "CVE-2022-39260 ") || !strings.Contains(client, "CVE-2025-48384 ") || strings.Contains(client, "CVE-2025-27614 ") {
		t.Errorf("at a client: %s", client)
	}
}

func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range gitversion.CVEs() {
		key := string(c.Product) + " " + c.ID
		if seen[key] || c.Roles == 0 || c.Allows == "" || strings.HasSuffix(c.Allows, ".") {
			t.Errorf("%s is there twice, or lacks something: %+v", key, c)
		}
		seen[key] = true
		last := gitversion.Number{}
		for _, release := range strings.Fields(c.Fixed) {
			v, err := gitversion.Parse(release)
			if err != nil || v.Number.Compare(last) <= 0 {
				t.Errorf("%s: %s comes after %s, %v", key, release, last, err)
			}
			last = v.Number
		}
		if last == (gitversion.Number{}) {
			t.Errorf("%s is fixed nowhere", key)
		}
	}
	v, _ := gitversion.Parse(gitversion.Recommended)
	if risks := gitversion.Judge(v, ^gitversion.Role(0), nil); len(risks) > 0 {
		t.Errorf("the recommended release has %s", risks[0].ID)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"git version 2.39.5 (Apple Git-154)", "1:2.39.5-0+deb12u3", "agent=git/2.50.1-Linux", "JGit/6.7.0.2023-r", "git/2.0 (libgit2 1.7.1)", "git/9.9.9.windows.9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := gitversion.Parse(text)
		if err != nil && (v.IsKnown() || !errors.Is(err, gitversion.ErrNoVersion)) {
			t.Fatalf("%+v with %v", v, err)
		}
		for _, n := range v.Number {
			if n < 0 || n > 999_999 {
				t.Fatalf("%+v", v)
			}
		}
		if strings.ContainsFunc(v.String(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q shows what was given", v)
		}
		gitversion.Judge(v, gitversion.AnyClient, nil)
	})
}
