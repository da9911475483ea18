package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
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
what the policies said. Kinds are written as for kubectl: deployment,
deployments, deploy or deployment.apps.

Exit codes: 0 found, 1 the object is not managed by Holdfast, 2 there is no state.`,
		Example: "  holdfast why deployment/web\n  holdfast why -n payments configmap/settings",
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.config.register(cmd)
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "only in this `namespace`")
	return cmd
}

func (o *whyCommand) run(ctx context.Context, arg string) error {
	kind, name, ok := strings.Cut(arg, "/")
	if !ok || kind == "" || name == "" {
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
			if !isNamed(object.ID, kind, name) || o.namespace != "" && object.ID.Namespace != o.namespace {
				continue
			}
			found++
			writeOrigin(p, app, object)
			if err := writeOpenDrifts(ctx, p, store, app.Name, object.ID); err != nil {
				return err
			}
		}
	}
	if found == 0 {
		where := ""
		if o.namespace != "" {
			where = " in namespace " + o.namespace
		}
		p.Printf("No application declares %s: Holdfast did not put it there.", report.Plain(arg+where))
		return exitError{ExitProblems}
	}
	return p.Err()
}

// shortNames are those that kubectl has for the kinds that people ask for.
var shortNames = map[string]string{
	"cj": "cronjob", "cm": "configmap", "crd": "customresourcedefinition", "deploy": "deployment", "ds": "daemonset",
	"ep": "endpoints", "hpa": "horizontalpodautoscaler", "ing": "ingress", "limits": "limitrange", "netpol": "networkpolicy",
	"ns": "namespace", "pdb": "poddisruptionbudget", "po": "pod", "pv": "persistentvolume", "pvc": "persistentvolumeclaim",
	"quota": "resourcequota", "rc": "replicationcontroller", "rs": "replicaset", "sa": "serviceaccount", "sc": "storageclass",
	"sts": "statefulset", "svc": "service",
}

// isNamed reports whether a person means an object by a kind and a name.
func isNamed(id resource.ID, kind, name string) bool {
	if id.Name != name {
		return false
	}
	kind, group, grouped := strings.Cut(strings.ToLower(kind), ".")
	if long, ok := shortNames[kind]; ok {
		kind = long
	}
	singular := strings.ToLower(id.Kind)
	return (kind == singular || kind == plural(singular)) && (!grouped || group == id.Group)
}

// plural makes the resource of a kind, as API servers do.
func plural(kind string) string {
	switch {
	case kind == "endpoints":
		return kind
	case strings.HasSuffix(kind, "s"), strings.HasSuffix(kind, "x"), strings.HasSuffix(kind, "ch"):
		return kind + "es"
	case strings.HasSuffix(kind, "ay"), strings.HasSuffix(kind, "ey"):
		return kind + "s"
	case strings.HasSuffix(kind, "y"):
		return strings.TrimSuffix(kind, "y") + "ies"
	}
	return kind + "s"
}

func writeOrigin(p *report.Printer, app state.Application, object state.Object) {
	row := func(label, format string, args ...any) {
		p.Printf("  %-10s %s", label, report.Plain(fmt.Sprintf(format, args...)))
	}
	p.Printf("%s", p.Paint(report.Plain(object.ID.String()), report.Bold))
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
	row("live at", "%s since %s; the application is %s", short(app.Revision), moment(app.Changed), app.Status)
	row("policies", "%d passed, %d failed, %d unknown", object.Verdicts["pass"], object.Verdicts["fail"], object.Verdicts["unknown"])
	for _, f := range object.Findings {
		row("", "%s", f)
	}
}

// writeOpenDrifts says so when the live object is not what was declared.
func writeOpenDrifts(ctx context.Context, p *report.Printer, store *state.Store, application string, id resource.ID) error {
	drifts, err := store.Drifts(ctx, false)
	if err != nil {
		return err
	}
	for _, d := range drifts {
		if d.Application == application && d.Drift.Object.Key() == id.Key() {
			p.Printf("  %-10s %s since %s: `holdfast drift %s` tells how", "drift", report.Plain(string(d.Drift.Kind)), moment(d.Drift.Seen), application)
		}
	}
	return nil
}
