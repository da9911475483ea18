package integrity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// gitlink adds a submodule to the index as no command of Git would.
func (l *lab) gitlink(path string) {
	l.Git("update-index", "--add", "--cacheinfo", "160000,"+l.Head()+","+path)
	l.signIndex()
}

// signIndex commits what is in the index.
func (l *lab) signIndex() {
	l.as("alice")
	l.Git("-c", "gpg.format=ssh", "-c", "user.signingkey="+l.Key.PrivateFile(), "commit", "-q", "-S", "-m", "x")
}

// link commits a symbolic link.
func (l *lab) link(name, target string) {
	l.as("alice").Symlink(name, target)
	l.Git("add", "--all")
	l.signIndex()
}

// file commits a file.
func (l *lab) file(name, content string) { l.as("alice").Commit("x", map[string]string{name: content}) }

const goodModules = "[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.com/lib.git\n"

var treeAttacks = []attack{
	{"E10 link out of the repository", "whoever renders follows it", func(l *lab) { l.link("apps/web/values.yaml", "/etc/passwd") }, Deny, []Code{TreeSymlink}},
	{"E10b link up too far", "it leads out by steps", func(l *lab) { l.link("apps/web/values.yaml", "../../../etc/passwd") }, Deny, []Code{TreeSymlink}},
	{"E10c link that goes down and up", "what it goes up from may be a link", func(l *lab) { l.link("apps/web/values.yaml", "x/../../svc.yaml") }, Deny, []Code{TreeSymlink}},
	{"E10d link to a drive", "other systems have other roots", func(l *lab) { l.link("values.yaml", `C:/secret`) }, Deny, []Code{TreeSymlink}},
	{"E10e link with a backslash", "other systems have other separators", func(l *lab) { l.link("values.yaml", `..\secret`) }, Deny, []Code{TreeSymlink}},
	{"E10f link changes its target", "a link that was good is judged anew", func(l *lab) {
		l.link("values.yaml", "apps/web/svc.yaml")
		l.Remove("values.yaml")
		l.link("values.yaml", "/etc/passwd")
	}, Deny, []Code{TreeSymlink}},
	{"E11 link into .git", "it shows or changes the configuration", func(l *lab) { l.link("values.yaml", ".git/config") }, Deny, []Code{TreeSymlink}},
	{"E11b link into .GIT", "on some systems that is the same", func(l *lab) { l.link("values.yaml", "apps/../.GIT/config") }, Deny, []Code{TreeSymlink}},
	{"E12 link in the place of CODEOWNERS", "another file would say who reviews", func(l *lab) { l.link("CODEOWNERS", "apps/web/svc.yaml") }, Deny, []Code{TreeSymlink}},
	{"E12b link in the place of workflows", "a whole directory is replaced", func(l *lab) { l.link(".github", "apps") }, Deny, []Code{TreeSymlink}},
	{"P20 link within the repository", "links that stay inside are fine", func(l *lab) { l.link("apps/web/values.yaml", "../web/./svc.yaml") }, Allow, nil},
	{"E13 directory that folds to a protected one", "one of the two is read", func(l *lab) { l.file(".Holdfast/allowed_signers", "x\n") }, Deny, []Code{TreePath}},
	{"E13b file that folds to another", "one of the two is there", func(l *lab) { l.file("apps/web/SVC.yaml", "kind: Service\n") }, Warn, []Code{TreePath}},
	{"E14 two forms of a letter", "on some systems they are one", func(l *lab) {
		l.as("alice").Commit("x", map[string]string{"caf\u00e9.yaml": "a: 1\n", "cafe\u0301.yaml": "a: 1\n"})
	}, Warn, []Code{TreePath}},
	{"E21 submodule without .gitmodules", "nobody knows where it is from", func(l *lab) { l.gitlink("lib") }, Deny, []Code{TreeSubmodule}},
	{"E21b submodule with .gitmodules", "somebody has to look", func(l *lab) {
		l.Write(map[string]string{".gitmodules": goodModules})
		l.Git("add", ".gitmodules")
		l.gitlink("lib")
	}, Hold, []Code{TreeSubmodule}},
	{"E22 other URL", "the content comes from elsewhere", func(l *lab) { l.file(".gitmodules", goodModules) }, Hold, []Code{TreeSubmodule}},
	{"E23 option for a URL", "a program takes it for its own", func(l *lab) {
		l.file(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = --upload-pack=evil\n")
	}, Deny, []Code{TreeSubmodule}},
	{"E23b URL with a line break", "it ends a line of a protocol", func(l *lab) {
		l.file(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = \"https://example.com/\\nx\"\n")
	}, Deny, []Code{TreeSubmodule}},
	{"E23c option for a path", "a program takes it for its own", func(l *lab) {
		l.file(".gitmodules", "[submodule \"lib\"]\n\tpath = -x\n\turl = https://example.com/\n")
	}, Deny, []Code{TreeSubmodule}},
	{"E23d name that leads to the hooks", "git clones it there", func(l *lab) {
		l.file(".gitmodules", "[submodule \"../../hooks\"]\n\tpath = lib\n\turl = https://example.com/\n")
	}, Deny, []Code{TreeSubmodule}},
	{"E23e update that runs a program", "whatever it is", func(l *lab) {
		l.file(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.com/\n\tupdate = !touch x\n")
	}, Deny, []Code{TreeSubmodule}},
	{"E23f helper for a URL", "ext:: runs a program", func(l *lab) {
		l.file(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = \"ext::sh -c evil\"\n")
	}, Deny, []Code{TreeSubmodule}},
	{"E23g file that cannot be parsed", "two programs read two things", func(l *lab) { l.file(".gitmodules", "[submodule \"lib\n") }, Deny, []Code{TreeSubmodule}},
	{"E24 other name for .gitmodules", "some systems take it for that", func(l *lab) { l.file("GITMOD~1", goodModules) }, Deny, []Code{TreeSubmodule}},
	{"E26 filter", "the work tree holds what a program writes", func(l *lab) { l.file(".gitattributes", "*.yaml filter=x\n") }, Deny, []Code{TreeAttr}},
	{"E26b filter by a macro of another directory", "macros of the root hold below", func(l *lab) {
		l.file(".gitattributes", "[attr]quiet filter=x\n")
	}, Deny, []Code{TreeAttr}},
	{"E26c filter of pictures", "LFS is often used for them", func(l *lab) { l.file(".gitattributes", "*.psd filter=lfs\n") }, Warn, []Code{TreeAttr}},
	{"E27 export-ignore", "archives leave it out", func(l *lab) { l.file("apps/.gitattributes", "** export-ignore\n") }, Deny, []Code{TreeAttr}},
	{"E28 export-subst", "archives hold what committers choose", func(l *lab) { l.file(".gitattributes", "apps/web/svc.yaml export-subst\n") }, Deny, []Code{TreeAttr}},
	{"E29 working-tree-encoding", "the bytes are others", func(l *lab) { l.file(".gitattributes", "*.ym[l] working-tree-encoding=UTF-16\n") }, Deny, []Code{TreeAttr}},
	{"E30 ident", "the work tree differs", func(l *lab) { l.file(".gitattributes", "apps/** ident\n") }, Deny, []Code{TreeAttr}},
	{"P21 attributes of line ends", "they are harmless", func(l *lab) { l.file(".gitattributes", "* text=auto eol=lf\n") }, Allow, nil},
	{"E35 file becomes a submodule", "its content is gone", func(l *lab) {
		l.Remove("apps/web/svc.yaml")
		l.Git("add", "--all")
		l.gitlink("apps/web/svc.yaml")
	}, Deny, []Code{TreeSubmodule}},
}

func TestTrees(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol")
	for _, a := range treeAttacks {
		t.Run(a.row, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, keys)
			a.do(l)
			result := l.check()
			got := slices.DeleteFunc(codes(result.Problems), func(c Code) bool { return c == TimeAnomaly })
			if result.Decision != a.want || !slices.Equal(got, a.codes) {
				t.Errorf("%s %v, want %s %v: %s\n%v", result.Decision, got, a.want, a.codes, a.reason, result.Problems)
			}
		})
	}
}

// TestTreesInMerges proves that what a merge brings in by itself is judged as well.
func TestTreesInMerges(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
	l.as("alice").Merge("merge", "side")
	l.Symlink("values.yaml", "/etc/passwd")
	l.Git("add", "--all")
	l.mergeTree(ours, theirs, l.Git("write-tree"))
	if got := codes(l.check().Problems); !slices.Contains(got, TreeSymlink) || !slices.Contains(got, MergeEvil) {
		t.Errorf("%v", got)
	}
}

// TestTargets goes through targets of a link in two directories.
func TestTargets(t *testing.T) {
	for target, bad := range map[string]bool{
		"svc.yaml": false, "./svc.yaml": false, "../svc.yaml": false, "../../svc.yaml": false, "../../../svc.yaml": true, "..": false, "../..": false, "": true,
		"/": true, "a/..": true, "../a/../b": true, "c:": true, "C:\\x": true, "a\x00b": true, "a\nb": true, ".git": true, "../../.git/hooks": true, "x/.gIt/config": true, "git~1": true,
		".gitignore": false, "..a": false, "a//b": false,
	} {
		if reason := badTarget("apps/web/x", target); (reason != "") != bad {
			t.Errorf("%q: %q", target, reason)
		}
	}
}

// TestLimitsOfTheTrustFile proves that its limits of trees are kept.
func TestLimitsOfTheTrustFile(t *testing.T) {
	for _, test := range []struct {
		limits, message string
		files           map[string]string
	}{
		{"entries: 12", "files and directories", func() map[string]string {
			files := map[string]string{}
			for i := range 12 {
				files[fmt.Sprintf("f%d", i)] = "x"
			}
			return files
		}()},
		{"depth: 3", "directories within each other", map[string]string{"a/b/c/d/e": "x"}},
		{"bytes: 2000", "bytes", map[string]string{"large": strings.Repeat("x", 2001)}},
	} {
		keys := newPeople(t, "alice", "bob")
		l := newLab(t, keys)
		l.as("alice").Commit("trust", map[string]string{".holdfast/trust.yaml": "version: 1\nrepository: example.com/x\nidentities:\n" +
			"- name: alice\n  emails: [alice@example.com]\n  keys: [{ssh: " + keys["alice"].Public + "}]\n  roles: [admin]\n" +
			"- name: bob\n  emails: [bob@example.com]\n  keys: [{ssh: " + keys["bob"].Public + "}]\n" +
			"limits: {" + test.limits + "}\n"})
		if r := l.check(); !r.Decision.Passes() {
			t.Fatal(r.Problems)
		}
		l.accepted = l.Head()
		l.as("bob").Commit("x", test.files)
		r := l.check()
		if r.Decision != Deny || !slices.Contains(codes(r.Problems), TreeLimit) || !strings.Contains(r.Problems[0].Message, test.message) {
			t.Errorf("%s: %v", test.limits, r.Problems)
		}
	}
}
