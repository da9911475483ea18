package git_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

const (
	id1 = "1111111111111111111111111111111111111111"
	id2 = "2222222222222222222222222222222222222222"

	head = "tree " + id1 + "\nparent " + id2 + "\n"
	who  = "author A <a@example.com> 1772366400 +0000\ncommitter B <b@example.com> 1772366401 -0130\n"
	sig  = "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NI\n -----END SSH SIGNATURE-----\n"
)

func TestParseCommit(t *testing.T) {
	for _, tt := range []struct {
		reason, raw string
		ok          bool
	}{
		{"plain", head + who + "\nmessage\n", true},
		{"signed", head + who + sig + "\nmessage\n", true},
		{"no parent", "tree " + id1 + "\n" + who + "\nmessage\n", true},
		{"two parents", head + "parent " + id1 + "\n" + who + "\nmessage\n", true},
		{"no message", head + who + "\n", true},
		{"message that looks like headers", head + who + "\ntree " + id2 + "\n" + sig, true},
		{"headers other tools write", head + who + "encoding ISO-8859-1\nHG:extra branch:x\nchange-id abc\n" + sig + "\nm", true},
		{"merged tag", head + who + "mergetag object " + id2 + "\n type commit\n tag v1\n tagger A <a@b> 1 +0000\n \n text\n" + sig + "\nm", true},
		{"empty name", strings.Replace(head+who, "author A ", "author  ", 1) + "\nm", true},
		{"signature ends in an empty line", head + who + strings.TrimSuffix(sig, "\n") + "\n \n\nm", true},

		{"nothing", "", false},
		{"no end of headers", head + who, false},
		{"two trees", "tree " + id1 + "\n" + head + who + "\nm", false},
		{"a second tree after the committer", head + who + "tree " + id2 + "\n" + sig + "\nm", false},
		{"a second author", head + who + "author C <c@d> 1 +0000\n\nm", false},
		{"a parent after the author", "tree " + id1 + "\nauthor A <a@b> 1 +0000\nparent " + id2 + "\ncommitter A <a@b> 1 +0000\n\nm", false},
		{"no committer", head + "author A <a@b> 1 +0000\n\nm", false},
		{"no tree", who + "\nm", false},
		{"short id", "tree 1111\n" + who + "\nm", false},
		{"id in capitals", strings.ToUpper("tree ") + id1 + "\n" + who + "\nm", false},
		{"id of the other format", "tree " + id1 + id1[:24] + "\n" + who + "\nm", false},
		{"NUL in the message", head + who + "\nm\x00m", false},
		{"NUL in a header", strings.Replace(head+who, "author A", "author A\x00", 1) + "\nm", false},
		{"two signatures", head + who + sig + sig + "\nm", false},
		{"two signatures in one header", head + who + strings.TrimSuffix(sig, "\n") + strings.ReplaceAll("\n"+strings.TrimPrefix(sig, "gpgsig "), "\n-", "\n -") + "\nm", false},
		{"something after the signature", head + who + strings.TrimSuffix(sig, "\n") + "\n more\n\nm", false},
		{"signature without end", head + who + "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NI\n\nm", false},
		{"signature of one line", head + who + "gpgsig U1NI\n\nm", false},
		{"signature of the other format", head + who + strings.Replace(sig, "gpgsig", "gpgsig-sha256", 1) + "\nm", false},
		{"signatures of both formats", head + who + sig + strings.Replace(sig, "gpgsig", "gpgsig-sha256", 1) + "\nm", false},
		{"unknown signature header", head + who + strings.Replace(sig, "gpgsig", "gpgsig2", 1) + "\nm", false},
		{"unknown header", head + who + "reviewed-by alice\n\nm", false},
		{"two encodings", head + who + "encoding a\nencoding b\n\nm", false},
		{"continued tree", "tree " + id1 + "\n x\n" + who + "\nm", false},
		{"continued author", strings.Replace(head+who, "+0000\n", "+0000\n x\n", 1) + "\nm", false},
		{"two e-mails", strings.Replace(head+who, "<a@example.com>", "<a@example.com> x <b@example.com>", 1) + "\nm", false},
		{"bracket in the name", strings.Replace(head+who, "author A", "author A>", 1) + "\nm", false},
		{"no space before the e-mail", strings.Replace(head+who, "author A ", "author A", 1) + "\nm", false},
		{"no e-mail", strings.Replace(head+who, "<a@example.com> ", "", 1) + "\nm", false},
		{"leading zero in the time", strings.Replace(head+who, "1772366400", "01772366400", 1) + "\nm", false},
		{"time that overflows", strings.Replace(head+who, "1772366400", "18446744073709551617", 1) + "\nm", false},
		{"time with sign", strings.Replace(head+who, "1772366400", "-1", 1) + "\nm", false},
		{"no time zone", strings.Replace(head+who, " +0000", "", 1) + "\nm", false},
		{"odd time zone", strings.Replace(head+who, "+0000", "+51800", 1) + "\nm", false},
		{"time zone of another planet", strings.Replace(head+who, "+0000", "+9900", 1) + "\nm", false},
		{"more after the time zone", strings.Replace(head+who, "+0000", "+0000 x", 1) + "\nm", false},
	} {
		c, err := git.ParseCommit(id1, []byte(tt.raw))
		if _, malformed := errors.AsType[*git.MalformedError](err); tt.ok != (err == nil) || tt.ok == malformed {
			t.Errorf("%s: %v", tt.reason, err)
		}
		if tt.ok != (c != nil) {
			t.Errorf("%s: commit %v", tt.reason, c)
		}
	}
	for _, id := range []string{"", "main", id1[:39], strings.Repeat("A", 40)} {
		if _, err := git.ParseCommit(id, []byte(head+who+"\nm")); err == nil {
			t.Errorf("ParseCommit with id %q gives no error", id)
		}
	}
}

func TestParseCommitFields(t *testing.T) {
	c, err := git.ParseCommit(id1, []byte(head+who+sig+"\nsubject\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Tree, c.Parents, c.Author, c.Committer.Name, c.Committer.Email, c.Committer.When, " ", c.Subject())
	want := id1 + "[" + id2 + "] {A a@example.com 2026-03-01 12:00:00 +0000 +0000}Bb@example.com2026-03-01 10:30:01 -0130 -0130 subject"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if string(c.Payload) != head+who+"\nsubject\n\nbody\n" || string(c.Signature) != "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----" {
		t.Errorf("payload %q, signature %q", c.Payload, c.Signature)
	}
}

func TestParseTag(t *testing.T) {
	const tag = "object " + id1 + "\ntype commit\ntag v1\n"
	const tagger = "tagger A <a@example.com> 1772366400 +0000\n"
	const signature = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
	for _, tt := range []struct {
		reason, raw string
		ok          bool
	}{
		{"plain", tag + tagger + "\nmessage\n", true},
		{"signed", tag + tagger + "\nmessage\n" + signature, true},
		{"without tagger", tag + "\nmessage\n", true},
		{"without message", tag + tagger + "\n", true},
		{"two signatures", tag + tagger + "\nmessage\n" + signature + signature, false},
		{"text after the signature", tag + tagger + "\nmessage\n" + signature + "more\n", false},
		{"unknown type", strings.Replace(tag, "commit", "comet", 1) + tagger + "\nm", false},
		{"no name", "object " + id1 + "\ntype commit\n" + tagger + "\nm", false},
		{"name of a path", strings.Replace(tag, "v1", "../v1", 1) + tagger + "\nm", false},
		{"unknown header", tag + tagger + "x y\n\nm", false},
		{"two objects", "object " + id2 + "\n" + tag + tagger + "\nm", false},
		{"NUL", tag + tagger + "\nm\x00", false},
		{"no end of headers", tag + tagger, false},
	} {
		parsed, err := git.ParseTag(id2, []byte(tt.raw))
		if _, malformed := errors.AsType[*git.MalformedError](err); tt.ok != (err == nil) || tt.ok == malformed {
			t.Errorf("%s: %v", tt.reason, err)
		}
		if err == nil && string(parsed.Payload)+string(parsed.Signature) != tt.raw {
			t.Errorf("%s: payload %q and signature %q", tt.reason, parsed.Payload, parsed.Signature)
		}
	}
}

func TestObjectsThatGitWrites(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		for name, key := range map[string]*gittest.Key{"ssh": gittest.SSHKey(t), "gpg": gittest.GPGKey(t, "Ålice <alice@example.com>"), "none": nil} {
			r := gittest.New(t, "--object-format="+format)
			r.Name, r.Key = "Ålice", key
			r.Commit("subject\n\nbody", map[string]string{"a": "1"})
			r.Checkout("side")
			r.Commit("", map[string]string{"b": "1"})
			tag := r.Tag("side/v1", "HEAD", "a tag\n\nof two lines")
			r.Checkout("main")
			merge := r.Merge("merge", "side/v1") // has a mergetag header
			m := open(t, r.FileURL(), func(o *git.Options) { o.ObjectFormat = format })
			fetch(t, m, main, "refs/tags/side/v1")
			ids, err := m.Range(t.Context(), "", merge)
			if err != nil || len(ids) != 3 {
				t.Fatalf("%s %s: Range = %v, %v", format, name, ids, err)
			}
			for _, id := range ids {
				c, err := m.Commit(t.Context(), id)
				if err != nil {
					t.Fatalf("%s %s: %v", format, name, err)
				}
				raw := r.Raw(id)
				if key == nil && !bytes.Equal(c.Payload, raw) || (key == nil) != (c.Signature == nil) {
					t.Errorf("%s %s: signature %q", format, name, c.Signature)
				}
				want := r.Git("show", "--no-patch", "--format=%T %P|%an|%ae|%at|%cn|%ce|%ct|%s", id)
				got := fmt.Sprintf("%s %s|%s|%s|%d|%s|%s|%d|%s", c.Tree, strings.Join(c.Parents, " "), c.Author.Name, c.Author.Email, c.Author.When.Unix(),
					c.Committer.Name, c.Committer.Email, c.Committer.When.Unix(), c.Subject())
				if got != want {
					t.Errorf("%s %s:\ngot  %s\nwant %s", format, name, got, want)
				}
			}
			parsed, err := m.Tag(t.Context(), tag)
			if err != nil || parsed.Name != "side/v1" || parsed.Object != ids[1] || parsed.Message != "a tag\n\nof two lines\n" || (key == nil) != (parsed.Signature == nil) {
				t.Errorf("%s %s: tag %+v, %v", format, name, parsed, err)
			}
		}
	}
}

// FuzzParseCommit holds that what is accepted can be written again from what was
// read, so that nothing in it was overlooked or read twice.
func FuzzParseCommit(f *testing.F) {
	f.Add([]byte(head + who + sig + "\nmessage\n"))
	f.Add([]byte(head + "parent " + id1 + "\n" + who + "encoding x\nmergetag object\n x\n \n y\n" + sig + "\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := git.ParseCommit(id1, raw)
		if err != nil {
			if _, ok := errors.AsType[*git.MalformedError](err); !ok {
				t.Fatalf("error %v", err)
			}
			return
		}
		var again strings.Builder
		fmt.Fprintf(&again, "tree %s\n", c.Tree)
		for _, p := range c.Parents {
			fmt.Fprintf(&again, "parent %s\n", p)
		}
		for header, who := range map[string]git.Identity{"author": c.Author, "committer": c.Committer} {
			if strings.ContainsAny(who.Name+who.Email, "<>\n\x00") {
				t.Fatalf("%s %+v", header, who)
			}
		}
		fmt.Fprintf(&again, "author %s <%s> %d %s\n", c.Author.Name, c.Author.Email, c.Author.When.Unix(), c.Author.When.Format("-0700"))
		fmt.Fprintf(&again, "committer %s <%s> %d %s\n", c.Committer.Name, c.Committer.Email, c.Committer.When.Unix(), c.Committer.When.Format("-0700"))
		if prefix := again.String(); !strings.HasPrefix(strings.ReplaceAll(string(c.Payload), " -0000\n", " +0000\n"), prefix) {
			t.Errorf("payload %q does not begin with %q", c.Payload, prefix)
		}
		if !strings.HasSuffix(string(c.Payload), "\n\n"+c.Message) {
			t.Errorf("payload %q does not end with message %q", c.Payload, c.Message)
		}
		if c.Signature == nil {
			if !bytes.Equal(c.Payload, raw) {
				t.Errorf("payload %q of unsigned %q", c.Payload, raw)
			}
			return
		}
		header := "gpgsig " + strings.ReplaceAll(string(c.Signature), "\n", "\n ") + "\n"
		at := bytes.Index(raw, []byte("\n"+header))
		if at < 0 || !bytes.Equal(slices.Concat(raw[:at+1], raw[at+1+len(header):]), c.Payload) {
			t.Errorf("%q is not payload %q with signature %q", raw, c.Payload, c.Signature)
		}
	})
}

// FuzzParseTag holds the same of tags.
func FuzzParseTag(f *testing.F) {
	const tag = "object " + id1 + "\ntype commit\ntag v1\n"
	f.Add([]byte(tag + "tagger A <a@example.com> 1772366400 +0000\n\nmessage\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"))
	f.Add([]byte(tag + "\n-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----"))
	f.Add([]byte(strings.Replace(tag, "v1", "a/b", 1) + "\n-----BEGIN x"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tag, err := git.ParseTag(id2, raw)
		if err != nil {
			if _, ok := errors.AsType[*git.MalformedError](err); !ok {
				t.Fatalf("error %v", err)
			}
			return
		}
		again := fmt.Sprintf("object %s\ntype %s\ntag %s\n", tag.Object, tag.ObjectType, tag.Name)
		if tag.Tagger != (git.Identity{}) {
			again += fmt.Sprintf("tagger %s <%s> %d %s\n", tag.Tagger.Name, tag.Tagger.Email, tag.Tagger.When.Unix(), tag.Tagger.When.Format("-0700"))
		}
		again += "\n" + tag.Message + string(tag.Signature)
		if strings.ReplaceAll(string(raw), " -0000\n", " +0000\n") != strings.ReplaceAll(again, " -0000\n", " +0000\n") {
			t.Errorf("%q is not what was read: %q", raw, again)
		}
		if string(tag.Payload)+string(tag.Signature) != string(raw) || strings.ContainsAny(tag.Tagger.Name+tag.Tagger.Email, "<>\n\x00") {
			t.Errorf("payload %q, signature %q, tagger %+v", tag.Payload, tag.Signature, tag.Tagger)
		}
	})
}
