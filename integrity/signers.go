package integrity

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/integrity/eddsa"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// Where a repository keeps its signers, unless Trust says otherwise.
const (
	DefaultSignersPath = ".holdfast/allowed_signers"
	DefaultKeysDir     = ".holdfast/gpg"
)

// Signers is a list of keys that count, at one commit or on the operator's
// disk. It does not change.
type Signers struct {
	path   string
	grants map[string][]grant // by SSH key in wire format
	emails map[string]bool    // all principals

	authorities []authority
	openPGP     []openPGPGrant
	x509        []x509Grant
	revoked     *Revocations   // beside the list; nil if there is none
	revocations []*Revocations // all that count, the operator's among them; any may be nil
	policy      *trust.Trust   // the trust file; nil if there is none
	ed25519     *eddsa.Keys    // remembers those of the keys that sign much
}

// openPGPGrant is a key of an OpenPGP key file.
type openPGPGrant struct {
	email, path string
	key         *pgpKey
	emails      []string // of the identity by the trust file; nil without
}

// grant is one line of an allowed_signers file.
type grant struct {
	key           string // as Signer.Key
	emails        []string
	file          string // if it is the trust file; empty for the list itself
	line          int
	forGit        bool
	after, before time.Time // zero: unbounded
}

// Signer is who a signature proves, by which key, and the line that says so.
type Signer struct {
	Identity string // the first e-mail of the line, or the e-mail that names the key file
	Key      string // "SHA256:…" of an SSH key, the fingerprint of an OpenPGP primary key
	File     string // the signers file or key file
	Line     int    // line in File, from 1; 0 for a key file

	emails []string
	seen   time.Time // of a statement: when it and what it is about were first known
	reason string    // of an acknowledgement
}

// Owns reports whether an e-mail is bound to the signer. Addresses are
// compared exactly, byte for byte.
func (s Signer) Owns(email string) bool { return slices.Contains(s.emails, email) }

// LoadSigners reads the signers file at path, and the OpenPGP key files in
// keysDir if there is such a directory. Each key file is named <e-mail>.asc and
// holds the public keys of that one identity. Beside the signers file there may
// be a revocation list, revoked.krl, and a directory x509 of certificate files.
// Empty paths mean the defaults.
//
// The error joins all that is wrong with the files, so that all of it can be
// repaired at once: SyntaxErrors, FileErrors, and what reading failed with.
func LoadSigners(tree source.Tree, path, keysDir string) (*Signers, error) {
	path = cmp.Or(path, DefaultSignersPath)
	files, err := signerFiles(tree, path, cmp.Or(keysDir, DefaultKeysDir), beside(path, DefaultRevokedName))
	if err != nil {
		return nil, err
	}
	return loadSigners(tree, files)
}

// FileError says what is wrong with a signers file or key file as a whole.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	if !printable(e.Path) {
		return quoted(e.Path) + ": " + e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}
func (e *FileError) Unwrap() error { return e.Err }

// signerFile is one of the files that make a list. The id is empty where the tree knows none.
type signerFile struct {
	kind            fileKind
	path, email, id string
}

type fileKind uint8

const (
	signersFile fileKind = iota
	revocationFile
	openPGPFile
	x509File
	trustFile
)

// signerFiles finds the files: a list, a trust file, or both, and what is beside
// them. None of them, and none of the directories above
// them, may be a symbolic link: what it points to is not protected with it.
func signerFiles(tree source.Tree, path, keysDir, revokedPath string) ([]signerFile, error) {
	var files []signerFile
	trusted := trustPath(tree, path)
	for _, f := range []signerFile{{kind: trustFile, path: trusted}, {kind: signersFile, path: path}, {kind: revocationFile, path: revokedPath}} {
		entry, err := statRegular(tree, f.path)
		switch {
		case err == nil:
			f.id = entry.ID
			files = append(files, f)
		case !errors.Is(err, fs.ErrNotExist) || f.kind == signersFile && len(files) == 0:
			return nil, err
		}
	}
	keys, err := keyFiles(tree, keysDir, openPGPFile, ".asc")
	certs, err2 := keyFiles(tree, beside(path, DefaultX509Name), x509File, ".pem")
	return slices.Concat(files, keys, certs), errors.Join(err, err2)
}

// keyFiles lists a directory of files that are named by whose keys they hold.
func keyFiles(tree source.Tree, dir string, kind fileKind, suffix string) ([]signerFile, error) {
	entry, err := statNoLinks(tree, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if entry.Mode != source.ModeDir {
		return nil, &FileError{dir, errors.New("is not a directory")}
	}
	entries, err := tree.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []signerFile
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name, "README") {
			continue
		}
		p := dir + "/" + e.Name
		email, ok := strings.CutSuffix(e.Name, suffix)
		switch {
		case e.Mode != source.ModeFile:
			errs = append(errs, &FileError{p, errNotRegular})
		case !ok || !strings.Contains(email, "@") || !printable(email):
			errs = append(errs, &FileError{p, fmt.Errorf("is not named <e-mail>%[1]s, such as alice@example.com%[1]s", suffix)})
		}
		files = append(files, signerFile{kind, p, email, e.ID})
	}
	return files, errors.Join(errs...)
}

var errNotRegular = errors.New("is not a regular file (a symbolic link, or executable)")

func statRegular(tree source.Tree, path string) (source.Entry, error) {
	e, err := statNoLinks(tree, path)
	if err == nil && e.Mode != source.ModeFile {
		err = &FileError{path, errNotRegular}
	}
	return e, err
}

// statNoLinks is Stat, but refuses links on the way.
func statNoLinks(tree source.Tree, path string) (source.Entry, error) {
	for i, c := range path {
		if c != '/' {
			continue
		}
		e, err := tree.Stat(path[:i])
		if err != nil {
			return e, err
		}
		if e.Mode != source.ModeDir {
			return e, &FileError{path[:i], errors.New("is not a directory of its own")}
		}
	}
	return tree.Stat(path)
}

// loadSigners reads and parses what signerFiles found.
func loadSigners(tree source.Tree, files []signerFile) (*Signers, error) {
	s := &Signers{}
	var parts Signers // but for the signers file
	var policy *trust.Trust
	var errs []error
	owner := map[string]string{} // fingerprint → file
	for _, f := range files {
		data, err := tree.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		switch f.kind {
		case trustFile:
			policy, err = trust.Parse(f.path, data)
			errs = append(errs, err)
		case signersFile:
			s, err = ParseSigners(f.path, data)
			errs = append(errs, err)
		case revocationFile:
			parts.revoked, err = ParseRevocations(f.path, data)
			errs = append(errs, err)
		case openPGPFile:
			errs = append(errs, parts.addOpenPGP(f, data, owner))
		case x509File:
			g, err := parseX509Grant(f.email, f.path, data)
			if err != nil {
				errs = append(errs, &FileError{f.path, err})
			}
			parts.x509 = append(parts.x509, g)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.ed25519 = &eddsa.Keys{}
	s.openPGP, s.x509, s.revoked, s.revocations = parts.openPGP, parts.x509, parts.revoked, []*Revocations{parts.revoked}
	if policy != nil {
		if err := s.bind(policy); err != nil {
			return nil, err
		}
	}
	if len(s.grants)+len(s.authorities)+len(parts.openPGP)+len(parts.x509) == 0 {
		return nil, &FileError{files[0].path, errors.New("lists nobody; then nobody could ever commit again")}
	}
	return s, nil
}

// addOpenPGP enters the keys of a file, of which no other may have any.
func (s *Signers) addOpenPGP(f signerFile, data []byte, owner map[string]string) error {
	keys, err := parseOpenPGPKeys(data)
	if err != nil {
		return &FileError{f.path, err}
	}
	var errs []error
	for _, key := range keys {
		for _, fingerprint := range key.fingerprints() {
			if other, ok := owner[fingerprint]; ok {
				errs = append(errs, &FileError{f.path, fmt.Errorf("the key %s is in %s already; a key has exactly one identity", fingerprint, other)})
			}
			owner[fingerprint] = f.path
		}
		s.openPGP = append(s.openPGP, openPGPGrant{email: f.email, path: f.path, key: key})
	}
	return errors.Join(errs...)
}

// find tells who a key or its certificate stands for at a time.
func (s *Signers) find(key ssh.PublicKey, cert *ssh.Certificate, at time.Time) (Signer, *Problem) {
	var signer Signer
	var p *Problem
	if cert != nil {
		signer, p = s.certified(cert, at)
	} else {
		signer, p = s.lookup(key, at)
	}
	if p != nil {
		return signer, p
	}
	for _, r := range s.revocations {
		if what, revoked := r.revokes(key, cert); revoked {
			p := problem(KeyRevoked, "Sign again with a key that is valid. What was accepted before the revocation stays accepted.",
				"the %s of %s is revoked (%s)", what, quoted(signer.Identity), r.path)
			return Signer{}, &p
		}
	}
	return signer, nil
}

// lookup finds the grant under which a key counts at a time.
func (s *Signers) lookup(key ssh.PublicKey, at time.Time) (Signer, *Problem) {
	grants := s.grants[string(key.Marshal())]
	var last *grant
	for i := range grants {
		g := &grants[i]
		if !g.forGit {
			continue
		}
		last = g
		if g.includes(at) {
			return Signer{Identity: g.emails[0], Key: g.key, File: cmp.Or(g.file, s.path), Line: g.line, emails: g.emails}, nil
		}
	}
	switch {
	case len(grants) == 0:
		p := problem(KeyUnknown, "If this is a colleague's key, have it added to "+s.path+" by a commit of somebody who is listed; it counts from the next commit on.",
			"signed by the key %s, which is not in %s", ssh.FingerprintSHA256(key), s.path)
		return Signer{}, &p
	case last == nil:
		p := problem(KeyUnknown, `Add "git" to the namespaces of that line, or sign with another key.`,
			"signed by the key %s, which line %d of %s lists, but not for Git", grants[0].key, grants[0].line, s.path).in(cmp.Or(grants[0].file, s.path), grants[0].line)
		return Signer{}, &p
	}
	p := problem(KeyExpired, "Sign again with a key that is valid; dates in the commit do not count, only when it was first seen.",
		"signed by the key of %s, which was not valid at %s (%s:%d, %s)", quoted(last.emails[0]), stamp(at), cmp.Or(last.file, s.path), last.line, last.window()).in(cmp.Or(last.file, s.path), last.line)
	return Signer{}, &p
}

// includes reports whether a grant is valid at a time.
func (g *grant) includes(at time.Time) bool {
	return (g.after.IsZero() || !at.Before(g.after)) && (g.before.IsZero() || at.Before(g.before))
}

// window says when a grant is valid.
func (g *grant) window() string {
	var parts []string
	if !g.after.IsZero() {
		parts = append(parts, "valid from "+stamp(g.after))
	}
	if !g.before.IsZero() {
		parts = append(parts, "valid until "+stamp(g.before))
	}
	return strings.Join(parts, ", ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
