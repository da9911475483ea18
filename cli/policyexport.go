package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/admission"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/setup"
)

type policyExport struct {
	*app
	policies policyFlags
	format   string
	dir      string
	actions  []string
	exempt   []string
}

func newPolicyExport(a *app) *cobra.Command {
	o := &policyExport{app: a, policies: policyFlags{setup.PolicyOptions{Decode: true}}}
	cmd := &cobra.Command{
		Use:   "export [id...]",
		Short: "Write policies as ValidatingAdmissionPolicies, by which an API server refuses what breaks them",
		Long: `Write Kubernetes policies in a form of API servers: each as a
ValidatingAdmissionPolicy with the binding that puts it in force. Without an id
all policies are written that can be; the others are named with the reasons why
an API server cannot judge by them.

By default what breaks a policy of severity high or critical is refused, and the
rest is warned of and audited. Objects in kube-system are left alone, since a
cluster that cannot start its own parts cannot be mended.

Exit codes: 0 written, 1 a policy that was named cannot be exported, 2 there is no
such policy or a file cannot be written.`,
		Example: "  holdfast policy export HF-K8S-004 | kubectl apply -f -\n" +
			"  holdfast policy export --pack policies --no-builtin --actions Warn,Audit -o admission",
		RunE: func(_ *cobra.Command, ids []string) error {
			policies, err := loadPolicies(o.policies.PolicyOptions)
			if err != nil {
				return err
			}
			return o.run(policies, ids)
		},
	}
	o.policies.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "vap", "what to write: vap")
	f.StringVarP(&o.dir, "output", "o", "", "directory for one file each (default: all to standard output)")
	f.StringSliceVar(&o.actions, "actions", nil, "Deny, Warn and Audit, for all policies (default: by severity)")
	f.StringSliceVar(&o.exempt, "exempt-namespaces", []string{"kube-system"}, "namespaces whose objects are not judged")
	return cmd
}

func (o *policyExport) run(policies *setup.Policies, ids []string) error {
	options, err := o.options()
	if err != nil {
		return err
	}
	chosen, err := choose(policies, ids)
	if err != nil {
		return err
	}
	var files []exportedFile
	refused := 0
	for _, p := range chosen {
		x, err := admission.Export(p, options)
		if not, ok := errors.AsType[*admission.NotExportable](err); ok {
			refused++
			fmt.Fprintf(o.Err, "%s\n", report.Plain(not.Error()))
			continue
		}
		if err != nil {
			return err
		}
		if len(x.Left) > 0 {
			fmt.Fprintf(o.Err, "%s is exported without %s: API servers show them to no policy\n", p.ID, report.Plain(strings.Join(x.Left, ", ")))
		}
		text, err := x.YAML()
		if err != nil {
			return err
		}
		files = append(files, exportedFile{x.Policy.Metadata.Name + ".yaml", text})
	}
	if err := o.write(files); err != nil {
		return err
	}
	if refused > 0 && len(ids) > 0 {
		return exitError{ExitProblems}
	}
	return nil
}

func (o *policyExport) options() (admission.Options, error) {
	out := admission.Options{Exempt: o.exempt}
	if o.format != "vap" {
		return out, withHint(fmt.Errorf("there is no format %q", o.format), "use vap")
	}
	known := []admission.Action{admission.Deny, admission.Warn, admission.Audit}
	for _, name := range o.actions {
		i := slices.IndexFunc(known, func(a admission.Action) bool { return strings.EqualFold(string(a), name) })
		if i < 0 {
			return out, withHint(fmt.Errorf("there is no action %q", name), "use Deny, Warn and Audit")
		}
		out.Actions = append(out.Actions, known[i])
	}
	if slices.Contains(out.Actions, admission.Deny) && slices.Contains(out.Actions, admission.Warn) {
		return out, errors.New("an API server does not both deny and warn: choose one")
	}
	return out, nil
}

// choose returns the policies with the given ids, or all for Kubernetes.
func choose(policies *setup.Policies, ids []string) (chosen []*policy.Policy, err error) {
	for _, id := range ids {
		one := policies.Find(id)
		if one == nil {
			return nil, withHint(fmt.Errorf("there is no policy %q", id), "`holdfast explain` lists them all; --pack adds those of a directory")
		}
		chosen = append(chosen, one)
	}
	if len(ids) > 0 {
		return chosen, nil
	}
	for _, pack := range policies.Packs {
		for _, one := range pack.Policies {
			if one.Platform == resource.Kubernetes {
				chosen = append(chosen, one)
			}
		}
	}
	return chosen, nil
}

type exportedFile struct {
	name string
	text []byte
}

func (o *policyExport) write(files []exportedFile) error {
	if o.dir == "" {
		var all [][]byte
		for _, f := range files {
			all = append(all, f.text)
		}
		_, err := o.Out.Write(bytes.Join(all, []byte("---\n")))
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return pathError(o.dir, err)
	}
	for _, f := range files {
		path := filepath.Join(o.dir, f.name)
		if err := os.WriteFile(path, f.text, 0o644); err != nil {
			return pathError(path, err)
		}
	}
	return nil
}
