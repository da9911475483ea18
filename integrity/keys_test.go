package integrity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// gpgHome is a key ring of its own, for keys that gittest does not make: with
// subkeys, with an end, revoked.
type gpgHome struct {
	t   testing.TB
	dir string
}

func newGPGHome(t testing.TB) gpgHome {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed")
	}
	dir, err := os.MkdirTemp("/tmp", "gpg") // not t.TempDir: the agent's socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		_ = os.RemoveAll(dir)
	})
	return gpgHome{t, dir}
}

func (g gpgHome) run(input string, args ...string) string {
	g.t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", g.dir, "--batch", "--no-tty", "--quiet", "--yes", "--passphrase", "", "--pinentry-mode", "loopback"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// key makes a key and returns the primary key's fingerprint.
func (g gpgHome) key(person, algorithm, usage, expire string, more ...string) string {
	g.t.Helper()
	g.run("", append(more, "--quick-generate-key", person, algorithm, usage, expire)...)
	var last string
	for line := range strings.SplitSeq(g.run("", "--with-colons", "--list-keys"), "\n") {
		f := strings.Split(line, ":")
		if f[0] == "pub" {
			last = ""
		}
		if f[0] == "fpr" && last == "" {
			last = f[9]
		}
	}
	return last
}

func (g gpgHome) export(fingerprint string) string {
	return g.run("", "--armor", "--export-options", "export-minimal", "--export", fingerprint)
}

func (g gpgHome) sign(fingerprint, payload string, more ...string) string {
	return g.run(payload, append(more, "--local-user", fingerprint, "--armor", "--detach-sign")...)
}

// keygen makes an SSH key of any kind, and returns its public line.
func keygen(t testing.TB, file string, args ...string) string {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", append([]string{"-q", "-N", "", "-C", "", "-f", file}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(public))
}

// signFile signs by a private SSH key file, as git does.
func signFile(t testing.TB, file, payload string, more ...string) string {
	t.Helper()
	cmd := exec.Command("ssh-keygen", append([]string{"-q", "-Y", "sign", "-n", "git", "-f", file}, more...)...)
	cmd.Stdin = strings.NewReader(payload)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// fixedKey is a key that is the same in each run, and signs as armorSSH asks.
func fixedKey() (ssh.PublicKey, func(message []byte) []byte) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		panic(err)
	}
	return signer.PublicKey(), func(message []byte) []byte {
		sig, err := signer.Sign(rand.Reader, message)
		if err != nil {
			panic(err)
		}
		return ssh.Marshal(sig)
	}
}
