package gittest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Key signs commits and tags, by SSH or OpenPGP.
type Key struct {
	Public      string // an authorized_keys line without comment, or an armoured public key
	Fingerprint string // SHA256:… or 40 hexadecimal digits

	file    string // of the private SSH key
	gnuPG   string // home of gpg, for an OpenPGP key
	program string // starts gpg with that home
}

// SSHKey makes an Ed25519 key.
func SSHKey(t testing.TB) *Key {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	command(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file)
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	print := strings.Fields(command(t, nil, "ssh-keygen", "-l", "-f", file+".pub"))
	return &Key{Public: strings.TrimSpace(string(public)), Fingerprint: print[1], file: file}
}

// GPGKey makes an Ed25519 OpenPGP key for a person, such as
// "Alice <alice@example.com>". The test is skipped where gpg is not installed.
func GPGKey(t testing.TB, person string) *Key {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed")
	}
	home, err := os.MkdirTemp("/tmp", "gpg") // not t.TempDir: the agent's socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	k := &Key{gnuPG: home, program: filepath.Join(home, "gpg")}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	script := "#!/bin/sh\nexec gpg --homedir '" + home + "' --batch --no-tty \"$@\"\n"
	if err := os.WriteFile(k.program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, nil, k.program, "--quiet", "--passphrase", "", "--quick-generate-key", person, "ed25519", "sign", "never")
	k.Public = command(t, nil, k.program, "--armor", "--export")
	for _, line := range strings.Split(command(t, nil, k.program, "--with-colons", "--list-keys"), "\n") {
		if f := strings.Split(line, ":"); f[0] == "fpr" && k.Fingerprint == "" {
			k.Fingerprint = f[9]
		}
	}
	return k
}

// SignSSH signs data as ssh-keygen does for a namespace; Git's is "git".
func (k *Key) SignSSH(t testing.TB, namespace string, data []byte) []byte {
	t.Helper()
	return []byte(command(t, data, "ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", k.file) + "\n")
}

// PrivateFile returns where the private SSH key is.
func (k *Key) PrivateFile() string { return k.file }

func (k *Key) config() []string {
	if k.gnuPG != "" {
		return []string{"-c", "gpg.format=openpgp", "-c", "gpg.program=" + k.program, "-c", "user.signingKey=" + k.Fingerprint}
	}
	return []string{"-c", "gpg.format=ssh", "-c", "user.signingKey=" + k.file}
}

func (k *Key) environment() []string {
	if k.gnuPG != "" {
		return []string{"GNUPGHOME=" + k.gnuPG}
	}
	return nil
}

func command(t testing.TB, input []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = environment()
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = &commandError{err: err, stderr: string(exit.Stderr)}
		}
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

type commandError struct {
	err    error
	stderr string
}

func (e *commandError) Error() string { return e.err.Error() + ": " + e.stderr }
func (e *commandError) Unwrap() error { return e.err }
