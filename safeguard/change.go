package safeguard

import (
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Kind is a sort of safeguard. As the kind of a resource it is what policies match.
type Kind string

// The kinds.
const (
	Gate       Kind = "Gate"       // a step or job of a pipeline that checks
	Policy     Kind = "Policy"     // a policy file
	Waiver     Kind = "Waiver"     // an entry of the list of waivers
	Baseline   Kind = "Baseline"   // what was there when Holdfast came
	Ignore     Kind = "Ignore"     // a comment that accepts findings of its line
	Settings   Kind = "Settings"   // holdfast.yaml and files of .holdfast
	Owners     Kind = "Owners"     // CODEOWNERS
	Hook       Kind = "Hook"       // what runs on the machines of authors
	Attributes Kind = "Attributes" // .gitattributes
	Protection Kind = "Protection" // objects of Kubernetes that protect others
	File       Kind = "File"       // any other path, for policies of users
)

// Change is what became of one safeguard.
type Change struct {
	Kind Kind
	Path string // of the file, in the later tree if it is there
	Name string // which one within the file; may be empty
	Loss string // one word for what was lost; empty if nothing was
	Text string // a sentence about the loss, without a full stop
	Old  *resource.Value
	New  *resource.Value
	// Pairs are what is not checked any more.
	Pairs []Pair
	At    resource.Location
}

// Pair is a policy that is not checked on a path any more. "*" stands for all.
type Pair struct{ Policy, Path string }

// Step is the commit that is judged.
type Step struct {
	Commit    string // full id
	Subject   string // first line of the message
	Author    string // e-mail that the commit claims
	Committer string
	Signer    string // who is proven to have signed it; empty if nobody is
	Unsigned  bool   // nobody has to sign here, so that nobody's right is missing
	// MayWaive tells up to which severity the signer may accept risks. Nil: none.
	MayWaive func(finding.Severity) bool
	// Approved tells whether the trust file asks for approvals of changes of a path,
	// which were counted before. What is lost there is told, and is no reason to
	// refuse the commit. Nil: none.
	Approved func(path string) bool
	// Guards tells which other paths the trust file lists as safeguards. Nil: none.
	Guards func(path string) bool
}

// waives lists the severities that the signer may accept.
func (s Step) waives() (all []string) {
	for severity := finding.Info; severity <= finding.Critical; severity++ {
		if s.Unsigned || s.MayWaive != nil && s.MayWaive(severity) {
			all = append(all, severity.String())
		}
	}
	return all
}

// resource returns a change as what policies judge. Whatever they find is where
// the change is.
func (c *Change) resource(step Step) *resource.Resource {
	span := c.At.Span
	text := func(s string) *resource.Value { return resource.NewText(s, span) }
	root := resource.NewMap(span).
		Put("kind", text(string(c.Kind))).
		Put("path", text(c.Path)).
		Put("name", text(c.Name)).
		Put("loss", text(c.Loss)).
		Put("text", text(c.Text)).
		Put("old", c.Old).
		Put("new", c.New)
	pairs := resource.NewList(span)
	for _, p := range c.Pairs {
		pairs.Items = append(pairs.Items, resource.NewMap(span).Put("policy", text(p.Policy)).Put("path", text(p.Path)))
	}
	waives := resource.NewList(span)
	for _, severity := range step.waives() {
		waives.Items = append(waives.Items, text(severity))
	}
	root.Put("pairs", pairs)
	root.Put("commit", resource.NewMap(span).
		Put("id", text(step.Commit)).Put("subject", text(step.Subject)).
		Put("author", text(step.Author)).Put("committer", text(step.Committer)))
	root.Put("signer", resource.NewMap(span).Put("identity", text(step.Signer)).Put("waives", waives))
	at := c.At
	return &resource.Resource{
		ID:   resource.ID{Platform: resource.GitChange, Kind: string(c.Kind), Name: c.id()},
		Root: root,
		Origin: resource.Origin{Renderer: "change", File: at.File, Span: span,
			Locator: func(resource.Path) (resource.Location, bool) { return at, true }},
	}
}

// id names the safeguard: its file, which one it is in that, and what was lost.
func (c *Change) id() string {
	name := strings.TrimSpace(c.Path + " " + c.Name)
	if c.Loss != "" {
		name += " (" + c.Loss + ")"
	}
	return name
}

// in returns the place of a value in a file.
func in(file *source.File, v *resource.Value) resource.Location {
	if file == nil {
		return resource.Location{}
	}
	l := resource.Location{File: file, Exact: true}
	if v != nil {
		l.Span = v.Span
	}
	return l.OrLine()
}
