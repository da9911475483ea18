package main

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Git's ids
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Of the signed history: each group ends with the merge of a branch into the mainline,
// and both changed files since they parted.
const (
	historyApps  = 60
	filesOfApp   = 4
	groupCommits = 10 // 4 of the mainline, 5 of the branch, and the merge
)

// history writes a pack of commits that are signed by one person. Objects are not
// compressed against each other: git does that afterwards.
type history struct {
	pack    bytes.Buffer
	objects uint32
	known   map[string]bool
	signer  ssh.Signer
	deflate *zlib.Writer
	when    int
}

// files are a state of the repository: contents by path, and the ids of directories
// that are known.
type files struct {
	apps  [historyApps]map[string]string // ids of files
	dirs  [historyApps]string            // ids of apps
	trust string                         // id of .holdfast
}

func newHistory() (*history, error) {
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	deflate, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed) // a level that there is
	return &history{known: map[string]bool{}, signer: signer, deflate: deflate, when: 1_700_000_000}, err
}

// object adds an object, and returns its id.
func (h *history) object(kind byte, name string, content []byte) string {
	hash := sha1.New() //nolint:gosec // as above
	fmt.Fprintf(hash, "%s %d\x00", name, len(content))
	hash.Write(content)
	id := string(hash.Sum(nil))
	if h.known[id] {
		return id
	}
	h.known[id] = true
	h.objects++
	size := len(content)
	head := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		h.pack.WriteByte(head | 0x80)
		head = byte(size & 0x7f)
	}
	h.pack.WriteByte(head)
	h.deflate.Reset(&h.pack)
	_, _ = h.deflate.Write(content)
	_ = h.deflate.Close()
	return id
}

func (h *history) blob(content string) string { return h.object(3, "blob", []byte(content)) }

func (h *history) tree(dirs bool, entries map[string]string) string {
	var content bytes.Buffer
	mode := "100644"
	if dirs {
		mode = "40000"
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		content.WriteString(mode + " " + name + "\x00" + entries[name])
	}
	return h.object(2, "tree", content.Bytes())
}

// commit adds a signed commit, and returns its id in hexadecimal digits.
func (h *history) commit(f *files, parents ...string) (string, error) {
	apps := map[string]string{}
	for i, id := range f.dirs {
		apps[fmt.Sprintf("app%02d", i)] = id
	}
	root := h.tree(true, map[string]string{".holdfast": f.trust, "apps": h.tree(true, apps)})
	h.when += 60
	person := fmt.Sprintf("alice <alice@example.com> %d +0000", h.when)
	head := "tree " + hex.EncodeToString([]byte(root)) + "\n"
	for _, parent := range parents {
		if parent != "" {
			head += "parent " + parent + "\n"
		}
	}
	head += "author " + person + "\ncommitter " + person + "\n"
	message := fmt.Sprintf("\nChange %d\n", h.when)
	signature, err := h.sign(head + message)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString([]byte(h.object(1, "commit", []byte(head+"gpgsig "+strings.ReplaceAll(signature, "\n", "\n ")+"\n"+message)))), nil
}

// sign makes an SSH signature of the namespace of Git.
func (h *history) sign(message string) (string, error) {
	sum := sha512.Sum512([]byte(message))
	field := func(all ...string) string {
		var out []byte
		for _, s := range all {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...) //nolint:gosec // short
		}
		return string(out)
	}
	sig, err := h.signer.Sign(rand.Reader, []byte("SSHSIG"+field("git", "", "sha512", string(sum[:]))))
	if err != nil {
		return "", err
	}
	blob := "SSHSIG\x00\x00\x00\x01" + field(string(h.signer.PublicKey().Marshal()), "git", "", "sha512", string(ssh.Marshal(sig)))
	text := base64.StdEncoding.EncodeToString([]byte(blob))
	var lines []string
	for chunk := range slices.Chunk([]byte(text), 70) {
		lines = append(lines, string(chunk))
	}
	return "-----BEGIN SSH SIGNATURE-----\n" + strings.Join(lines, "\n") + "\n-----END SSH SIGNATURE-----", nil
}

// edit changes a line of a file, so that each edit of another line can be merged.
func (h *history) edit(f *files, contents map[string][]string, app, line, to int) {
	name := fmt.Sprintf("f%d.yaml", to%filesOfApp)
	key := fmt.Sprintf("%d/%s", app, name)
	lines := slices.Clone(contents[key])
	lines[line] = fmt.Sprintf("key%d: value-%d\n", line, h.when)
	contents[key] = lines
	f.apps[app] = maps.Clone(f.apps[app])
	f.apps[app][name] = h.blob(strings.Join(lines, ""))
	f.dirs[app] = h.tree(false, f.apps[app])
}

const fileLines = 24

// generate adds commits, n in all, and returns the first and the last one.
func (h *history) generate(n int) (first, last string, err error) {
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(h.signer.PublicKey())))
	f := &files{trust: h.tree(false, map[string]string{
		"allowed_signers": h.blob("alice@example.com namespaces=\"git\" " + key + "\n"),
		"trust.yaml":      h.blob("version: 1\nrepository: example.com/bench\nidentities:\n- name: alice\n  emails: [alice@example.com]\n  keys: [{ssh: " + key + "}]\n  roles: [admin]\n"),
	})}
	contents := map[string][]string{}
	for app := range historyApps {
		f.apps[app] = map[string]string{}
		for i := range filesOfApp {
			lines := make([]string, fileLines)
			for line := range lines {
				lines[line] = fmt.Sprintf("key%d: value\n", line)
			}
			name := fmt.Sprintf("f%d.yaml", i)
			contents[fmt.Sprintf("%d/%s", app, name)] = lines
			f.apps[app][name] = h.blob(strings.Join(lines, ""))
		}
		f.dirs[app] = h.tree(false, f.apps[app])
	}
	if first, err = h.commit(f); err != nil {
		return "", "", err
	}
	last = first
	for made := 1; made < n; {
		if n-made < groupCommits {
			h.edit(f, contents, made%historyApps, 0, made)
			if last, err = h.commit(f, last); err != nil {
				return "", "", err
			}
			made++
			continue
		}
		if last, err = h.group(f, contents, last, made); err != nil {
			return "", "", err
		}
		made += groupCommits
	}
	return first, last, nil
}

// group adds a branch and its merge. Every fifth branch changes a file that the
// mainline changes as well, in another line.
func (h *history) group(f *files, contents map[string][]string, base string, seed int) (string, error) {
	side, theirs := *f, maps.Clone(contents)
	ours, branch := base, base
	var err error
	type change struct{ app, line, file int }
	var merged []change
	for i := range 4 {
		h.edit(f, contents, (seed+i)%historyApps, 1, seed)
		if ours, err = h.commit(f, ours); err != nil {
			return "", err
		}
	}
	for i := range 5 {
		c := change{(seed + 20 + i) % historyApps, 20, seed + i}
		if i == 0 && seed/groupCommits%5 == 0 {
			c = change{seed % historyApps, 20, seed} // as the mainline's first
		}
		merged = append(merged, c)
		h.edit(&side, theirs, c.app, c.line, c.file)
		if branch, err = h.commit(&side, branch); err != nil {
			return "", err
		}
	}
	for _, c := range merged {
		name := fmt.Sprintf("f%d.yaml", c.file%filesOfApp)
		key := fmt.Sprintf("%d/%s", c.app, name)
		lines := slices.Clone(contents[key])
		lines[c.line] = theirs[key][c.line]
		contents[key] = lines
		f.apps[c.app] = maps.Clone(f.apps[c.app])
		f.apps[c.app][name] = h.blob(strings.Join(lines, ""))
		f.dirs[c.app] = h.tree(false, f.apps[c.app])
	}
	return h.commit(f, ours, branch)
}

// writeHistory makes a repository of n signed commits whose branch is main, as large
// as git keeps it, and returns its first commit and the file of signers.
func writeHistory(ctx context.Context, dir string, n int) (first, signers string, err error) {
	h, err := newHistory()
	if err != nil {
		return "", "", err
	}
	first, last, err := h.generate(n)
	if err != nil {
		return "", "", err
	}
	pack := append([]byte("PACK\x00\x00\x00\x02"), binary.BigEndian.AppendUint32(nil, h.objects)...)
	pack = append(pack, h.pack.Bytes()...)
	sum := sha1.Sum(pack) //nolint:gosec // as above
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	if err := gitIn(ctx, dir, "init", "--quiet", "--template=", "--initial-branch=main"); err != nil {
		return "", "", err
	}
	cmd := exec.CommandContext(ctx, "git", "index-pack", "--stdin", "--threads=1")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(append(pack, sum[:]...))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("git index-pack: %w\n%s", err, out)
	}
	signers = filepath.Join(dir, ".git", "allowed_signers")
	line := "alice@example.com namespaces=\"git\" " + string(ssh.MarshalAuthorizedKey(h.signer.PublicKey()))
	return first, signers, cmp.Or(
		gitIn(ctx, dir, "update-ref", "refs/heads/main", last),
		gitIn(ctx, dir, "repack", "-adfq"),
		os.WriteFile(signers, []byte(line), 0o644),
	)
}
