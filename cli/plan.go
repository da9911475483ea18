package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/gate"
	"github.com/holdfast-dev/holdfast/operator"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/reconcile"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/target/kube"
)

type planCommand struct {
	*app
	config configFlag
	from   string
}

func newPlan(a *app) *cobra.Command {
	o := &planCommand{app: a}
	cmd := &cobra.Command{
		Use:   "plan <application>",
		Short: "Show what a directory would change in the cluster, and whether the gate would let it",
		Long: `Show what the files of a directory, by default the current one, would change in
the cluster if they were the application's source: the gate's decision, then
each object and field, by the server's own dry run. Nothing is changed. Values
of secrets are masked.

Exit codes: 0 the gate lets it pass, 1 the gate or the server refuses it,
2 it could not be told.`,
		Example: "  holdfast plan web -c ../ops/holdfast.yaml\n  holdfast plan web --from ~/src/fleet",
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },

		ValidArgsFunction: o.config.completeApplication,
	}
	o.config.register(cmd)
	cmd.Flags().StringVar(&o.from, "from", ".", "root `directory` of the repository's files")
	_ = cmd.MarkFlagDirname("from")
	return cmd
}

func (o *planCommand) run(ctx context.Context, name string) error {
	cfg, err := o.config.load()
	if err != nil {
		return err
	}
	if err := checkApplication(cfg, name); err != nil {
		return err
	}
	app := cfg.Application(name)
	tree, err := source.Disk(o.from, source.DiskOptions{})
	if err != nil {
		return err
	}
	if _, err := tree.Stat(path.Clean(app.Path)); source.IsNotExist(err) {
		return withHint(fmt.Errorf("%s has no %s, the path of application %s", o.from, app.Path, name), "name the root of the repository with --from")
	}
	rendering, err := reconcile.Render(ctx, *app, tree, setup.Renderers())
	if err != nil {
		return err
	}
	policies, err := configuredPolicies(cfg)
	if err != nil {
		return err
	}
	decision, err := o.decide(ctx, cfg, app, rendering, policies)
	if err != nil {
		return err
	}
	p := o.printer()
	writeDecision(p, decision, explainFlags(policies, policyOptions(cfg)))
	if len(rendering.Problems) > 0 { // what is missing would look like deletions
		for _, problem := range rendering.Problems {
			p.Problem(problem)
		}
		return exitError{ExitProblems}
	}
	plan, err := o.plan(ctx, cfg, app, rendering.Resources)
	if err != nil {
		return err
	}
	writePlan(p, plan)
	if !decision.Allow || plan.Err() != nil {
		return exitError{ExitProblems}
	}
	return p.Err()
}

func (o *planCommand) decide(ctx context.Context, cfg *config.Config, app *config.Application, r *reconcile.Rendering, policies *setup.Policies) (gate.Decision, error) {
	known, err := liveFindings(ctx, cfg, app.Name)
	if err != nil {
		return gate.Decision{}, err
	}
	judged := scan.Judge(ctx, policies, resource.NewSet(r.Resources), policy.Rendered)
	decision := reconcile.Decide(*app, r, judged, gate.Waived{}, reconcile.Revision{}, known)
	for i, reason := range decision.Reasons {
		switch reason.Check {
		case "signature":
			decision.Reasons[i].Message = "files carry none; the loop verifies the commit"
		case "waivers":
			decision.Reasons[i].Message = "the commit proves who approved them; the loop looks at it"
		}
	}
	return decision, nil
}

// liveFindings returns the fingerprints of what is live already and does not
// block again. Where no loop ran yet there are none.
func liveFindings(ctx context.Context, cfg *config.Config, name string) ([]string, error) {
	if _, err := os.Stat(cfg.StateDir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	store, err := state.OpenReadOnly(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	app, err := store.Application(ctx, name)
	if errors.Is(err, state.ErrNone) {
		return nil, nil
	}
	return app.Known, err
}

func (o *planCommand) plan(ctx context.Context, cfg *config.Config, app *config.Application, declared []*resource.Resource) (*target.Plan, error) {
	cluster, err := operator.Connect(*cfg.Cluster(app.Cluster), Version())
	if err != nil {
		return nil, err
	}
	return cluster.Plan(ctx, kube.App{Name: app.Name, Namespace: app.Namespace, CreateNamespace: app.CreateNS}, declared, nil)
}

func writeDecision(p *report.Printer, d gate.Decision, explain map[string]string) {
	word := p.Paint("ALLOWED", report.Bold, report.Green)
	if !d.Allow {
		word = p.Paint("BLOCKED", report.Bold, report.Red)
	}
	p.Printf("%s\n", word)
	for _, r := range d.Reasons {
		p.Printf("  %-4s  %-11s %s", r.State, r.Check, report.Plain(r.Message))
	}
	p.Printf("")
	for _, f := range d.Blocking {
		p.Finding(f, explain)
	}
}

var planSigns = map[target.Action]string{target.Create: "+", target.Update: "~", target.Delete: "-"}

func writePlan(p *report.Printer, plan *target.Plan) {
	for _, c := range plan.Changes {
		if c.Action == target.Unchanged && c.Err == nil {
			continue
		}
		sign := planSigns[c.Action]
		if c.Err != nil {
			sign = p.Paint("!", report.Red)
		}
		p.Printf("%s %s", sign, report.Plain(c.ID.String()))
		for _, f := range c.Fields {
			p.Printf("    %s: %s -> %s", report.Plain(f.Path), planValue(f.From), planValue(f.To))
		}
		if c.Reason != "" {
			p.Printf("    %s", report.Plain(c.Reason))
		}
		if c.Err != nil {
			for _, line := range plainLines(c.Err.Error()) {
				p.Printf("    %s", line)
			}
		}
	}
	n := plan.Counts()
	p.Printf("%d to create, %d to change, %d to delete, %d unchanged.", n[target.Create], n[target.Update], n[target.Delete], n[target.Unchanged])
}

func planValue(v any) string {
	if v == nil {
		return "(absent)"
	}
	if data, err := json.Marshal(v); err == nil {
		return report.Plain(string(data))
	}
	return report.Plain(fmt.Sprint(v))
}
