package workflow

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// codeInputs are the inputs of actions that run what is in them.
var codeInputs = map[string][]string{
	"actions/github-script":                  {"script"},
	"azure/powershell":                       {"inlinescript"},
	"azure/cli":                              {"inlinescript"},
	"appleboy/ssh-action":                    {"script"},
	"nick-fields/retry":                      {"command", "on_retry_command"},
	"nick-invision/retry":                    {"command", "on_retry_command"},
	"addnab/docker-run-action":               {"run", "options"},
	"coactions/setup-xvfb":                   {"run"},
	"gabrielbb/xvfb-action":                  {"run"},
	"reactivecircus/android-emulator-runner": {"script"},
	"amadevus/pwsh-script":                   {"script"},
	"jannekem/run-python-script-action":      {"script"},
	"mikefarah/yq":                           {"cmd"},
	"sergeysova/jq-action":                   {"cmd"},
	"cypress-io/github-action":               {"command", "build", "start", "install-command"},
	"devcontainers/ci":                       {"runcmd"},
	"lycheeverse/lychee-action":              {"args"},
	"pre-commit/action":                      {"extra_args"},
	"cross-platform-actions/action":          {"run"},
	"vmactions/freebsd-vm":                   {"run", "prepare"},
	"uraimo/run-on-arch-action":              {"run", "install", "setup"},
	"burrunan/gradle-cache-action":           {"arguments"},
	"garygrossgarten/github-action-ssh":      {"command"},
	"tj-actions/docker-run":                  {"args", "options"},
	"google-github-actions/ssh-compute":      {"command"},
	"workflow/nix-shell-action":              {"script"},
	"docker://":                              {"args", "entrypoint"},
	"matlab-actions/run-command":             {"command"},
	"game-ci/unity-builder":                  {"customparameters"},
	"easingthemes/ssh-deploy":                {"script_before", "script_after"},
	"actions-hub/kubectl":                    {"args"},
	"steebchen/kubectl":                      {"args", "command"},
	"wei/curl":                               {"args"},
	"dawidd6/action-ansible-playbook":        {"options"},
	"liquibase-github-actions/execute-sql":   {"sql"},
}

// sinkOf says what reads a text of a step or job, which may use an action or
// workflow.
func (r *reader) sinkOf(uses *resource.Value, at string) string {
	first, rest, _ := strings.Cut(at, ".")
	switch first {
	case "run":
		return "shell"
	case "if":
		return "condition"
	case "env":
		return "env"
	case "with":
		action := uses.Get("name").Text()
		if uses.Get("kind").Text() == "docker" {
			action = "docker://"
		}
		switch {
		case !slices.Contains(codeInputs[action], strings.ToLower(rest)):
			return r.calleeSink(uses, rest)
		case action == "actions/github-script":
			return "javascript"
		}
		return "code"
	}
	return ""
}

// expressions returns all references in the texts of a value, but for those below
// some of its fields.
func (r *reader) expressions(in *scope, v *resource.Value, without ...string) *resource.Value {
	out := resource.NewList(source.Span{Start: v.Span.Start, End: v.Span.Start})
	for _, f := range fields(v) {
		switch {
		case slices.Contains(without, f.Key):
		case f.Key == "if":
			if t := r.condition(f.Value); t != nil {
				r.references(out, t, "if", in)
			}
		default:
			at := *in
			at.own = in.own && f.Key != "env"
			r.walk(out, f.Value, f.Key, &at)
		}
	}
	if len(out.Items) == 0 {
		return nil
	}
	return out
}

func (r *reader) walk(out *resource.Value, v *resource.Value, at string, in *scope) {
	for _, item := range v.Items {
		r.walk(out, item, at, in)
	}
	for _, f := range v.Fields {
		r.walk(out, f.Value, at+"."+f.Key, in)
	}
	if t := r.template(v); t != nil {
		r.references(out, t, at, in)
	}
}

// references adds the references of a text.
func (r *reader) references(out *resource.Value, t *template, at string, in *scope) {
	sink := r.sinkOf(in.uses, at)
	for _, e := range t.exprs {
		e.uses(true, false, func(u use) {
			span := t.place.span(u.node.start, u.node.end)
			f := flow{}
			if u.flow && (sink != "javascript" || !u.json || inQuotes(t.text, e.start)) {
				f = r.flowOfUse(u, in)
				r.noteSink(f.inputs, sink)
			}
			one := resource.NewMap(span)
			one.Put("name", resource.NewText(spelled(u), span)).Put("field", resource.NewText(at, span))
			one.Put("sink", resource.NewText(sink, span)).Put("taint", taintValue(f, span))
			if f.via != "" {
				one.Put("via", resource.NewText(f.via, span))
			}
			out.Items = append(out.Items, one)
		})
	}
}

// inQuotes reports whether what stands at an offset of a script is within a
// string.
func inQuotes(text string, at int) bool {
	return at > 0 && strings.IndexByte("'\"`", text[at-1]) >= 0
}

// spelled returns the name of a reference, as it is written where people choose
// the names.
func spelled(u use) string {
	context, _, _ := strings.Cut(u.name, ".")
	if u.node.kind == property && (context == "secrets" || context == "vars" || context == "env" || context == "inputs") {
		if rest := u.node.text; strings.Count(u.name, ".") == 1 {
			return context + "." + rest
		}
	}
	return u.name
}

// taintValue is the taint of a flow, which is unknown when it depends on what the
// file does not say.
func taintValue(f flow, at source.Span) *resource.Value {
	if f.taint == "" && f.unknown != "" {
		return resource.NewUnknown(f.unknown, at)
	}
	return resource.NewText(f.taint, at)
}

// conditionValue returns what an `if` compares. Text around its expressions makes
// it a text, which always holds.
func (r *reader) conditionValue(v *resource.Value) *resource.Value {
	t := r.condition(v)
	if t == nil {
		return nil
	}
	comparisons, contained := resource.NewList(v.Span), resource.NewList(v.Span)
	for _, e := range t.exprs {
		e.visit(func(n *node) {
			at := t.place.span(n.start, n.end)
			switch {
			case n.kind == operator && len(n.args) == 2 && n.text != "&&" && n.text != "||":
				a, b := n.args[0], n.args[1]
				if a.kind == literal {
					a, b = b, a
				}
				comparisons.Items = append(comparisons.Items, resource.NewMap(at).Put("operator", resource.NewText(n.text, at)).
					Put("left", resource.NewText(a.shown(t.text), at)).Put("right", resource.NewText(b.shown(t.text), at)))
			case n.isCall("contains") && len(n.args) == 2:
				contained.Items = append(contained.Items, resource.NewMap(at).
					Put("list", resource.NewBool(n.args[0].kind != literal, at)).
					Put("text", resource.NewText(n.args[0].shown(t.text), at)).Put("item", resource.NewText(n.args[1].shown(t.text), at)))
			}
		})
	}
	out := resource.NewMap(v.Span).Put("text", resource.NewText(t.text, v.Span)).Put("outside", resource.NewText(t.outside(), v.Span))
	return out.Put("comparisons", comparisons).Put("contains", contained)
}

// visit calls do for a node and all that are in it.
func (n *node) visit(do func(*node)) {
	do(n)
	for _, arg := range n.args {
		arg.visit(do)
	}
}

// shown is the name of a reference, the value of a literal, or the text of what is
// neither.
func (n *node) shown(text string) string {
	if ref := n.reference(); ref != "" {
		return ref
	}
	if n.kind == literal {
		return n.text
	}
	return text[n.start:n.end]
}
