package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/gitversion"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/scan"
)

// printing has something examined, and writes what came out in the formats that were
// asked for.
func (o *doctorCommand) printing(examine func(*report.Printer) error) error {
	outputs, err := parseOutputs(o.outputs, formatNames())
	if err != nil {
		return err
	}
	var text bytes.Buffer
	p := report.NewPrinter(&text, o.width(), o.colored())
	if err := examine(p); err != nil {
		return err
	}
	finding.Sort(o.findings)
	s := &report.Scan{
		Result: &scan.Result{Findings: o.findings}, Root: ".", FailOn: finding.High, Version: Version(), Command: "doctor",
	}
	s.Result.Problems = o.problems
	var errs []error
	for _, out := range outputs {
		errs = append(errs, o.write(out, 0, func(w io.Writer) error {
			for _, f := range report.Formats() {
				if f.Name == out.format {
					return f.Write(w, s)
				}
			}
			_, err := w.Write(text.Bytes())
			return err
		}))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	switch {
	case o.failed:
		return exitWith(ExitProblems)
	case o.nothing:
		return exitWith(ExitNothing)
	}
	return nil
}

// git tells how the Git of this machine is, and the user's settings of it.
func (o *doctorCommand) git(ctx context.Context, p *report.Printer) {
	found, err := git.Check(ctx, "")
	if err != nil {
		o.report(p, "git", "", err)
		return
	}
	o.localVersion(p, found)
	for _, probe := range found.Probes {
		switch {
		case probe.OK:
			o.report(p, "git", probe.Name+": "+probe.Detail, nil)
		default:
			o.report(p, "git", "", fmt.Errorf("%s: %s", probe.Name, probe.Detail))
		}
	}
	settings, err := git.UserSettings(ctx, found.Path)
	if err != nil {
		o.report(p, "git", "", err)
		return
	}
	weak := gitversion.WeakSettings(settings)
	if len(weak) == 0 {
		o.report(p, "git", "settings: none takes protection away", nil)
	}
	for _, f := range weak {
		o.tell(p, "git", f)
	}
}

func (o *doctorCommand) localVersion(p *report.Printer, found git.Report) {
	version, err := gitversion.Parse(found.Version)
	if err != nil {
		o.report(p, "git", "", fmt.Errorf("version: %q cannot be read; install git %s or later", found.Version, gitversion.Recommended))
		return
	}
	fixed := 0
	for _, ok := range found.Fixes {
		if ok {
			fixed++
		}
	}
	o.report(p, "git", fmt.Sprintf("version: %s at %s; probes prove %s", found.Version, found.Path, report.Plural(fixed, "fix", "fixes")), nil)
	if f := gitversion.OldClient("this machine", version, gitversion.Proof(found.Fixes)); f != nil {
		o.tell(p, "git", f)
		o.list(p, gitversion.Judge(version, gitversion.AnyClient, gitversion.Proof(found.Fixes)))
	}
}

// list writes each risk, if that was asked for.
func (o *doctorCommand) list(p *report.Printer, risks []gitversion.Risk) {
	if !o.verbose {
		return
	}
	rows := table{indent: "      "}
	for _, r := range risks {
		rows.add(row{cells: []string{r.ID, r.Severity.String(), r.Confidence.String(), r.Allows}})
	}
	rows.print(p)
}

// tell writes a finding. What blocks makes the command fail.
func (o *doctorCommand) tell(p *report.Printer, what string, f *finding.Finding) {
	o.findings = append(o.findings, f)
	word := p.Paint("note", report.Yellow)
	if f.Severity >= finding.High {
		o.failed = true
		word = p.Paint("FAIL", report.Bold, report.Red)
	}
	o.line(p, word, what, fmt.Sprintf("%s (%s): %s\n%s", f.Rule.ID, f.Severity, f.Message, f.Rule.Remediation))
}
