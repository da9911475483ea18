package integrity

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/trust"
)

// authorityLab has an authority, a stranger's one, and a person's key.
type authorityLab struct {
	t   *testing.T
	dir string
}

func newAuthorityLab(t *testing.T) authorityLab {
	l := authorityLab{t, t.TempDir()}
	for _, name := range []string{"ca", "evil", "dave", "erin"} {
		keygen(t, l.file(name), "-t", "ed25519")
	}
	keygen(t, l.file("weakca"), "-t", "rsa", "-b", "1024")
	keygen(t, l.file("rsaca"), "-t", "rsa", "-b", "2048")
	return l
}

func (l authorityLab) file(name string) string { return filepath.Join(l.dir, name) }

func (l authorityLab) public(name string) string {
	l.t.Helper()
	data, err := os.ReadFile(l.file(name) + ".pub")
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// certify has an authority certify dave's key, and signs a message by it.
func (l authorityLab) certify(ca, message string, args ...string) string {
	l.t.Helper()
	args = append([]string{"-q", "-s", l.file(ca)}, append(args, l.file("dave")+".pub")...)
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
	}
	cmd := exec.Command("ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", l.file("dave-cert.pub"))
	cmd.Stdin = strings.NewReader(message)
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatal(err)
	}
	return string(out)
}

// TestCertificates signs by real certificates, and compares with ssh-keygen
// where it is not laxer by design.
func TestCertificates(t *testing.T) {
	const message = "tree x\n"
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	valid := []string{"-I", "id", "-n", "dave@example.com", "-V", "20260201:20260401"}
	with := func(args ...string) []string { return append(args, "-I", "id", "-V", "20260201:20260401") }
	tests := []struct {
		reason string
		line   string // with CA, WEAK, RSA and DAVE for keys
		ca     string
		args   []string
		want   Code
		stock  string // what ssh-keygen says where it is not the same: "accepts"
	}{
		{"a domain", `*@example.com cert-authority CA`, "ca", valid, "", ""},
		{"one address", `dave@example.com cert-authority,namespaces="git" CA`, "ca", valid, "", ""},
		{"an RSA authority signs by SHA-2", `*@example.com cert-authority RSA`, "rsaca", valid, "", ""},
		{"another address of the person", `*@example.com cert-authority CA`, "ca", with("-n", "dave@example.com,d@example.com"), "", ""},
		{"a stranger's authority", `*@example.com cert-authority CA`, "evil", valid, KeyUnknown, ""},
		{"the authority is listed as a person", `dave@example.com CA`, "ca", valid, KeyUnknown, ""},
		{"the authority is for files", `*@example.com cert-authority,namespaces="file" CA`, "ca", valid, KeyUnknown, ""},
		{"another domain", `*@example.org cert-authority CA`, "ca", valid, KeyUnknown, ""},
		{"a domain that ends alike", `*@ample.com cert-authority CA`, "ca", valid, KeyUnknown, ""},
		{"one principal too many", `*@example.com cert-authority CA`, "ca", with("-n", "dave@example.com,root@evil.example"), KeyUnknown, "accepts"},
		{"a principal that is a pattern", `*@example.com cert-authority CA`, "ca", with("-n", "*@example.com"), KeyUnknown, ""},
		{"no principals", `*@example.com cert-authority CA`, "ca", with(), KeyUnknown, ""},
		{"a host certificate", `*@example.com cert-authority CA`, "ca", with("-h", "-n", "dave@example.com"), KeyUnknown, ""},
		{"a person with keys of her own", "*@example.com cert-authority CA\ndave@example.com ERIN", "ca", valid, KeyUnknown, "accepts"},
		{"unless the authority is given the person as well", "dave@example.com cert-authority CA\ndave@example.com ERIN", "ca", valid, "", ""},
		{"a certificate that is over", `*@example.com cert-authority CA`, "ca", []string{"-I", "id", "-n", "dave@example.com", "-V", "20260101:20260228"}, KeyExpired, ""},
		{"a certificate of the future", `*@example.com cert-authority CA`, "ca", []string{"-I", "id", "-n", "dave@example.com", "-V", "20260401:20260501"}, KeyExpired, ""},
		{"a certificate for ever", `*@example.com cert-authority CA`, "ca", []string{"-I", "id", "-n", "dave@example.com"}, "", ""},
		{"an authority that is over", `*@example.com cert-authority,valid-before="20260228Z" CA`, "ca", valid, KeyExpired, ""},
		{"an authority that is not yet", `*@example.com cert-authority,valid-after="20260401Z" CA`, "ca", valid, KeyExpired, ""},
		{"a critical option for logins", `*@example.com cert-authority CA`, "ca", with("-n", "dave@example.com", "-O", "force-command=true"), KeyUnknown, "accepts"},
		{"a critical option that nobody knows", `*@example.com cert-authority CA`, "ca", with("-n", "dave@example.com", "-O", "critical:x@y=z"), KeyUnknown, "accepts"},
		{"an extension that nobody knows", `*@example.com cert-authority CA`, "ca", with("-n", "dave@example.com", "-O", "extension:x@y=z"), "", ""},
		{"a PIN is no matter of a key on disk", `*@example.com cert-authority CA`, "ca", with("-n", "dave@example.com", "-O", "verify-required"), "", ""},
		{"a weak authority", `*@example.com cert-authority WEAK`, "weakca", valid, KeyWeak, ""},
		{"an authority that signs by SHA-1", `*@example.com cert-authority RSA`, "rsaca", append([]string{"-t", "ssh-rsa"}, valid...), KeyWeak, ""},
	}
	l := newAuthorityLab(t)
	keys := strings.NewReplacer("CA", l.public("ca"), "WEAK", l.public("weakca"), "RSA", l.public("rsaca"), "DAVE", l.public("dave"), "ERIN", l.public("erin"))
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			list := keys.Replace(test.line) + "\n"
			signers, err := ParseSigners("list", []byte(list))
			if err != nil {
				t.Fatal(err)
			}
			sig := l.certify(test.ca, message, test.args...)
			signer, p := verifySignature([]byte(message), []byte(sig), signers, at)
			if p == nil && (test.want != "" || signer.Identity != "dave@example.com") || p != nil && p.Code != test.want {
				t.Errorf("signer %v, problem %v, want %q", signer, p, test.want)
			}
			if p == nil {
				if _, p := verifySignature([]byte(message+"x"), []byte(sig), signers, at); p == nil || p.Code != SigBad {
					t.Errorf("another message: %v", p)
				}
			}
			accepts := keygenAccepts(t, l.dir, list, message, sig, "20260301120000Z")
			if want := test.want == "" || test.stock == "accepts"; accepts != want && test.want != KeyWeak {
				t.Errorf("ssh-keygen accepts: %v, which is not on the list of differences", accepts)
			}
		})
	}
}

func keygenAccepts(t *testing.T, dir, list, message, sig, at string) bool {
	t.Helper()
	for name, content := range map[string]string{"list": list, "sig": sig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("ssh-keygen", "-Y", "verify", "-O", "verify-time="+at, "-f", filepath.Join(dir, "list"), "-I", "dave@example.com", "-n", "git", "-s", filepath.Join(dir, "sig"))
	cmd.Stdin = strings.NewReader(message)
	return cmd.Run() == nil
}

// TestForgedCertificate changes a certificate after it was signed.
func TestForgedCertificate(t *testing.T) {
	l := newAuthorityLab(t)
	l.certify("ca", "x", "-I", "id", "-n", "erin@example.com")
	line, err := os.ReadFile(l.file("dave-cert.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		t.Fatal(err)
	}
	cert := key.(*ssh.Certificate)
	cert.ValidPrincipals = []string{"dave@example.com"}
	signers, err := ParseSigners("list", []byte("*@example.com cert-authority "+l.public("ca")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, p := signers.certified(cert, time.Now()); p == nil || p.Code != SigBad {
		t.Errorf("%v, want %s", p, SigBad)
	}
}

// TestSecurityKeyCertificate certifies a security key, which is made up as the
// machine has none, and asks for a PIN or not.
func TestSecurityKeyCertificate(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	signers, err := ParseSigners("list", append([]byte("*@example.com cert-authority "), ssh.MarshalAuthorizedKey(ca.PublicKey())...))
	if err != nil {
		t.Fatal(err)
	}
	device := newSecurityKey(t)
	key, err := ssh.ParsePublicKey(device.wire)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		reason  string
		options map[string]string
		extra   map[string]string
		flags   byte
		want    Code
	}{
		{"touched", nil, nil, userPresence, ""},
		{"touched, and a PIN", nil, nil, userPresence | userVerified, ""},
		{"not touched", nil, nil, 0, KeyWeak},
		{"a PIN without touch", nil, nil, userVerified, KeyWeak},
		{"the authority does not ask for touch, but we do", nil, map[string]string{"no-touch-required": ""}, 0, KeyWeak},
		{"a PIN is asked for and given", map[string]string{verifyRequired: ""}, nil, userPresence | userVerified, ""},
		{"a PIN is asked for and not given", map[string]string{verifyRequired: ""}, nil, userPresence, KeyWeak},
	}
	for _, test := range tests {
		cert := &ssh.Certificate{
			Key: key, CertType: ssh.UserCert, KeyId: "id", ValidPrincipals: []string{"dave@example.com"}, ValidBefore: ssh.CertTimeInfinity,
			Permissions: ssh.Permissions{CriticalOptions: test.options, Extensions: test.extra},
		}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		sig := armorSSH(cert.Marshal(), device.sign(test.flags), "message")
		signer, p := verifySignature([]byte("message"), []byte(sig), signers, time.Now())
		if p == nil && (test.want != "" || signer.Identity != "dave@example.com") || p != nil && p.Code != test.want {
			t.Errorf("%s: signer %v, problem %v, want %q", test.reason, signer, p, test.want)
		}
	}
}

// TestCertificatesUnderATrustFile proves that an authority neither outlives its
// revocation there, nor gives one key to two people.
func TestCertificatesUnderATrustFile(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := newAuthorityLab(t)
	ca, _ := publicKey(t, l.file("ca")+".pub")
	parsed := func(more string) *trust.Trust {
		t.Helper()
		p, err := trust.Parse(trust.Path, []byte(`version: 1
repository: example
roots: [`+strings.Repeat("1", 40)+`]
identities:
- {name: dave, emails: [dave@example.com, d@example.com], keys: [{ssh: "`+l.public("evil")+`"}], roles: [admin]}
- {name: bob, emails: [bob@example.com], keys: [{ssh: "`+l.public("erin")+`"}], roles: [admin]}
`+more))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	stolen := func(from time.Time) *trust.Trust {
		return parsed("revocations: [{key: \"" + ssh.FingerprintSHA256(ca) + "\", from: " + from.Format("2006-01-02") + ", reason: stolen}]\n")
	}
	tests := []struct {
		reason, principals string
		policy             *trust.Trust
		want               Code
	}{
		{"one person", "dave@example.com", parsed(""), ""},
		{"two addresses of one person", "dave@example.com,d@example.com", parsed(""), ""},
		{"two people", "dave@example.com,bob@example.com", parsed(""), KeyUnknown},
		{"the authority is revoked", "dave@example.com", parsed("revocations: [{key: \"" + ssh.FingerprintSHA256(ca) + "\", reason: stolen}]\n"), KeyRevoked},
		{"the authority was revoked before", "dave@example.com", stolen(at.AddDate(0, 0, -1)), KeyRevoked},
		{"the authority was revoked later", "dave@example.com", stolen(at.AddDate(0, 0, 1)), ""},
	}
	for _, test := range tests {
		signers, err := ParseSigners("list", []byte("*@example.com cert-authority "+l.public("ca")+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		signers.policy = test.policy
		sig := l.certify("ca", "message", "-I", "id", "-n", test.principals)
		signer, p := verifySignature([]byte("message"), []byte(sig), signers, at)
		if p == nil && (test.want != "" || signer.Identity != "dave@example.com") || p != nil && p.Code != test.want {
			t.Errorf("%s: signer %v, problem %v, want %q", test.reason, signer, p, test.want)
		}
	}
}
