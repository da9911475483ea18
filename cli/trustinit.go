package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

type trustInit struct {
	*app
	admins     []string
	repository string
}

func newTrustInit(a *app) *cobra.Command {
	o := &trustInit{app: a}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write .holdfast/trust.yaml from what the repository has",
		Long: `Write .holdfast/trust.yaml from what the repository has: the keys of
.holdfast/allowed_signers and .holdfast/gpg, the owners of CODEOWNERS, and where its
history begins. Read it, change it, and commit it: it counts from the next commit on.
Nothing is overwritten.

Exit codes: 0 written, 2 not.`,
		Example: "  holdfast trust init --admin alice@example.com --admin carol@example.com",
		Args:    takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().StringSliceVar(&o.admins, "admin", nil, "the `e-mail` of who may change the file (repeatable); default: all who may sign")
	cmd.Flags().StringVar(&o.repository, "repository", "", "what the repository is called; default: by the URL of its remote")
	return cmd
}

func (o *trustInit) run(ctx context.Context) error {
	if _, err := os.Lstat(trust.Path); err == nil {
		return withHint(fmt.Errorf("%s exists already", trust.Path), "`holdfast trust check` explains it")
	}
	tree, err := source.Disk(".", source.DiskOptions{})
	if err != nil {
		return err
	}
	signers, err := integrity.LoadSigners(tree, "", "")
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("there is no %s to begin with", integrity.DefaultSignersPath),
			"write a line for each who may sign:\n  alice@example.com namespaces=\"git\" ssh-ed25519 AAAA…")
	}
	if err != nil {
		return err
	}
	d := trustDraft{repository: o.repository, owners: readOwners(tree)}
	if err := d.history(ctx); err != nil {
		return err
	}
	if err := d.people(signers, o.admins); err != nil {
		return err
	}
	content := d.text()
	policy, err := trust.Parse(trust.Path, []byte(content))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(trust.Path), 0o755); err != nil { //nolint:gosec // as a checkout makes it
		return err
	}
	if err := os.WriteFile(trust.Path, []byte(content), 0o644); err != nil { //nolint:gosec // as a checkout makes it
		return err
	}
	return o.say("Wrote %s: %d identities, %d rules. Read it, and commit it; it counts from the next commit on.\n`holdfast trust check` explains it.",
		trust.Path, len(policy.Identities), len(policy.Paths))
}

// trustDraft is a trust file in the making.
type trustDraft struct {
	repository, root string
	owners           []ownerRule
	identities       []*draftIdentity
}

type draftIdentity struct {
	name   string
	emails []string
	keys   []integrity.Listed
	role   trust.Role
}

// history finds out where the history begins, and what the repository is called.
func (d *trustDraft) history(ctx context.Context) (err error) {
	repo, err := git.OpenLocal(git.LocalOptions{WorkTree: "."})
	if err != nil {
		return withHint(err, "run it at the root of a Git repository")
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	if d.repository == "" {
		remotes, err := repo.Remotes(ctx)
		if err != nil {
			return err
		}
		if d.repository = repositoryName(remotes); d.repository == "" {
			return withHint(errors.New("the repository has no remote to be called by"), "use --repository github.com/acme/fleet")
		}
	}
	id, err := repo.Resolve(ctx, "HEAD")
	if err != nil {
		var unborn *git.RevisionError
		if errors.As(err, &unborn) {
			return nil
		}
		return err
	}
	for range maxRootSearch {
		commit, err := repo.Commit(ctx, id)
		if err != nil {
			return err
		}
		if len(commit.Parents) == 0 {
			d.root = id
			return nil
		}
		id = commit.Parents[0]
	}
	return nil
}

// maxRootSearch bounds how many commits are read to find the first.
const maxRootSearch = 200_000

// repositoryName is the host and path of a URL, without what may be secret.
func repositoryName(remotes []string) string {
	for _, remote := range remotes {
		if u, err := url.Parse(remote); err == nil && u.Host != "" {
			return u.Hostname() + strings.TrimSuffix(u.Path, ".git")
		}
		if userHost, path, ok := strings.Cut(remote, ":"); ok && !strings.Contains(userHost, "/") {
			_, host, _ := strings.Cut("@"+userHost[strings.LastIndexByte(userHost, '@')+1:], "@")
			return host + "/" + strings.TrimSuffix(path, ".git")
		}
	}
	return ""
}

// people makes identities of the keys.
func (d *trustDraft) people(signers *integrity.Signers, admins []string) error {
	taken := map[string]bool{"admin": true, "maintainer": true, "release": true, "waiver": true, "applier": true, "forge": true, "bot": true}
	byEmail := map[string]*draftIdentity{}
	for _, k := range signers.Listed() {
		var id *draftIdentity
		for _, email := range k.Emails {
			if byEmail[email] != nil {
				id = byEmail[email]
			}
		}
		if id == nil {
			id = &draftIdentity{name: nameOf(k.Emails[0], taken)}
			taken[id.name] = true
			d.identities = append(d.identities, id)
		}
		for _, email := range k.Emails {
			if byEmail[email] == nil {
				byEmail[email] = id
				id.emails = append(id.emails, email)
			}
		}
		id.keys = append(id.keys, k)
		if slices.ContainsFunc(id.emails, isForge) {
			id.role = trust.Forge
		}
	}
	for _, admin := range admins {
		if byEmail[admin] == nil {
			return withHint(fmt.Errorf("--admin %s has no key", admin), "add it to %s first", integrity.DefaultSignersPath)
		}
		byEmail[admin].role = trust.Admin
	}
	for _, id := range d.identities {
		if len(admins) == 0 && id.role == "" {
			id.role = trust.Admin
		}
	}
	return nil
}

// isForge reports whether an address is that of a forge, which signs what is
// merged in its pages.
func isForge(email string) bool {
	return slices.Contains([]string{"noreply@github.com", "noreply@gitlab.com", "noreply@codeberg.org", "noreply@bitbucket.org"}, email)
}

// nameOf makes a name of an address.
func nameOf(email string, taken map[string]bool) string {
	local, _, _ := strings.Cut(email, "@")
	name := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_", r) {
			return r
		}
		return '-'
	}, strings.ToLower(local)), ".-_")
	if name == "" {
		name = "signer"
	}
	for i, base := 2, name; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

func (d *trustDraft) text() string {
	var b strings.Builder
	b.WriteString("# Who may do what in this repository. Explained by: holdfast trust check\n# Each change needs a higher version, and counts from the next commit on.\nversion: 1\n")
	fmt.Fprintf(&b, "repository: %q\n", d.repository)
	if d.root != "" {
		fmt.Fprintf(&b, "roots: [%q]\n", d.root)
	}
	b.WriteString("\nidentities:\n")
	admins := 0
	for _, id := range d.identities {
		if id.role == trust.Admin {
			admins++
		}
		fmt.Fprintf(&b, "- name: %q\n  emails: [%s]\n  keys:\n", id.name, quotedList(id.emails))
		for _, k := range id.keys {
			b.WriteString("  - " + keyLine(k) + "\n")
		}
		if id.role != "" {
			fmt.Fprintf(&b, "  roles: [%s]\n", id.role)
		}
	}
	b.WriteString("\nrefs:\n- match: refs/**\n  rewrite: hold\n  merges: clean\n  unsignedSide: deny\n  acknowledge: {of: admin, count: 1}\n")
	fmt.Fprintf(&b, "\npaths:\n- match: [.holdfast/**, .github/**, .gitlab-ci.yml, CODEOWNERS, docs/CODEOWNERS, .mailmap, .gitattributes]\n  who: [admin]\n  approvals: %d\n", min(1, admins-1))
	for _, r := range d.owners {
		who, unknown := d.known(r.owners)
		if len(who) == 0 {
			fmt.Fprintf(&b, "# CODEOWNERS line %d: nobody here has a key: %s\n", r.line, strings.Join(unknown, " "))
			continue
		}
		fmt.Fprintf(&b, "- match: [%s]\n  who: [%s]\n", quotedList(r.match), quotedList(who))
	}
	b.WriteString("\nsafeguards: [CODEOWNERS, .github/workflows/**, .gitlab-ci.yml, .pre-commit-config.yaml]\n")
	return b.String()
}

func keyLine(k integrity.Listed) string {
	line := fmt.Sprintf("ssh: %q", k.SSH)
	if k.Fingerprint != "" {
		line = fmt.Sprintf("gpg: %q, file: %q", k.Fingerprint, k.File)
	}
	if !k.From.IsZero() {
		line += ", validFrom: " + k.From.UTC().Format(time.RFC3339)
	}
	if !k.Until.IsZero() {
		line += ", validUntil: " + k.Until.UTC().Format(time.RFC3339)
	}
	return "{" + line + "}"
}

func quotedList(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = fmt.Sprintf("%q", t)
	}
	return strings.Join(out, ", ")
}

// known sorts owners into identities of the draft and others.
func (d *trustDraft) known(owners []string) (who, unknown []string) {
	for _, owner := range owners {
		i := slices.IndexFunc(d.identities, func(id *draftIdentity) bool {
			return slices.Contains(id.emails, owner) || "@"+id.name == strings.ToLower(owner)
		})
		switch {
		case i < 0:
			unknown = append(unknown, owner)
		case d.identities[i].role != trust.Forge && !slices.Contains(who, d.identities[i].name):
			who = append(who, d.identities[i].name)
		}
	}
	return who, unknown
}

// ownerRule is a line of CODEOWNERS.
type ownerRule struct {
	line   int
	match  []string
	owners []string
}

// readOwners reads CODEOWNERS where forges look for it. Lines that mean all
// files, or that no pattern here can say, are left out.
func readOwners(tree source.Tree) (rules []ownerRule) {
	for _, path := range []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"} {
		data, err := tree.ReadFile(path)
		if err != nil {
			continue
		}
		for i, line := range strings.Split(string(data), "\n") {
			text, _, _ := strings.Cut(line, "#")
			fields := strings.Fields(text)
			if len(fields) < 2 || strings.ContainsAny(fields[0], "[]{}\\!") || strings.Trim(fields[0], "*/") == "" {
				continue
			}
			rules = append(rules, ownerRule{i + 1, ownerPatterns(fields[0]), fields[1:]})
		}
		return rules
	}
	return nil
}

// ownerPatterns says in patterns of the trust file what one of CODEOWNERS means:
// without a slash before its end it matches at any depth, and directories with
// all below them.
func ownerPatterns(text string) []string {
	base := strings.Trim(text, "/")
	if !strings.Contains(strings.TrimSuffix(text, "/"), "/") {
		base = "**/" + base
	}
	if strings.HasSuffix(text, "/") {
		return []string{base + "/**"}
	}
	if strings.HasSuffix(base, "*") {
		return []string{base}
	}
	return []string{base, base + "/**"}
}
