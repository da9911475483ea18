package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/state"
)

type whyCommand struct {
	*app
	config    configFlag
	namespace string
}

func newWhy(a *app) *cobra.Command {
	o := &whyCommand{app: a}
	cmd := &cobra.Command{
		Use:   "why <kind>/<name>",
		Short: "Trace a live object to its commit, signer, file, line and verdicts",
		Long: `Trace a live object to where it comes from: the application and the commit that
last changed it, who signed that commit, the file and line that declare it, and
what the policies said.

Exit codes: 0 found, 1 the object is not managed by Holdfast.`,
		Example: "  holdfast why deployment/web\n  holdfast why -n payments configmap/settings",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.config.register(cmd)
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "only in this `namespace`")
	return cmd
}

func (o *whyCommand) run(ctx context.Context, arg string) error {
	kind, name, ok := strings.Cut(arg, "/")
	if !ok {
		return withHint(fmt.Errorf("%q is not kind/name", arg), "for example: holdfast why deployment/web")
	}
	_, store, err := o.config.open()
	if err != nil {
		return err
	}
	defer store.Close()
	apps, err := store.Applications(ctx)
	if err != nil {
		return err
	}
	p := o.printer()
	found := 0
	for _, app := range apps {
		objects, err := store.Objects(ctx, app.Name)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if !o.matches(object, kind, name) {
				continue
			}
			found++
			writeOrigin(p, app, object)
		}
	}
	if found == 0 {
		p.Printf("%s is not declared by any application: Holdfast did not put it there.", report.Plain(arg))
		return exitError{ExitProblems}
	}
	return p.Err()
}

func (o *whyCommand) matches(object state.Object, kind, name string) bool {
	id := object.ID
	wanted := strings.EqualFold(id.Kind, kind) || strings.EqualFold(id.Kind+"s", kind) ||
		strings.EqualFold(id.Kind+"."+id.Group, kind)
	return wanted && id.Name == name && (o.namespace == "" || id.Namespace == o.namespace)
}

func writeOrigin(p *report.Printer, app state.Application, object state.Object) {
	row := func(label, format string, args ...any) {
		p.Printf("  %-10s %s", label, report.Plain(fmt.Sprintf(format, args...)))
	}
	p.Printf("%s", p.Paint(object.ID.String(), report.Bold))
	row("declared", "%s:%d", object.File, object.Line)
	for _, via := range object.Via {
		row("", "via %s", via)
	}
	row("commit", "%s of source %s, application %s", object.Commit, app.Source, app.Name)
	if object.Signer != "" {
		row("signed by", "%s", object.Signer)
	} else {
		row("signed by", "nobody: signatures are off for this source")
	}
	row("live at", "%s, %s since %s", short(app.Revision), app.Status, app.Changed.UTC().Format("2006-01-02 15:04:05Z"))
	row("policies", "%d passed, %d failed, %d unknown", object.Verdicts["pass"], object.Verdicts["fail"], object.Verdicts["unknown"])
	for _, f := range object.Findings {
		row("", "%s", f)
	}
}
