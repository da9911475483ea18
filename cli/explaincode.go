package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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

func listCodes(p *report.Printer) {
	all := integrity.Explanations()
	p.Printf("%s", p.Paint(fmt.Sprintf("holdfast verify: %s", report.Plural(len(all), "code", "codes")), report.Bold))
	rows := table{indent: "  "}
	for _, e := range all {
		rows.add(row{cells: []string{e.ID, e.Severity.String(), e.Title}})
	}
	rows.print(p)
}

// codeIDs returns all codes with their titles, as shells show them.
func codeIDs() (ids []string) {
	for _, e := range integrity.Explanations() {
		ids = append(ids, cobra.CompletionWithDesc(e.ID, e.Title))
	}
	return ids
}

// unknownID says that nothing has an id, and which code may be meant.
func unknownID(id string) error {
	var codes []string
	for _, e := range integrity.Explanations() {
		codes = append(codes, e.ID)
	}
	if near := strict.Nearest(strings.ToUpper(id), codes); near != "" {
		return withHint(fmt.Errorf("there is no policy or code %q", id), "did you mean %s?", near)
	}
	return withHint(fmt.Errorf("there is no policy or code %q", id), "`holdfast explain` lists them all; --pack adds those of a directory")
}
