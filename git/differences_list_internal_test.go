package git

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// difference is one way in which our grammar and git fsck --strict do not say
// the same of an object.
type difference struct {
	kind string
	what string // what the object holds, for people
	ours string // what we say, as an expression; empty where we accept
	git  string // what git says, as an expression, where we accept
	why  string // why it is so, for people
}

// differences is the whole list: an object about which we and git differ in any
// other way fails TestObjectsAgreeWithGit.
var differences = []difference{
	{kind: "commit", what: "a header that Git does not write, or one twice, or in another place", ours: `unknown, repeated or misplaced header`,
		why: "Readers differ about which of two headers counts: that is how one signed tree was shown and another was checked out."},
	{kind: "commit", what: "a header line without a value, or headers without an end", ours: `a header line without name, value or end|the headers have no end|no empty line after the headers`,
		why: "Git passes over what stands between the committer and the message."},
	{kind: "commit", what: "a signature that is not one armoured block, or two of them", ours: `the signature does not begin as one|something follows the signature|more than one signature|two signatures`,
		why: "Programs differ about which part of such a header they verify."},
	{kind: "commit", what: "a signature header of the other object format, or of none", ours: `is not a signature of this object format`,
		why: "It is no part of what Git verifies here, and would be a place for content that nothing covers."},
	{kind: "commit", what: "a committer of several lines", ours: `committer has more than one line`, why: "Git reads the first line only; the others would be signed and not shown."},
	{kind: "commit", what: "blanks within the date", ours: `has no valid time`, why: "There is one way to write a date."},
	{kind: "commit", what: "a time zone that is none on Earth", ours: `has no valid time zone`, why: "Git takes any four digits."},
	{kind: "tag", what: "a header that Git does not write, or one twice", ours: `unknown, repeated or misplaced header`, why: "As for commits."},
	{kind: "tag", what: "a header line without a value, or headers without an end", ours: `a header line without name, value or end|the headers have no end|no empty line after the headers`, why: "As for commits."},
	{kind: "tag", what: "something after the signature, or two signatures", ours: `something follows the signature|more than one signature|the signature does not begin as one`,
		why: "Git verifies what stands before the last of several signatures and shows what follows as the tag's text."},
	{kind: "tag", what: "a NUL byte in the text", ours: `holds a NUL byte`, why: "What stands after it is signed and not shown."},
	{kind: "tag", what: "a header of several lines", ours: `has more than one line`, why: "Git reads the first line only."},
	{kind: "tag", what: "blanks within the date", ours: `has no valid time`, why: "As for commits."},
	{kind: "tag", what: "a name that is not UTF-8", ours: `is no name for a tag`, why: "It cannot be shown or compared as what it is."},
	{kind: "tag", what: "no tagger", git: `missingTaggerEntry`,
		why: "The oldest tags have none. It is well-formed, and refused afterwards with ID_COMMITTER, since nobody says that he made it."},
	{kind: "tree", what: "a name that is not UTF-8, or holds a control character or a backslash", ours: `not UTF-8|holds a control character|holds a slash or backslash`,
		why: "It is another file on another system, or shows as another one."},
	{kind: "tree", what: "a name that some file system takes for .git", ours: `stands for \.git on some systems`, why: "Git knows fewer spellings."},
	{kind: "tree", what: "a mode that Git no longer writes", ours: `unknown mode`, why: "Git of long ago wrote 100664; a mode has one meaning here."},
	{kind: "tree", what: "an entry that is not of the kind that its mode says", git: `broken`,
		why: "The tree is well-formed. Whoever reads the entry gets an error, and the commit is held."},
}

// onTheList reports whether both say the same, or differ as the list says.
func onTheList(kind string, ours error, git string) bool {
	if (ours == nil) == (git == "") {
		return true
	}
	for _, d := range differences {
		if d.kind != kind || (d.ours == "") != (ours == nil) {
			continue
		}
		if ours == nil && regexp.MustCompile("^(?:"+d.git+")$").MatchString(git) || ours != nil && regexp.MustCompile(d.ours).MatchString(ours.Error()) {
			return true
		}
	}
	return false
}

var updateDifferences = flag.Bool("update", false, "write docs/integrity-differences.md anew")

// TestDifferencesAreDocumented keeps the page for people as the list is.
func TestDifferencesAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Where Holdfast and git fsck differ

Holdfast accepts only objects in the one form that Git itself writes. This is the whole list of
what it says otherwise than ` + "`git fsck --strict`" + ` of Git 2.39 and later. A test changes good objects in
tens of thousands of ways and asks both; a difference that is not here fails it. Of commits that both
accept, it compares every field with what ` + "`git log`" + ` reads.

| Object | What it holds | Holdfast | git fsck | Why |
|---|---|---|---|---|
`)
	for _, d := range differences {
		ours, git := "refuses", "accepts, or only warns"
		if d.ours == "" {
			ours, git = "accepts", "refuses, or warns"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.kind, d.what, ours, git, d.why)
	}
	b.WriteString("\nNames of authors and committers are kept with the blanks around them, which `git log` leaves away.\n")
	const page = "../docs/integrity-differences.md"
	if *updateDifferences {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(page); err != nil || string(have) != b.String() {
		t.Errorf("%s is not as the list (%v); write it with go test ./git -run Differences -update", page, err)
	}
}
