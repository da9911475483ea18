package integrity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // how gpgsm names certificates
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// issued is a certificate and its private key.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (c issued) pem(headers map[string]string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: headers, Bytes: c.cert.Raw}))
}

var certTimes = [2]time.Time{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}

// issue makes a certificate, by itself if there is no parent.
func issue(t testing.TB, parent *issued, serial int64, change func(*x509.Certificate)) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issueFor(t, key, parent, serial, change)
}

func issueFor(t testing.TB, key crypto.Signer, parent *issued, serial int64, change func(*x509.Certificate)) issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "cert " + big.NewInt(serial).String()}, NotBefore: certTimes[0], NotAfter: certTimes[1],
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	by := issued{template, key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued{cert, key}
}

func isAuthority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func forEmail(emails ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.EmailAddresses = emails }
}

// cmsSign signs with openssl, whose options are more than Git's programs need.
func (c issued) cmsSign(t testing.TB, message string, others []issued, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	var more strings.Builder
	for _, o := range others {
		more.WriteString(o.pem(nil))
	}
	for name, content := range map[string]string{
		"cert": c.pem(nil), "key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), "others": more.String(), "message": message,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{"cms", "-sign", "-binary", "-outform", "DER", "-signer", "cert", "-inkey", "key", "-in", "message"}, args...)
	if len(others) > 0 {
		args = append(args, "-certfile", "others")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	der, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, stderr.String())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "SIGNED MESSAGE", Bytes: der}))
}

// x509Signers loads a list of certificate files.
func x509Signers(t testing.TB, files map[string]string) (*Signers, error) {
	t.Helper()
	all := map[string]string{DefaultSignersPath: "erin@example.com " + keyA + "\n"}
	for name, content := range files {
		all[".holdfast/x509/"+name] = content
	}
	return LoadSigners(source.Memory(all), "", "")
}

func TestX509(t *testing.T) {
	const message = "tree x\n"
	const dave = "dave@example.com"
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ca := issue(t, nil, 1, isAuthority)
	between := issue(t, &ca, 2, isAuthority)
	evil := issue(t, nil, 1, isAuthority) // of the same name and number
	leaf := issue(t, &ca, 10, forEmail(dave))
	oidc := func(service string) func(*x509.Certificate) {
		value, err := asn1.MarshalWithParams(service, "utf8")
		if err != nil {
			t.Fatal(err)
		}
		return func(c *x509.Certificate) {
			c.EmailAddresses = []string{dave}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: value}}
		}
	}
	rsaKey := func(bits int) crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	crl := func(serial int64) string {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: certTimes[0], NextUpdate: certTimes[1],
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(serial), RevocationTime: certTimes[0]}},
		}, ca.cert, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	}
	one := map[string]string{dave + ".pem": ca.pem(nil)}
	domain := map[string]string{"@example.com.pem": ca.pem(nil)}
	fulcio := func(service string) map[string]string {
		return map[string]string{"@example.com.pem": ca.pem(map[string]string{issuerHeader: service})}
	}
	const login = "https://login.example.com"
	tests := []struct {
		reason string
		files  map[string]string
		signer issued
		others []issued
		args   []string
		want   Code
	}{
		{"a person's file", one, leaf, nil, nil, ""},
		{"a domain's file", domain, leaf, nil, nil, ""},
		{"a certificate between them", one, issue(t, &between, 11, forEmail(dave)), []issued{between}, nil, ""},
		{"the one between them is missing", one, issue(t, &between, 11, forEmail(dave)), nil, nil, KeyUnknown},
		{"a certificate of one's own, pinned", map[string]string{dave + ".pem": leaf.pem(nil)}, leaf, nil, nil, ""},
		{"RSA", one, issueFor(t, rsaKey(2048), &ca, 12, forEmail(dave)), nil, nil, ""},
		{"SHA-512", one, leaf, nil, []string{"-md", "sha512"}, ""},
		{"signer named by key id", one, issue(t, &ca, 13, func(c *x509.Certificate) {
			c.EmailAddresses, c.SubjectKeyId = []string{dave}, []byte{1, 2, 3}
		}), nil, []string{"-keyid"}, ""},
		{"nobody trusts certificates", nil, leaf, nil, nil, KeyUnknown},
		{"an authority of the same name", one, issue(t, &evil, 10, forEmail(dave)), []issued{evil}, nil, KeyUnknown},
		{"for another person", one, issue(t, &ca, 14, forEmail("bob@example.com")), nil, nil, KeyUnknown},
		{"for nobody", one, issue(t, &ca, 15, nil), nil, nil, KeyUnknown},
		{"a name alone is no address", one, issue(t, &ca, 16, func(c *x509.Certificate) { c.Subject.CommonName = dave }), nil, nil, KeyUnknown},
		{"a person with keys of her own", domain, issue(t, &ca, 17, forEmail("erin@example.com")), nil, nil, KeyUnknown},
		{"a person with a file of his own", map[string]string{"@example.com.pem": ca.pem(nil), dave + ".pem": evil.pem(nil)}, leaf, nil, nil, KeyUnknown},
		{"two persons at once", map[string]string{dave + ".pem": ca.pem(nil), "bob@example.com.pem": ca.pem(nil)},
			issue(t, &ca, 18, forEmail(dave, "bob@example.com")), nil, nil, KeyUnknown},
		{"expired", one, issue(t, &ca, 19, func(c *x509.Certificate) {
			c.EmailAddresses, c.NotAfter = []string{dave}, at.Add(-time.Minute)
		}), nil, nil, KeyExpired},
		{"not yet valid", one, issue(t, &ca, 20, func(c *x509.Certificate) {
			c.EmailAddresses, c.NotBefore = []string{dave}, at.Add(time.Minute)
		}), nil, nil, KeyExpired},
		{"for servers", one, issue(t, &ca, 21, func(c *x509.Certificate) {
			c.EmailAddresses, c.ExtKeyUsage = []string{dave}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), nil, nil, KeyUnknown},
		{"for encryption", one, issue(t, &ca, 22, func(c *x509.Certificate) {
			c.EmailAddresses, c.KeyUsage = []string{dave}, x509.KeyUsageKeyEncipherment
		}), nil, nil, KeyUnknown},
		{"a critical extension that nobody knows", one, issue(t, &ca, 23, func(c *x509.Certificate) {
			c.EmailAddresses = []string{dave}
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), nil, nil, KeyUnknown},
		{"revoked", map[string]string{dave + ".pem": ca.pem(nil) + crl(10)}, leaf, nil, nil, KeyRevoked},
		{"another one is revoked", map[string]string{dave + ".pem": ca.pem(nil) + crl(9)}, leaf, nil, nil, ""},
		{"the one between is revoked", map[string]string{dave + ".pem": ca.pem(nil) + crl(2)}, issue(t, &between, 11, forEmail(dave)), []issued{between}, nil, KeyRevoked},
		{"a login at the service", fulcio(login), issue(t, &ca, 24, oidc(login)), nil, nil, ""},
		{"a login at another service", fulcio(login), issue(t, &ca, 25, oidc("https://evil.example")), nil, nil, KeyUnknown},
		{"a login where none is expected", domain, issue(t, &ca, 26, oidc(login)), nil, nil, KeyUnknown},
		{"no login where one is expected", fulcio(login), leaf, nil, nil, KeyUnknown},
		{"the right login, another person", map[string]string{"@example.com.pem": ca.pem(map[string]string{issuerHeader: login}), dave + ".pem": evil.pem(nil)},
			issue(t, &ca, 27, oidc(login)), nil, nil, KeyUnknown},
		{"a digest by SHA-1", one, leaf, nil, []string{"-md", "sha1"}, KeyWeak},
		{"RSA of 1024 bits", one, issueFor(t, rsaKey(1024), &ca, 28, forEmail(dave)), nil, nil, KeyWeak},
		{"RSA with parameters", one, issueFor(t, rsaKey(2048), &ca, 29, forEmail(dave)), nil, []string{"-keyopt", "rsa_padding_mode:pss"}, SigBad},
		{"content of its own", one, leaf, nil, []string{"-nodetach"}, SigBad},
		{"without certificates", one, leaf, nil, []string{"-nocerts"}, SigBad},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			signers, err := x509Signers(t, test.files)
			if err != nil {
				t.Fatal(err)
			}
			for _, attributes := range []string{"-nosmimecap", "-noattr"} {
				sig := test.signer.cmsSign(t, message, test.others, append(test.args, attributes)...)
				signer, p := verifySignature([]byte(message), []byte(sig), signers, at)
				if p == nil && (test.want != "" || signer.Identity != dave) || p != nil && p.Code != test.want {
					t.Errorf("signer %v, problem %v, want %q", signer, p, test.want)
				}
				if p == nil {
					if _, p := verifySignature([]byte(message+"x"), []byte(sig), signers, at); p == nil || p.Code != SigBad {
						t.Errorf("another message: %v", p)
					}
				}
			}
		})
	}
}

// TestX509OfGPGSM signs by the program that Git calls for the format x509.
func TestX509OfGPGSM(t *testing.T) {
	for _, program := range []string{"gpgsm", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	ca := issue(t, nil, 1, isAuthority)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issueFor(t, key, &ca, 2, func(c *x509.Certificate) {
		c.EmailAddresses, c.NotAfter = []string{"dave@example.com"}, time.Now().AddDate(1, 0, 0)
	})
	home, err := os.MkdirTemp("/tmp", "gpgsm") // not t.TempDir: the agent's socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), "cert": leaf.pem(nil), "ca": ca.pem(nil),
		"gpgsm.conf": "disable-crl-checks\n", "gpg-agent.conf": "allow-loopback-pinentry\n",
		"trustlist.txt": fmt.Sprintf("%X S relax\n", sha1.Sum(ca.cert.Raw)),
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(input, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Stdin = home, strings.NewReader(input)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.String())
		}
		return string(out)
	}
	gpgsm := func(input string, args ...string) string {
		return run(input, "gpgsm", append([]string{"--homedir", home, "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase-fd", "0"}, args...)...)
	}
	run("", "openssl", "pkcs12", "-export", "-legacy", "-inkey", "key", "-in", "cert", "-certfile", "ca", "-passout", "pass:secret", "-out", "p12")
	gpgsm("secret\n", "--import", "p12")
	if err := os.WriteFile(filepath.Join(home, "message"), []byte("tree x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sig := gpgsm("secret\n", "--armor", "--local-user", "dave@example.com", "--detach-sign", "message")
	signers, err := x509Signers(t, map[string]string{"@example.com.pem": ca.pem(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if signer, p := verifySignature([]byte("tree x\n"), []byte(sig), signers, time.Now()); p != nil || signer.Identity != "dave@example.com" {
		t.Errorf("%v %v\n%s", signer, p, sig)
	}
	if _, p := verifySignature([]byte("tree y\n"), []byte(sig), signers, time.Now()); p == nil || p.Code != SigBad {
		t.Errorf("another message: %v", p)
	}
}

// TestX509SignatureIsBoundToItsCertificate changes each byte of a signature, and
// of the certificate with it: nothing of that is accepted.
func TestX509SignatureIsBoundToItsCertificate(t *testing.T) {
	ca := issue(t, nil, 1, isAuthority)
	leaf := issue(t, &ca, 2, forEmail("dave@example.com"))
	signers, err := x509Signers(t, map[string]string{"@example.com.pem": ca.pem(nil)})
	if err != nil {
		t.Fatal(err)
	}
	at := certTimes[0].AddDate(0, 1, 0)
	block, _ := pem.Decode([]byte(leaf.cmsSign(t, "message", nil, "-nosmimecap")))
	for i := range block.Bytes {
		for _, bit := range []byte{0x01, 0x80} {
			changed := bytes.Clone(block.Bytes)
			changed[i] ^= bit
			text := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: changed})
			if signer, p := verifySignature([]byte("message"), text, signers, at); p == nil {
				t.Errorf("with byte %d changed it is by %+v", i, signer)
			}
		}
	}
}

func TestX509FilesThatAreRefused(t *testing.T) {
	ca := issue(t, nil, 1, isAuthority)
	tests := []struct{ reason, name, content, want string }{
		{"no certificate", "a@x.pem", "\n", "no certificate"},
		{"text", "a@x.pem", "hello\n" + ca.pem(nil), "something other"},
		{"text behind", "a@x.pem", ca.pem(nil) + "hello\n", "something other"},
		{"a private key", "a@x.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "only certificates"},
		{"a certificate cut short", "a@x.pem", ca.pem(nil)[:200], "malformed"},
		{"a header that nobody knows", "a@x.pem", ca.pem(map[string]string{"Subject": "x"}), "header"},
		{"two login services", "a@x.pem", ca.pem(map[string]string{issuerHeader: "a"}) + ca.pem(map[string]string{issuerHeader: "b"}), "twice"},
		{"a name that is no address", "x.pem", ca.pem(nil), "not named"},
		{"another ending", "a@x.crt", ca.pem(nil), "not named"},
	}
	for _, test := range tests {
		if _, err := x509Signers(t, map[string]string{test.name: test.content}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.reason, err, test.want)
		}
	}
}
