package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/gitversion"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/strict"
)

// decisionTexts say what a decision means for what runs.
var decisionTexts = map[integrity.Decision]string{
	integrity.Warn: "warn: it may be deployed, and somebody should look",
	integrity.Hold: "hold: what runs stays until a person decides",
	integrity.Deny: "deny: what runs stays until the repository is repaired",
}

func (a *app) explainCode(e *integrity.Explanation) error {
	p := a.printer()
	p.Printf("%s", p.Paint(e.ID+": "+e.Title, report.Bold))
	p.Paragraph("", strings.Join(append([]string{"severity " + e.Severity.String(), decisionTexts[e.Code().Decision()]}, e.Controls...), " · "))
	p.Printf("")
	p.Paragraph("", e.Why)
	p.Printf("")
	p.Paragraph("Fix: ", e.Remediation)
	p.Printf("\n%s", p.Paint("How it comes about:", report.Bold))
	for line := range strings.Lines(e.Example) {
		p.Printf("    %s", strings.TrimSuffix(line, "\n"))
	}
	p.Printf("")
	for _, ref := range e.References {
		p.Printf("See %s", ref)
	}
	return p.Err()
}

// listCodes names what else than policies finds something.
func listCodes(p *report.Printer) {
	var verify []*finding.Rule
	for _, e := range integrity.Explanations() {
		verify = append(verify, &e.Rule)
	}
	for _, group := range []struct {
		command string
		rules   []*finding.Rule
	}{{"verify", verify}, {"doctor", gitversion.Rules()}} {
		p.Printf("%s", p.Paint(fmt.Sprintf("holdfast %s: %s", group.command, report.Plural(len(group.rules), "code", "codes")), report.Bold))
		rows := table{indent: "  "}
		for _, r := range group.rules {
			rows.add(row{cells: []string{r.ID, r.Severity.String(), r.Title}})
		}
		rows.print(p)
	}
}

// codeIDs returns all codes with their titles, as shells show them.
func codeIDs() (ids []string) {
	for _, e := range integrity.Explanations() {
		ids = append(ids, cobra.CompletionWithDesc(e.ID, e.Title))
	}
	for _, r := range gitversion.Rules() {
		ids = append(ids, cobra.CompletionWithDesc(r.ID, r.Title))
	}
	return ids
}

// unknownID says that nothing has an id, and which code may be meant.
func unknownID(id string) error {
	var codes []string
	for _, e := range integrity.Explanations() {
		codes = append(codes, e.ID)
	}
	for _, rule := range gitversion.Rules() {
		codes = append(codes, rule.ID)
	}
	if near := strict.Nearest(strings.ToUpper(id), codes); near != "" {
		return withHint(fmt.Errorf("there is no policy or code %q", id), "did you mean %s?", near)
	}
	return withHint(fmt.Errorf("there is no policy or code %q", id), "`holdfast explain` lists them all; --pack adds those of a directory")
}
