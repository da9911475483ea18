package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/holdfast-dev/holdfast/gitversion"
	"github.com/holdfast-dev/holdfast/report"
)

// askRemote tells what a server says of itself.
func (o *doctorCommand) askRemote(ctx context.Context, p *report.Printer) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	asked, err := gitversion.Ask(ctx, o.remote)
	if err != nil {
		return fmt.Errorf("the server cannot be asked: %w", err)
	}
	agent := "it does not say what it is"
	if asked.Agent != "" {
		agent = fmt.Sprintf("it says that it is %.100q", asked.Agent)
	}
	o.report(p, "server", fmt.Sprintf("%s: %s; protocol version %d, objects by %.20s", asked.Name, agent, asked.Protocol, asked.Format), nil)
	if least, shown := asked.AtLeast(); shown != "" && !asked.Version().IsKnown() {
		o.report(p, "server", fmt.Sprintf("it offers %s, which came with Git %d.%d", shown, least[0], least[1]), nil)
	}
	found := asked.Findings()
	for _, f := range found {
		o.tell(p, "server", f)
	}
	o.list(p, gitversion.Judge(asked.Version(), gitversion.Server, nil))
	if len(found) == 0 && asked.Version().IsKnown() {
		o.report(p, "server", "nothing is known against it", nil)
	}
	return nil
}

// readClients tells which versions a log names.
func (o *doctorCommand) readClients(p *report.Printer) error {
	in := o.In
	if o.clients != "-" {
		file, err := os.Open(o.clients)
		if err != nil {
			return pathError(o.clients, err)
		}
		defer file.Close()
		in = file
	}
	log, err := gitversion.ReadLog(in)
	if err != nil {
		return fmt.Errorf("the log cannot be read: %w", err)
	}
	what := "clients"
	if len(log.Agents) == 0 {
		o.line(p, p.Paint("skip", report.Dim), what, report.Plural(log.Lines, "line names", "lines name")+" no version of Git")
		o.nothing = true
		return nil
	}
	for _, f := range log.Findings() {
		f.Message = report.Plural(f.Count, "line", "lines") + ": " + f.Message
		o.tell(p, what, f)
	}
	rows := table{indent: "      "}
	rows.add(row{cells: []string{"LINES", "VERSION", "SIDE"}})
	for _, a := range log.Agents {
		side := "client"
		if a.Server {
			side = "server"
		}
		rows.add(row{cells: []string{fmt.Sprint(a.Count), a.Version.String(), side}})
	}
	o.report(p, what, report.Plural(log.Lines, "line names", "lines name")+" "+report.Plural(len(log.Agents), "version", "versions")+":", nil)
	rows.print(p)
	o.listOf(p, log)
	if log.TooLong > 0 {
		o.line(p, p.Paint("note", report.Yellow), what, "only the beginning was read of "+report.Plural(log.TooLong, "line that is too long", "lines that are too long"))
	}
	if log.Dropped > 0 {
		o.line(p, p.Paint("note", report.Yellow), what, "not counted, for there are too many versions: "+report.Plural(log.Dropped, "line", "lines"))
	}
	return nil
}

// listOf writes each risk of each version of a log, if that was asked for.
func (o *doctorCommand) listOf(p *report.Printer, log *gitversion.Log) {
	for _, a := range log.Agents {
		roles := gitversion.AnyClient
		if a.Server {
			roles = gitversion.Server
		}
		if risks := gitversion.Judge(a.Version, roles, nil); o.verbose && len(risks) > 0 {
			p.Printf("      %s:", a.Version)
			o.list(p, risks)
		}
	}
}
