package report

import (
	"cmp"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// sarifSchema is where OASIS publishes the schema of what SARIF writes.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// maxTags is how many tags of a rule GitHub accepts.
const maxTags = 20

// SARIF writes a scan as a SARIF 2.1.0 log with one run.
func SARIF(w io.Writer, s *Scan) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "Holdfast", Version: s.Version, InformationURI: "https://holdfast.dev", Rules: []sarifRule{},
		}},
		AutomationDetails: sarifAutomation{ID: category(s.command(), s.Root)},
		Invocations:       []sarifInvocation{newSARIFInvocation(s)},
		ColumnKind:        "unicodeCodePoints",
		Results:           []sarifResult{},
	}
	rules := map[string]int{}
	hashes := map[*source.File][]string{}
	all := slices.Clone(s.Findings)
	for _, e := range s.hidden() {
		all = append(all, e.Finding)
	}
	for _, f := range all {
		index, ok := rules[f.Rule.ID]
		if !ok {
			index = len(run.Tool.Driver.Rules)
			rules[f.Rule.ID] = index
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(f.Rule))
		}
		result := newSARIFResult(f, index, s.Anchor, hashes)
		if e, ok := s.entries[f]; ok {
			result.triaged(s, e)
		}
		run.Results = append(run.Results, result)
	}
	return WriteJSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}, true)
}

// category tells the scans of one commit apart, so that the upload of one does
// not close the alerts of another. Paths of the machine do not belong in it.
func category(command, root string) string {
	root = path.Clean(filepath.ToSlash(root))
	if root == "." || path.IsAbs(root) || filepath.IsAbs(root) || strings.HasPrefix(root, "..") {
		return "holdfast/" + command + "/"
	}
	return "holdfast/" + command + "/" + Plain(root) + "/"
}

func newSARIFRule(r *finding.Rule) sarifRule {
	why, help := cmp.Or(r.Why, r.Title), r.Why
	if r.Remediation != "" {
		help = strings.TrimSpace(help + " Fix: " + r.Remediation)
	}
	rule := sarifRule{
		ID: r.ID, Short: sarifText{Text: r.Title}, Full: sarifText{Text: why},
		Help:    sarifText{Text: cmp.Or(help, r.Title), Markdown: markdownHelp(r, why)},
		Default: sarifConfig{Level(r.Severity)},
		Properties: map[string]any{
			"tags":              tags(r.Controls),
			"precision":         "high",
			"security-severity": securitySeverity(r.Severity),
		},
	}
	if len(r.References) > 0 {
		rule.HelpURI = r.References[0]
	}
	return rule
}

func markdownHelp(r *finding.Rule, why string) string {
	parts := []string{why}
	if r.Remediation != "" {
		parts = append(parts, "**Fix:** "+r.Remediation)
	}
	links := make([]string, len(r.References))
	for i, ref := range r.References {
		links[i] = "* <" + ref + ">"
	}
	if len(links) > 0 {
		parts = append(parts, strings.Join(links, "\n"))
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// tags returns what GitHub filters by. The schema wants every tag once.
func tags(controls []string) []string {
	all := []string{"security"}
	for _, c := range controls {
		if !slices.Contains(all, c) && len(all) < maxTags {
			all = append(all, c)
		}
	}
	return all
}

func newSARIFResult(f *finding.Finding, rule int, anchor string, hashes map[*source.File][]string) sarifResult {
	r := sarifResult{
		RuleID: f.Rule.ID, RuleIndex: rule, Level: Level(f.Severity),
		Message:      sarifText{Text: sentence(f.Message)},
		Locations:    []sarifLocation{newSARIFLocation(f, anchor)},
		Fingerprints: map[string]string{"holdfast/v1": f.Fingerprint},
		Properties:   map[string]any{"cause": f.Cause, "field": f.Field},
		Occurrences:  max(f.Count, 1),
		Fixes:        newSARIFFixes(f),
	}
	if f.Subject.Platform == resource.Git {
		// It is the commit that makes it the same, and not the line beside which it is shown.
		r.Fingerprints["primaryLocationLineHash"] = strings.TrimPrefix(f.Fingerprint, "hf1:") + ":1"
	} else if file := f.Location.File; file != nil && !f.Hidden() { // a hash of a line can be guessed at
		if hashes[file] == nil {
			hashes[file] = lineHashes(file.Content)
		}
		if line := f.Location.Position().Line; line < len(hashes[file]) {
			r.Fingerprints["primaryLocationLineHash"] = hashes[file][line]
		}
	}
	return r
}

// sentence returns a message as SARIF's plain text: no character that acts,
// no link that a name in a file could make.
func sentence(message string) string {
	text := strings.ReplaceAll(Plain(message), "](", "] (")
	return strings.TrimRight(text, ". ") + "."
}

// newSARIFLocation returns the place of a finding. GitHub refuses the whole log if a
// result has no file, so that there is one to stand for none.
func newSARIFLocation(f *finding.Finding, anchor string) sarifLocation {
	loc := sarifLocation{Logical: []sarifLogical{{
		Name: f.Subject.Name, FullyQualifiedName: strings.TrimSuffix(f.Subject.Key()+" "+f.Field, " "), Kind: "resource",
	}}}
	if f.Location.File != nil {
		loc.Physical = &sarifPhysical{Artifact: artifact(f.Location.File.Path), Region: region(f.Location)}
	} else if anchor != "" {
		loc.Physical = &sarifPhysical{Artifact: artifact(anchor), Region: &sarifRegion{StartLine: 1}}
	}
	return loc
}

// region returns the lines and columns of a location. Of one that is not exact
// it is the line alone, since columns would claim more than is known.
func region(loc resource.Location) *sarifRegion {
	start, end := loc.File.Position(loc.Span.Start), loc.File.Position(max(loc.Span.Start, loc.Span.End))
	if !loc.Exact {
		return &sarifRegion{StartLine: start.Line}
	}
	return &sarifRegion{start.Line, start.Column, end.Line, end.Column}
}

// artifact returns a relative URI. A colon is escaped as well, so that what is
// before it is not read as a scheme.
func artifact(name string) sarifArtifact {
	escaped := (&url.URL{Path: name}).EscapedPath()
	return sarifArtifact{URI: strings.ReplaceAll(escaped, ":", "%3A")}
}

// newSARIFInvocation says whether everything could be judged; if not, with the
// exit code that the scan then has.
func newSARIFInvocation(s *Scan) sarifInvocation {
	inv := sarifInvocation{ExecutionSuccessful: !s.Partial(), Notifications: notifications(s)}
	if s.Partial() {
		inv.ExitCode, inv.ExitDescription = 2, "something could not be judged"
	}
	return inv
}

func notifications(s *Scan) (out []sarifNotification) {
	for _, p := range s.Problems {
		text := sentence(p.Message)
		if p.Hint != "" {
			text += " " + sentence(p.Hint)
		}
		one := sarifNotification{Level: "error", Message: sarifText{Text: text}}
		if p.Path != "" {
			at := &sarifPhysical{Artifact: artifact(p.Path)}
			if p.Position.Line > 0 {
				at.Region = &sarifRegion{StartLine: p.Position.Line, StartColumn: p.Position.Column}
			}
			one.Locations = []sarifLocation{{Physical: at}}
		}
		out = append(out, one)
	}
	for _, e := range s.Errors {
		out = append(out, sarifNotification{Level: "error", Message: sarifText{Text: sentence("A policy could not be evaluated: " + e)}})
	}
	return out
}

// securitySeverity gives a number in the range that GitHub reads for each
// severity: above 9.0 critical, from 7.0 high, from 4.0 medium, below low.
func securitySeverity(s finding.Severity) string {
	switch {
	case s >= finding.Critical:
		return "9.5"
	case s == finding.High:
		return "8.0"
	case s == finding.Medium:
		return "5.5"
	case s == finding.Low:
		return "2.0"
	}
	return "0.1"
}
