package integrity

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

var (
	noID  = strings.Repeat("0", 40)
	oneID = strings.Repeat("1", 40)
	twoID = strings.Repeat("2", 40)
)

func TestParseRefUpdates(t *testing.T) {
	good := oneID + " " + twoID + " refs/heads/main\n" + noID + " " + oneID + " refs/tags/v1\n" + oneID + " " + noID + " refs/heads/a b\n"
	updates, err := ParseRefUpdates(strings.NewReader(good), 3)
	if err != nil || len(updates) != 3 {
		t.Fatalf("%v, %v", updates, err)
	}
	if !updates[1].Creates() || updates[1].Deletes() || !updates[2].Deletes() || updates[2].Ref != "refs/heads/a b" {
		t.Errorf("%+v", updates)
	}
	var limit *git.LimitError
	if _, err := ParseRefUpdates(strings.NewReader(good), 2); !errors.As(err, &limit) {
		t.Errorf("%v, want a limit", err)
	}
	for reason, text := range map[string]string{
		"two fields":               oneID + " " + twoID,
		"an empty line":            "\n",
		"no name":                  oneID + " " + twoID + " \n",
		"a short id":               "1111111 " + twoID + " refs/heads/main\n",
		"ids of two kinds":         oneID + " " + strings.Repeat("2", 64) + " refs/heads/main\n",
		"upper case":               strings.Repeat("A", 40) + " " + twoID + " refs/heads/main\n",
		"nothing to nothing":       noID + " " + noID + " refs/heads/main\n",
		"one ref twice":            oneID + " " + twoID + " refs/heads/main\n" + noID + " " + oneID + " refs/heads/main\n",
		"a line that does not end": oneID + " " + twoID + " refs/heads/" + strings.Repeat("a", 5000),
	} {
		if updates, err := ParseRefUpdates(strings.NewReader(text), 10); err == nil {
			t.Errorf("%s: %v is accepted", reason, updates)
		}
	}
}

func TestRefNames(t *testing.T) {
	others := []string{"refs/heads/main", "refs/heads/release", "refs/tags/v1"}
	deny, warn := []Code{RefName}, Warn
	for _, c := range []struct {
		ref  string
		want []Code
		as   Decision
	}{
		{"refs/heads/main", nil, Allow},
		{"refs/heads/feature/x-1", nil, Allow},
		{"refs/heads/überfällig", nil, Allow},
		{"refs/heads/head/x", nil, Allow},
		{"refs/heads/tags", nil, Allow},
		{"refs/tags/20260101", nil, Allow},
		{"refs/notes/commits", nil, Allow},
		{"refs/heads/HEAD", deny, Deny},
		{"refs/heads/Head", deny, Deny},
		{"refs/tags/FETCH_HEAD", deny, Deny},
		{"refs/heads/@", deny, Deny},
		{"refs/heads/-x", deny, Deny},
		{"refs/tags/-", deny, Deny},
		{"refs/heads/" + oneID, deny, Deny},
		{"refs/tags/" + strings.Repeat("Ab", 32), deny, Deny},
		{"refs/heads/refs/heads/main", deny, Deny},
		{"refs/tags/heads/main", deny, Deny},
		{"refs/heads/Tags/v1", deny, Deny},
		{"refs/Heads/main", deny, Deny},
		{"refs/REPLACE/" + oneID, deny, Deny},
		{"refs/heads/a\x7fb", deny, Deny},
		{"refs/heads/a\x1b[2Kb", deny, Deny},
		{"refs/heads/a\u200bb", deny, Deny},
		{"refs/heads/a\u202eb", deny, Deny},
		{"refs/heads/\xff", deny, Deny},
		{"refs/heads/a..b", deny, Deny},
		{"refs/heads/a b", deny, Deny},
		{"refs/heads/", deny, Deny},
		{"refs/heads/x.lock", deny, Deny},
		{"refs/stash", deny, Deny},
		{"HEAD", deny, Deny},
		{"main", deny, Deny},
		{"", deny, Deny},
		{"refs/heads/MAIN", deny, warn},
		{"refs/tags/V1", deny, warn},
		{"refs/tags/release", []Code{RefRetarget}, warn},
		{"refs/heads/v1", []Code{RefRetarget}, warn},
		{"refs/heads/m\u0430in", []Code{IDConfusable}, warn},
	} {
		problems := RefNames(c.ref, others)
		if got := codes(problems); !slices.Equal(got, c.want) || worst(problems) != c.as {
			t.Errorf("%q: %v, %s; want %v, %s", c.ref, got, worst(problems), c.want, c.as)
		}
		for _, p := range problems {
			if !printable(p.Message) || strings.ContainsRune(p.Message, '\u0430') {
				t.Errorf("%q: not escaped: %q", c.ref, p.Message)
			}
		}
	}
}

// certificate is one as git push --signed makes it.
func certificate(t testing.TB, key *gittest.Key, namespace string, headers ...string) []byte {
	text := strings.Join(append([]string{pushVersion}, headers...), "\n") + "\n\n" +
		oneID + " " + twoID + " refs/heads/main\n" + noID + " " + oneID + " refs/tags/v1\n"
	return append([]byte(text), key.SignSSH(t, namespace, []byte(text))...)
}

func TestSignedPush(t *testing.T) {
	keys := newPeople(t, "alice", "mallory")
	signers, err := ParseSigners("allowed_signers", []byte(keys.allowed()))
	if err != nil {
		t.Fatal(err)
	}
	const pusher, pushee, nonce = "pusher alice 1772366400 +0000", "pushee https://git.example.com/shop.git", "nonce 1772366400-abc"
	good := func() SignedPush {
		return SignedPush{
			Certificate: certificate(t, keys["alice"], "git", pusher, pushee, nonce),
			Nonce:       "1772366400-abc", NonceStatus: "OK",
			Pushees: []string{"ssh://git@git.example.com/shop.git", "https://git.example.com/shop.git/"},
			Updates: []RefUpdate{{"refs/heads/main", oneID, twoID}, {"refs/tags/v1", noID, oneID}},
		}
	}
	for _, c := range []struct {
		reason string
		change func(*SignedPush)
		want   []Code
	}{
		{"as it should be", func(*SignedPush) {}, nil},
		{"refs in another order", func(s *SignedPush) { slices.Reverse(s.Updates) }, nil},
		{"one ref left out", func(s *SignedPush) { s.Updates = s.Updates[1:] }, []Code{SigBad}},
		{"one ref more", func(s *SignedPush) { s.Updates = append(s.Updates, RefUpdate{"refs/heads/x", noID, oneID}) }, []Code{SigBad}},
		{"another old value", func(s *SignedPush) { s.Updates[0].Old = noID }, []Code{SigBad}},
		{"another new value", func(s *SignedPush) { s.Updates[1].New = twoID }, []Code{SigBad}},
		{"an old nonce", func(s *SignedPush) { s.NonceStatus = "BAD" }, []Code{SigBad}},
		{"a late nonce", func(s *SignedPush) { s.NonceStatus = "SLOP" }, []Code{SigBad}},
		{"no nonce was asked for", func(s *SignedPush) { s.NonceStatus = "UNSOLICITED" }, []Code{SigBad}},
		{"nobody says what of the nonce", func(s *SignedPush) { s.NonceStatus = "" }, []Code{SigBad}},
		{"a nonce of another push", func(s *SignedPush) { s.Nonce = "1772366401-abc" }, []Code{SigBad}},
		{"no nonce", func(s *SignedPush) {
			s.Nonce, s.Certificate = "", certificate(t, keys["alice"], "git", pusher, pushee)
		}, []Code{SigBad}},
		{"another server", func(s *SignedPush) { s.Pushees = s.Pushees[:1] }, []Code{SigBad}},
		{"no server", func(s *SignedPush) { s.Certificate = certificate(t, keys["alice"], "git", pusher, nonce) }, []Code{SigBad}},
		{"a stranger", func(s *SignedPush) {
			s.Certificate = certificate(t, keys["mallory"], "git", pusher, pushee, nonce)
		}, []Code{KeyUnknown}},
		{"another namespace", func(s *SignedPush) {
			s.Certificate = certificate(t, keys["alice"], "file", pusher, pushee, nonce)
		}, []Code{SigBad}},
		{"a pushee twice", func(s *SignedPush) {
			s.Certificate = certificate(t, keys["alice"], "git", pusher, pushee, "pushee https://elsewhere.example/x.git", nonce)
		}, []Code{SigBad}},
		{"a header of the future", func(s *SignedPush) {
			s.Certificate = certificate(t, keys["alice"], "git", pusher, pushee, nonce, "valid-for everything")
		}, []Code{SigBad}},
		{"no signature", func(s *SignedPush) {
			s.Certificate = s.Certificate[:strings.Index(string(s.Certificate), "-----BEGIN")]
		}, []Code{SigMissing}},
		{"two signatures", func(s *SignedPush) {
			at := strings.Index(string(s.Certificate), "-----BEGIN")
			s.Certificate = append(s.Certificate, s.Certificate[at:]...)
		}, []Code{SigAmbiguous}},
		{"another version", func(s *SignedPush) { s.Certificate[len(pushVersion)-1] = '2' }, []Code{SigBad}},
		{"nothing", func(s *SignedPush) { s.Certificate = nil }, []Code{SigBad}},
	} {
		s := good()
		c.change(&s)
		signer, problems := s.Verify(signers, time.Now())
		if got := codes(problems); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.reason, problems, c.want)
		}
		if c.want == nil && signer.Identity != "alice@example.com" {
			t.Errorf("%s: signed by %q", c.reason, signer.Identity)
		}
	}
}

func FuzzPushCertificate(f *testing.F) {
	text := pushVersion + "\npusher alice 1772366400 +0000\npushee x\nnonce y\npush-option z\n\n" + oneID + " " + twoID + " refs/heads/main\n"
	f.Add([]byte(text + "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte(text))
	f.Add([]byte("\n-----BEGIN PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		c, err := parsePushCertificate(blob)
		if err != nil {
			return
		}
		if string(c.payload)+string(c.signature) != string(blob) {
			t.Errorf("not all of %q is signed or signature", blob)
		}
		if strings.Contains(string(c.payload), "\n-----BEGIN ") {
			t.Errorf("%q holds a signature within what is signed", blob)
		}
		for _, u := range c.updates {
			if err := u.Check(); err != nil {
				t.Error(err)
			}
			_ = RefNames(u.Ref, []string{"refs/heads/main"})
		}
	})
}
