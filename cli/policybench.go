package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
)

type policyBench struct {
	*app
	on    string
	limit int
}

func newPolicyBench(a *app) *cobra.Command {
	o := &policyBench{app: a}
	cmd := &cobra.Command{
		Use:   "bench [directory...]",
		Short: "Measure what each policy costs on a tree, the most expensive first",
		Long: `Judge everything below a path by one policy after the other, and print the time
that each takes: the least of several rounds, on one processor, without reading and
rendering. Without a directory the built-in policies are measured.

Exit codes: 0 measured, 2 a policy or the tree cannot be read, 3 nothing to judge.`,
		Example: "  holdfast policy bench\n  holdfast policy bench policies --on apps",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			policies, err := loadPolicies(policiesIn(dirs))
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), policies)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.on, "on", ".", "what to judge: a `path`")
	f.IntVar(&o.limit, "limit", 20, "most policies to show; 0 for all")
	return cmd
}

// cost is what a policy took.
type cost struct {
	policy          *policy.Policy
	time            time.Duration
	objects, failed int // that it was asked about, and that failed
}

func (o *policyBench) run(ctx context.Context, policies *setup.Policies) error {
	tree, inside, err := openPath(o.on, nil)
	if err != nil {
		return err
	}
	scanner := scan.Scanner{Renderers: setup.Renderers(), Evaluator: noPolicy{}, Options: render.Options{IncludeCRDs: true}, Keep: true}
	rendered, err := scanner.Run(ctx, tree, inside)
	if err != nil {
		return err
	}
	if len(rendered.Resources) == 0 {
		fmt.Fprintln(o.Err, "There is nothing to judge.")
		return exitError{ExitNothing}
	}
	var costs []cost
	for _, pack := range policies.Packs {
		for _, one := range pack.Policies {
			c, err := measure(ctx, pack, one, rendered.Resources)
			if err != nil {
				return err
			}
			costs = append(costs, c)
		}
	}
	return o.print(costs, len(rendered.Resources))
}

// noPolicy judges nothing.
type noPolicy struct{}

func (noPolicy) Evaluate(context.Context, []policy.Result, *resource.Resource, *resource.Set, policy.Stage) []policy.Result {
	return nil
}

// rounds are how often a policy judges everything, after a first time that compiles
// it.
const rounds = 3

// measure judges all resources by one policy alone.
func measure(ctx context.Context, pack *policy.Pack, one *policy.Policy, all []*resource.Resource) (cost, error) {
	engine, err := cel.New(&policy.Pack{Name: pack.Name, Trusted: pack.Trusted, Checked: pack.Checked, Policies: []*policy.Policy{one}})
	if err != nil {
		return cost{}, err
	}
	applies := slices.DeleteFunc(slices.Clone(all), func(r *resource.Resource) bool { return !one.Applies(r.ID) })
	c := cost{policy: one, objects: len(applies)}
	set := resource.NewSet(all)
	for round := range 1 + rounds {
		start := time.Now()
		failed := 0
		for _, r := range applies {
			for _, result := range engine.Evaluate(ctx, nil, r, set, policy.Rendered) {
				if result.Verdict == policy.Fail {
					failed++
				}
			}
		}
		took := time.Since(start)
		if c.failed = failed; round == 1 || round > 1 && took < c.time {
			c.time = took
		}
	}
	return c, context.Cause(ctx)
}

func (o *policyBench) print(costs []cost, objects int) error {
	slices.SortStableFunc(costs, func(a, b cost) int { return cmp.Compare(b.time, a.time) })
	var sum time.Duration
	for _, c := range costs {
		sum += c.time
	}
	p := o.printer()
	shown := costs
	if o.limit > 0 && o.limit < len(shown) {
		shown = shown[:o.limit]
	}
	rows := table{}
	rows.add(row{cells: []string{"TIME", "SHARE", "OBJECTS", "FAILED", "EACH", "POLICY"}, all: []report.Style{report.Bold}})
	for _, c := range shown {
		each := time.Duration(0)
		if c.objects > 0 {
			each = c.time / time.Duration(c.objects)
		}
		rows.add(row{cells: []string{
			rounded(c.time), fmt.Sprintf("%.0f %%", 100*float64(c.time)/float64(max(sum, 1))),
			fmt.Sprint(c.objects), fmt.Sprint(c.failed), rounded(each), c.policy.ID + " " + c.policy.Title,
		}})
	}
	rows.print(p)
	if left := len(costs) - len(shown); left > 0 {
		p.Printf("and %s that took less; --limit 0 shows all", report.Plural(left, "policy", "policies"))
	}
	p.Printf("%s take %s for %s.", report.Plural(len(costs), "policy", "policies"), rounded(sum), report.Plural(objects, "object", "objects"))
	return p.Err()
}

// rounded writes a time with two or three digits that mean something.
func rounded(d time.Duration) string {
	switch {
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(time.Microsecond).String()
	}
	return d.Round(10 * time.Nanosecond).String()
}
