package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/scan"
)

// Verification is what came of judging the commits of a branch, and what a report
// says about it.
type Verification struct {
	integrity.Result
	From, Tip string // full ids; From is empty if the whole history was judged
	Base      string // the commit whose trust holds, if it is not From
	Number    int    // commits that were judged
	DryRun    bool
	Findings  []*finding.Finding // of the problems, in their order
	Commits   map[string]Commit  // those that have problems, by id
	Notes     []string           // advice, in sentences
	Anchor    string             // see Scan
	Version   string             // of Holdfast
}

// Commit is what a commit says of itself. Nothing of it is proven.
type Commit struct {
	Subject, Author string // the author's e-mail
	When            time.Time
}

// Undecided reports whether something could not be found out, so that another run
// may decide otherwise.
func (v *Verification) Undecided() bool {
	return v.Retry || slices.ContainsFunc(v.Problems, func(p integrity.Problem) bool { return unknown(p.Code) })
}

func unknown(code integrity.Code) bool {
	return code == integrity.Unverified || code == integrity.RepoShallow
}

// isEmpty reports whether there was nothing to verify.
func (v *Verification) isEmpty() bool { return v.From == v.Tip && len(v.Problems) == 0 }

// conclusion says in one sentence what came out.
func (v *Verification) conclusion() string {
	if v.isEmpty() {
		return fmt.Sprintf("There is nothing to verify: the range begins and ends with %.12s.", v.Tip)
	}
	if len(v.Verified) == 0 {
		return fmt.Sprintf("No signature is proven; the decision is %s.", v.Decision)
	}
	who := map[string]bool{}
	for _, s := range v.Verified {
		who[s.Signer.Identity] = true
	}
	return fmt.Sprintf("%s of %s proven; the decision is %s.", Plural(len(v.Verified), "signature", "signatures"),
		Plural(len(who), "person", "people"), v.Decision)
}

// hinted returns a finding with what to do about this very problem, such as the command
// that releases it. Where rules are described by themselves, it is part of the message.
func hinted(f *finding.Finding, hint string, rules bool) *finding.Finding {
	if hint == "" {
		return f
	}
	with := *f
	if rules {
		with.Message = strings.TrimRight(f.Message, ".") + ". " + hint
		return &with
	}
	rule := *f.Rule
	rule.Remediation = hint
	with.Rule = &rule
	return &with
}

// scan returns a verification as what formats for machines write, which may describe
// rules by themselves. What could not be found out is no finding, but makes it
// incomplete.
func (v *Verification) scan(rules bool) *Scan {
	s := &Scan{
		Result: &scan.Result{Objects: v.Number}, Root: ".", Revision: v.Tip, FailOn: finding.High, Version: v.Version,
		Command: "verify", Conclusion: v.conclusion(), Anchor: v.Anchor,
	}
	for i, p := range v.Problems {
		f := v.Findings[i]
		if !unknown(p.Code) {
			s.Findings = append(s.Findings, hinted(f, p.Hint, rules))
			continue
		}
		one := render.Problem{Path: p.Path, Message: string(p.Code) + ": " + f.Message, Hint: p.Hint}
		if p.Line > 0 {
			one.Position.Line, one.Position.Column = p.Line, 1
		}
		s.Result.Problems = append(s.Result.Problems, one)
	}
	finding.Sort(s.Findings)
	return s
}

// VerificationFormats returns all but text, which takes options.
func VerificationFormats() []VerificationFormat {
	all := []VerificationFormat{{"json", verificationJSON}}
	for _, f := range Formats() {
		if f.Name != "json" && f.Name != "jsonl" {
			all = append(all, VerificationFormat{f.Name, func(w io.Writer, v *Verification) error { return f.Write(w, v.scan(f.Name == "sarif")) }})
		}
	}
	return all
}

// VerificationFormat is one that machines read, or people through a machine.
type VerificationFormat struct {
	Name  string
	Write func(w io.Writer, v *Verification) error
}

// VerificationText writes a verification for people. A dry run is summed up by
// code; each problem is told if that is asked for.
func VerificationText(w io.Writer, v *Verification, opts TextOptions) error {
	p := NewPrinter(w, opts.Width, opts.Color)
	if !opts.Quiet && (!v.DryRun || opts.Verbose) {
		p.problems(v, opts.Limit)
	}
	if v.DryRun && !v.isEmpty() {
		p.survey(v, opts.Quiet)
		return p.Err()
	}
	p.hang("", 0, v.conclusion(), Bold)
	if !v.Decision.Passes() && v.Accepted != "" && v.Accepted != v.From {
		p.hang("", 0, fmt.Sprintf("What is up to %.12s may be deployed.", v.Accepted))
	}
	for _, note := range v.Notes {
		p.hang("", 0, note)
	}
	return p.Err()
}

// problems tells each problem, and of each kind once what to do.
func (p *Printer) problems(v *Verification, limit int) {
	told := map[string]bool{}
	once := func(text string) bool {
		was := told[text]
		told[text] = true
		return !was
	}
	for i, problem := range v.Problems {
		if limit > 0 && i == limit {
			p.Printf("… and %d more: `holdfast verify --limit 0`", len(v.Problems)-i)
			break
		}
		p.Printf("%s: %s", p.Paint(headOf(problem), Bold, decisionStyle(problem.Decision)), Plain(problem.Message))
		var about []string
		if c, ok := v.Commits[problem.Commit]; ok {
			about = append(about, fmt.Sprintf("%q by %s, %s", c.Subject, c.Author, c.When.UTC().Format(time.DateOnly)))
		}
		if f := v.Findings[i]; f.Location.File != nil {
			about = append(about, strings.TrimSuffix(site(f), ":1:1"))
		}
		if len(about) > 0 {
			p.Printf("  %s", p.Paint(Plain(strings.Join(about, " · ")), Dim))
		}
		if problem.Hint != "" && once(string(problem.Code)+problem.Hint) {
			p.Printf("  %s", Plain(problem.Hint))
		}
		if once(string(problem.Code)) {
			p.Printf("  More: `holdfast explain %s`", problem.Code)
		}
	}
	if len(v.Problems) > 0 {
		p.Printf("")
	}
}

// headOf names the decision, the code and the commit of a problem.
func headOf(p integrity.Problem) string {
	head := p.Decision.String() + " " + string(p.Code)
	if p.Commit != "" {
		head += fmt.Sprintf(" %.12s", p.Commit)
	}
	return head
}

func decisionStyle(d integrity.Decision) Style {
	if d.Passes() {
		return Yellow
	}
	return Red
}
