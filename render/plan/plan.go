// Package plan reads what `terraform show -json` and `tofu show -json` say of a
// saved plan. Each change becomes one resource of the platform Terraform, with the
// address as its name and the values that it will have:
//
//	known after apply  unknown, and absent if the configuration does not write it:
//	                   what a provider fills in is no setting
//	sensitive          unknown, and nowhere kept: not in values, and not in the text
//	                   of the file. What is equal to a sensitive text is one, too
//	null               absent, as in the configuration
//	lifecycle and provisioner
//	                   unknown, since plans do not have them
//	Change             the actions, what was before, and why it is replaced
//
// Of a resource that goes away the root is null. Objects that are deposed, and what
// drifted, are left out.
//
// Where the tree holds the configuration, a value has its place in that, so that
// what is found in both is found once. The configuration is looked for in the
// directory of the plan, in those above it, and then in others that declare all of it.
package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Name is the renderer's name in units and origins.
const Name = "terraform-plan"

// Configuration returns the resources that the configuration in a directory
// declares, and none if there is no configuration.
type Configuration func(ctx context.Context, tree source.Tree, dir string) []*resource.Resource

// New returns the format. Without configuration, which may be nil, all places are
// in the plan.
func New(configuration Configuration) render.ContentFormat { return format{configuration} }

type format struct{ configuration Configuration }

func (format) Name() string { return Name }

// Detect implements render.Renderer: a plan is a file.
func (format) Detect(source.Tree, string) bool { return false }

// Claims implements render.Format: plans have any name, and are known by their content.
func (format) Claims(source.Tree, string) bool { return false }

func (format) Recognises(content []byte) bool { return Recognises(content) }

// Recognises reports whether content looks like a plan, or like what is left of one
// that was cut off.
func Recognises(content []byte) bool {
	return bytes.Contains(content, []byte(`"format_version"`)) &&
		(bytes.Contains(content, []byte(`"resource_changes"`)) || bytes.Contains(content, []byte(`"planned_values"`)))
}

// passedOver is the reason for which a file is not read.
type passedOver string

func (p passedOver) Error() string        { return string(p) }
func (p passedOver) Is(target error) bool { return target == render.ErrOtherFormat }

const notPlan passedOver = "not a plan of Terraform: it has no format_version with a list of resource_changes"

// Render implements render.Renderer.
func (f format) Render(ctx context.Context, tree source.Tree, name string, _ render.Options) (*render.Result, error) {
	content, err := tree.ReadFile(name)
	if err != nil {
		return nil, err
	}
	all, err := Parse(source.NewFile(name, content))
	if errors.Is(err, render.ErrOtherFormat) {
		return &render.Result{Skipped: []render.Skipped{{Path: name, Reason: err.Error()}}}, nil
	}
	if err != nil {
		return &render.Result{Problems: []render.Problem{render.AsProblem(name, err)}}, nil
	}
	result := &render.Result{Resources: all, Files: []string{name}, About: about(all)}
	if f.configuration != nil {
		f.join(ctx, tree, path.Dir(name), all)
	}
	return result, nil
}

// about says what a plan does.
func about(all []*resource.Resource) string {
	counts := map[string]int{}
	for _, r := range all {
		verb := strings.Join(r.Change.Actions, " and ")
		if strings.Contains(verb, " ") {
			verb = "replace"
		}
		counts[verb]++
	}
	var parts []string
	for _, verb := range []string{"create", "update", "replace", "delete", "forget"} {
		if n := counts[verb]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, verb))
		}
	}
	if len(parts) == 0 {
		return "a plan of Terraform that changes no resource"
	}
	return "a plan of Terraform: " + strings.Join(parts, ", ")
}

// Parse reads a plan. What it returns has its places in a copy of the file, from which
// all is taken out that is not shown. The error is a resource.SyntaxError, a
// render.Problem, or matches render.ErrOtherFormat.
func Parse(file *source.File) ([]*resource.Resource, error) {
	d, err := readDocument(file)
	if err != nil {
		return nil, err
	}
	var all []*resource.Resource
	for _, one := range d.changes.Items {
		if r := d.resource(one); r != nil {
			all = append(all, r)
		}
	}
	d.refer(all)
	d.hide()
	for _, r := range all {
		r.Origin = resource.Origin{Renderer: Name, File: d.shown, Span: r.Origin.Span}
	}
	return all, nil
}

// document is a plan while it is read.
type document struct {
	file    *source.File
	shown   *source.File // the same without what is not shown
	changes *resource.Value
	written map[string]*resource.Value // by the address without instances: the expressions of the configuration
	secrets map[string]bool            // texts that are sensitive somewhere
	masked  []source.Span
}

func readDocument(file *source.File) (*document, error) {
	members, ok := topLevel(file.Content)
	if !ok || len(members["format_version"]) == 0 || len(members["resource_changes"]) == 0 {
		if _, err := resource.ParseJSON(file); err != nil {
			return nil, err
		}
		return nil, notPlan
	}
	d := &document{file: file, written: map[string]*resource.Value{}, secrets: map[string]bool{}}
	version, err := d.member(members, "format_version")
	if err != nil {
		return nil, err
	}
	if major, _, _ := strings.Cut(version.Text(), "."); major != "0" && major != "1" {
		return nil, render.Problem{Path: file.Path, Position: file.Position(version.Span.Start),
			Message: fmt.Sprintf("plans of format version %q are not known", version.Str), Hint: "look for a newer Holdfast"}
	}
	if d.changes, err = d.member(members, "resource_changes"); err != nil {
		return nil, err
	}
	if d.changes.Kind != resource.List {
		return nil, notPlan
	}
	configuration, err := d.member(members, "configuration")
	if err != nil {
		return nil, err
	}
	variables, err := d.member(members, "variables")
	if err != nil {
		return nil, err
	}
	d.configured(configuration.Get("root_module"), "")
	for _, v := range fields(configuration.Get("root_module").Get("variables")) {
		if isTrue(v.Value.Get("sensitive")) {
			d.secret(variables.Get(v.Key).Get("value"))
		}
	}
	for _, one := range d.changes.Items {
		c := one.Get("change")
		d.sensitive(c.Get("before"), c.Get("before_sensitive"))
		d.sensitive(c.Get("after"), c.Get("after_sensitive"))
	}
	return d, nil
}

// member parses one member of the whole, with its places in the file; null if there
// is none.
func (d *document) member(members map[string][]source.Span, name string) (*resource.Value, error) {
	spans := members[name]
	if len(spans) == 0 {
		return &resource.Value{}, nil
	}
	span := spans[len(spans)-1]
	// What comes before is blank for the parser, so that offsets and lines are right.
	text := blank(d.file.Content[:span.End], source.Span{End: span.Start})
	doc, err := resource.ParseJSON(source.NewFile(d.file.Path, text))
	return doc.Root, err
}

// configured notes which attributes the configuration of a module writes.
func (d *document) configured(module *resource.Value, prefix string) {
	if module == nil {
		return
	}
	for _, r := range items(module.Get("resources")) {
		d.written[prefix+r.Get("address").Text()] = r.Get("expressions")
	}
	for _, call := range fields(module.Get("module_calls")) {
		d.configured(call.Value.Get("module"), prefix+"module."+call.Key+".")
	}
}

// resource returns what a change is about, or nil for what is left out.
func (d *document) resource(one *resource.Value) *resource.Resource {
	address, change := one.Get("address"), one.Get("change")
	if address.Text() == "" || change == nil || one.Get("deposed").Text() != "" {
		return nil
	}
	kind := one.Get("type").Text()
	if one.Get("mode").Text() == "data" {
		kind = "data." + kind
	}
	r := &resource.Resource{
		ID:     resource.ID{Platform: resource.Terraform, Kind: kind, Name: address.Str},
		Root:   &resource.Value{Span: address.Span},
		Origin: resource.Origin{Span: one.Span},
		Change: &resource.Change{},
	}
	for _, action := range items(change.Get("actions")) {
		r.Change.Actions = append(r.Change.Actions, action.Text())
	}
	if before := change.Get("before"); before != nil && before.Kind == resource.Map {
		r.Change.Before = d.values(before, nil, change.Get("before_sensitive"))
	}
	after := change.Get("after")
	if gone := after == nil || after.Kind != resource.Map; !gone {
		r.Root = d.values(after, change.Get("after_unknown"), change.Get("after_sensitive"))
		r.Root.Span = address.Span // where what is missing would be
		d.withoutComputed(r, change.Get("after_unknown"))
		withMeta(r.Root, nil)
	}
	for _, p := range items(change.Get("replace_paths")) {
		r.Change.Replaced = append(r.Change.Replaced, pathOf(p))
	}
	return r
}

// withoutComputed takes out what a provider fills in and nobody writes.
func (d *document) withoutComputed(r *resource.Resource, unknown *resource.Value) {
	written, ok := d.written[withoutInstances(r.ID.Name)]
	if !ok {
		return
	}
	r.Root.Fields = slices.DeleteFunc(r.Root.Fields, func(f resource.Field) bool {
		return isTrue(unknown.Get(f.Key)) && written.Get(f.Key) == nil
	})
}

// withoutInstances returns an address without the keys of instances, which may hold
// any character in quotes.
func withoutInstances(address string) string {
	var out strings.Builder
	inside, quoted := false, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case inside && c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case !inside:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func pathOf(steps *resource.Value) resource.Path {
	out := resource.Path{}
	for _, s := range items(steps) {
		switch s.Kind {
		case resource.String:
			out = append(out, resource.Key(s.Str))
		case resource.Int:
			out = append(out, resource.Index(int(s.Int)))
		}
	}
	return out
}
