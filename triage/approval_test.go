package triage_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
	"github.com/holdfast-dev/holdfast/waiver"
)

// court is a repository with people who may approve what: sec anything, lead up
// to medium, dev nothing.
type court struct {
	*gittest.Repo
	t     *testing.T
	keys  map[string]*gittest.Key
	local *git.Local
}

const manifest = "kind: Pod\nprivileged: true\n"

func newCourt(t *testing.T, approvers string) *court {
	c := &court{Repo: gittest.New(t), t: t, keys: map[string]*gittest.Key{}}
	var signers strings.Builder
	for _, name := range []string{"sec", "lead", "dev"} {
		c.keys[name] = gittest.SSHKey(t)
		signers.WriteString(name + "@example.com namespaces=\"git\" " + c.keys[name].Public + "\n")
	}
	files := map[string]string{".holdfast/allowed_signers": signers.String(), "app.yaml": manifest}
	if approvers != "" {
		files[".holdfast/approvers"] = approvers
	}
	c.as("dev").Commit("base", files)
	if err := os.WriteFile(c.Path(".git"), []byte("gitdir: "+c.GitDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	local, err := git.OpenLocal(git.LocalOptions{WorkTree: c.Path(".")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	c.local = local
	return c
}

func (c *court) as(name string) *court {
	c.Name, c.Email, c.Key = name, name+"@example.com", c.keys[name]
	return c
}

func (c *court) unsigned() *court {
	c.Key = nil
	return c
}

var defaultApprovers = "sec@example.com critical\nlead@example.com medium\n"

const head = "apiVersion: holdfast.dev/v1alpha1\nkind: WaiverList\nwaivers:\n"

// entry is a waiver for the finding of the manifest.
func entry(id string) string {
	return `- id: ` + id + `
  policy: HF-K8S-001
  match:
    resource: Pod/shop/` + strings.ToLower(id) + `
    environments: [stage]
  reason: isolated
  owner: team
  expires: ` + time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly) + `
  digests: [` + waiver.Digest(problem(id, finding.High)) + `]
`
}

// problem is what the waiver with an id is about: a finding in the manifest.
func problem(id string, severity finding.Severity) *finding.Finding {
	file := source.NewFile("app.yaml", []byte(manifest))
	f := &finding.Finding{
		Rule: &finding.Rule{ID: "HF-K8S-001"}, Severity: severity, Via: []string{"overlays/stage/kustomization.yaml"},
		Subject:  resource.ID{Version: "v1", Kind: "Pod", Namespace: "shop", Name: strings.ToLower(id)},
		Location: resource.Location{File: file, Span: source.Span{Start: 10, End: 26}, Exact: true},
	}
	f.Identify("")
	return f
}

// commit writes the list, and wait for nobody: the next call judges.
func (c *court) commit(entries ...string) string {
	return c.Commit("waivers", map[string]string{waiver.Path: head + strings.Join(entries, "")})
}

// status triages the finding of each id as the work tree now is.
func (c *court) status(severity finding.Severity, ids ...string) (all []triage.Entry) {
	c.t.Helper()
	disk, err := source.Disk(c.Path("."), source.DiskOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	in := triage.Input{Now: time.Now()}
	for _, id := range ids {
		in.Findings = append(in.Findings, problem(id, severity))
	}
	at := c.Head()
	trusted := func(ctx ctx) (source.Tree, error) { return c.local.Tree(ctx, at) }
	problems, err := in.Load(c.t.Context(), triage.Context{Judged: disk, Trusted: trusted, Repo: c.local, Commit: at})
	if err != nil || len(problems) > 0 {
		c.t.Fatal(err, problems)
	}
	return triage.Run(in).All
}

func (c *court) want(reason string, e triage.Entry, status triage.Status, note string) {
	c.t.Helper()
	if e.Status != status || !strings.Contains(e.Note, note) {
		c.t.Errorf("%s: %s, note %q; want %s, %q", reason, e.Status, e.Note, status, note)
	}
}

func TestApproval(t *testing.T) {
	c := newCourt(t, defaultApprovers)
	c.Write(map[string]string{waiver.Path: head + entry("W-1")})
	c.want("not committed", c.status(finding.High, "W-1")[0], triage.Requested, "not approved")
	c.as("dev").commit(entry("W-1"))
	c.want("signed by somebody else", c.status(finding.High, "W-1")[0], triage.Requested, "dev@example.com, who may not approve what is high")
	c.as("lead").commit(entry("W-1"), entry("W-2"))
	all := c.status(finding.High, "W-1", "W-2")
	c.want("the old entry is still the one of dev", all[0], triage.Requested, "dev@example.com")
	c.want("up to medium only", all[1], triage.Requested, "lead@example.com, who may not approve what is high")
	c.want("up to medium", c.status(finding.Medium, "W-2")[0], triage.Waived, "")
	c.as("sec").commit(entry("W-1"), entry("W-2"), entry("W-3"))
	c.want("signed by an approver", c.status(finding.Critical, "W-3")[0], triage.Waived, "")
	c.as("sec").commit(strings.Replace(entry("W-1"), "isolated", "isolated by np-legacy", 1), entry("W-2"), entry("W-3"))
	c.want("touched by an approver", c.status(finding.High, "W-1")[0], triage.Waived, "")
	c.Write(map[string]string{waiver.Path: head + strings.Replace(entry("W-3"), "isolated", "changed", 1)})
	c.want("changed since, and not committed", c.status(finding.High, "W-3")[0], triage.Requested, "not committed")
}

func TestApprovalCannotBeStretched(t *testing.T) {
	c := newCourt(t, defaultApprovers)
	c.as("sec").commit(entry("W-1"))
	c.want("approved", c.status(finding.High, "W-1")[0], triage.Waived, "")
	wider := strings.Replace(entry("W-1"), "    environments: [stage]\n", "", 1)
	c.as("dev").commit(wider)
	c.want("a line was taken away, and all others are the approver's", c.status(finding.High, "W-1")[0], triage.Requested, "no commit with this entry")
	c.as("dev").commit(entry("W-1"))
	c.want("put back as it was approved", c.status(finding.High, "W-1")[0], triage.Waived, "")
	c.as("sec").commit()
	c.as("dev").commit(entry("W-1"))
	c.want("taken back by the approver, and put in again by another", c.status(finding.High, "W-1")[0], triage.Requested, "dev@example.com")
	c.as("sec").unsigned().commit(entry("W-1"), entry("W-2"))
	c.want("in the approver's name, and not signed", c.status(finding.High, "W-2")[0], triage.Requested, "not signed")
	c.as("sec")
	c.Key = c.keys["dev"]
	c.commit(entry("W-1"), entry("W-2"), entry("W-3"))
	c.want("in the approver's name, signed by another", c.status(finding.High, "W-3")[0], triage.Requested, "not approved")
	c.as("dev").Checkout("side")
	c.commit(entry("W-4"))
	c.Checkout("main")
	c.Reset(c.Head())
	c.as("sec").Merge("merge", "side")
	c.want("merged by an approver, who did not touch it", c.status(finding.High, "W-4")[0], triage.Requested, "dev@example.com")
}

func TestNobodyApprovesTheirOwnProblem(t *testing.T) {
	c := newCourt(t, "dev@example.com critical\nsec@example.com critical\n")
	c.as("dev").commit(entry("W-1"))
	c.want("written and approved by dev", c.status(finding.High, "W-1")[0], triage.Requested, "also wrote what it is about")
	c.want("up to medium that is fine", c.status(finding.Medium, "W-1")[0], triage.Waived, "")
	c.as("sec").commit(entry("W-2"))
	c.want("approved by another", c.status(finding.High, "W-2")[0], triage.Waived, "")
}

func TestChangeCannotAppointItsApprovers(t *testing.T) {
	c := newCourt(t, defaultApprovers)
	base := c.Head()
	c.as("dev").Commit("appoint", map[string]string{".holdfast/approvers": "dev@example.com critical\n", "app.yaml": manifest + "# sec wrote nothing\n"})
	c.as("dev").commit(entry("W-1"))
	tree, err := c.local.Tree(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	who, err := triage.LoadAuthority(tree, "", "")
	if err != nil {
		t.Fatal(err)
	}
	in := triage.Input{Findings: []*finding.Finding{problem("W-1", finding.High)}, Now: time.Now()}
	in.Waivers = decode(t, head+entry("W-1"))
	if in.Approvals, err = triage.Approvals(t.Context(), c.local, c.Head(), in.Waivers, who); err != nil {
		t.Fatal(err)
	}
	c.want("by those of the commit before", triage.Run(in).All[0], triage.Requested, "may not approve")
}

func TestWithoutApproversEverySignerMayUpToMedium(t *testing.T) {
	c := newCourt(t, "")
	c.as("dev").commit(entry("W-1"))
	c.want("medium", c.status(finding.Medium, "W-1")[0], triage.Waived, "")
	c.want("high", c.status(finding.High, "W-1")[0], triage.Requested, "may not approve what is high")
}

func TestShallowHistoryProvesNothing(t *testing.T) {
	c := newCourt(t, defaultApprovers)
	c.as("dev").commit(entry("W-1"))
	last := c.as("sec").Commit("other", map[string]string{"other.yaml": "x: 1\n"})
	if err := os.WriteFile(c.GitDir()+"/shallow", []byte(last+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.want("the last commit is signed by an approver, and seems to have written all", c.status(finding.High, "W-1")[0], triage.Requested, "history of the entry is cut off")
}
