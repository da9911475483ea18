package arm_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/arm"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const name = "azuredeploy.json"

// show writes a value in one line, as flow YAML, with unknown values as their
// reasons.
func show(v *resource.Value) string {
	switch {
	case v == nil:
		return "absent"
	case v.Unknown() != "":
		return "<" + v.Unknown() + v.Str + ">"
	case v.Kind == resource.Map:
		var parts []string
		for _, f := range v.Fields {
			parts = append(parts, f.Key+": "+show(f.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case v.Kind == resource.List:
		var parts []string
		for _, item := range v.Items {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case v.Kind == resource.Bool:
		return fmt.Sprint(v.Bool)
	case v.Kind == resource.Null:
		return "null"
	case v.Kind == resource.Int:
		return v.Str
	}
	return "'" + v.Str + "'"
}

func parse(files map[string]string) ([]*resource.Resource, error) {
	return arm.Parse(source.Memory(files), source.NewFile(name, []byte(files[name])))
}

const schema = `"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"`

const head = `{` + schema + `,
"parameters": {
  "env": {"type": "string", "defaultValue": "dev"},
  "open": {"type": "string"},
  "secret": {"type": "securestring", "defaultValue": "hunter2"},
  "list": {"type": "array", "defaultValue": ["a", "b"]},
  "made": {"type": "string", "defaultValue": "[concat(parameters('env'), '-made')]"},
  "nothing": {"type": "string", "nullable": true},
  "loop": {"type": "string", "defaultValue": "[parameters('loop')]"}
},
"functions": [{"namespace": "my", "members": {"twice": {"parameters": [{"name": "x", "type": "string"}], "output": {"type": "string", "value": "[concat(parameters('x'), parameters('x'))]"}}}}],
"variables": {"v": {"inner": [1, 2], "Name": "n"}, "copy": [{"name": "many", "count": 2, "input": "[concat('m', copyIndex('many'))]"}], "w": "[variables('v').inner]"},
"resources": [{"type": "Microsoft.Test/it", "apiVersion": "2025-01-01", "name": "it", "properties": {"p": `

// Each case is an expression and its value.
func TestExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"parameters('env')":                                   "'dev'",
		"PARAMETERS('Env')":                                   "'dev'",
		"parameters('open')":                                  "<the parameter open has no default>",
		"parameters('secret')":                                "<the parameter secret is secure>",
		"parameters('made')":                                  "'dev-made'",
		"parameters('loop')":                                  "<the value of loop depends on itself>",
		"parameters('nobody')":                                "<there is no parameter nobody>",
		"parameters('list')[1]":                               "'b'",
		"parameters('list')[2]":                               "<the list has no item of that index>",
		"variables('v').inner":                                "[1, 2]",
		"variables('v')['name']":                              "'n'",
		"variables('w')[0]":                                   "1",
		"variables('many')":                                   "['m0', 'm1']",
		"concat('a', 1, true())":                              "'a1True'",
		"concat(parameters('list'), createArray('c'))":        "['a', 'b', 'c']",
		"concat('it''s ', parameters('open'))":                "<the parameter open has no default>",
		"format('{0}-{1:D3}-{{x}}', 'a', 7)":                  "'a-007-{x}'",
		"if(equals(parameters('env'), 'DEV'), 1, 2)":          "1",
		"if(equals(parameters('open'), 'x'), 1, 2)":           "<the parameter open has no default>",
		"if(equals(parameters('open'), 'x'), 'a', 'A')":       "'a'",
		"or(equals(parameters('open'), 'x'), true())":         "true",
		"and(equals(parameters('open'), 'x'), false())":       "false",
		"not(empty(parameters('list')))":                      "true",
		"length(createArray(parameters('open'), 'b'))":        "2",
		"createObject('a', parameters('open'))":               "{a: <the parameter open has no default>}",
		"union(createObject('a', 1), createObject('b', 2)).b": "2",
		"toUpper(substring('abcdef', 1, 3))":                  "'BCD'",
		"replace('a-b', '-', '_')":                            "'a_b'",
		"split('a,b', ',')":                                   "['a', 'b']",
		"join(parameters('list'), '+')":                       "'a+b'",
		"range(3, 2)":                                         "[3, 4]",
		"add(1, mul(2, 3))":                                   "7",
		"div(1, 0)":                                           "<div() does not take such arguments>",
		"contains(parameters('list'), 'b')":                   "true",
		"json('{\"a\": null}').a":                             "null",
		"base64('x')":                                         "'eA=='",
		"my.twice('z')":                                       "'zz'",
		"resourceGroup().location":                            "<resourcegroup() is known when the template is deployed>",
		"reference(resourceId('Microsoft.Test/it', 'it')).x":  "<reference() is known when the template is deployed>",
		"listKeys('x', '2025').keys[0].value":                 "<listkeys() is known when the template is deployed>",
		"resourceId('Microsoft.Test/it', 'it')":               "<the id of a resource is known when the template is deployed>",
		"coalesce(tryGet(variables('v'), 'inner', 5), tryGet(variables('v'), 'inner', 1))": "2",
		"parameters('nothing')":                                      "null",
		"coalesce(null(), 'x')":                                      "'x'",
		"first(items(createObject('k', 'v'))).key":                   "'k'",
		"map(parameters('list'), lambda('x', lambdaVariables('x')))": "<functions with lambdas are not evaluated>",
		"less(1, 2)": "true",
	} {
		text := strings.ReplaceAll(expression, `"`, `\"`)
		all, err := parse(map[string]string{name: head + `"[` + text + `]"}}]}`})
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := show(all[1].Root.Get("properties").Get("p")); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", expression, got, want)
		}
	}
	for _, expression := range []string{"concat('a'", "concat('a',)", "'a", "a", "a.b", "concat('a') x", "1.", "99999999999999999999", "x['a'", strings.Repeat("not(", 200) + "1" + strings.Repeat(")", 200)} {
		if _, err := parse(map[string]string{name: head + `"[` + expression + `]"}}]}`}); err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestTexts(t *testing.T) {
	all, err := parse(map[string]string{name: head + `["[[x]", "[x", "x]", "[]", {"copy": [{"name": "rules", "count": 2, "input": {"n": "[copyIndex('rules', 5)]"}}], "a": 1}] /* comment */ }} // the end
]}`})
	if err != nil {
		t.Fatal(err)
	}
	if got := show(all[1].Root.Get("properties").Get("p")); got != "['[x]', '[x', 'x]', '[]', {a: 1, rules: [{n: 5}, {n: 6}]}]" {
		t.Error(got)
	}
	if got := show(all[0].Root.Get("parameters").Get("secret")); got != "{type: 'securestring', defaultValue: '••••••'}" {
		t.Error(got)
	}
}

func ids(all []*resource.Resource) (out []string) {
	for _, r := range all[1:] {
		out = append(out, r.ID.Kind+" "+r.ID.Name)
	}
	return out
}

func notes(err error) (out []string) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if note, ok := errors.AsType[render.Note](one); ok {
				for _, s := range note.Skipped {
					out = append(out, fmt.Sprintf("%s:%d %s", s.Path, s.Position.Line, s.Reason))
				}
			}
		}
	}
	return out
}

func TestResources(t *testing.T) {
	files := map[string]string{
		name: `{` + schema + `, "parameters": {"name": {"type": "string"}, "on": {"type": "bool", "defaultValue": false}},
"resources": [
{"type": "Microsoft.Sql/servers", "name": "[parameters('name')]", "properties": {"a": "[parameters('on')]"}, "resources": [
  {"type": "firewallRules", "name": "all", "properties": {}}]},
{"type": "Microsoft.Sql/servers/databases", "name": "[concat(parameters('name'), '/db')]"},
{"type": "Microsoft.Web/sites", "name": "[format('site{0}', copyIndex(1))]", "copy": {"name": "sites", "count": 2}},
{"type": "Microsoft.Web/sites", "name": "off", "condition": "[parameters('on')]"},
{"type": "Microsoft.Web/sites", "name": "maybe", "condition": "[equals(parameters('name'), 'x')]"},
{"type": "Microsoft.Resources/deployments", "name": "inline", "properties": {"expressionEvaluationOptions": {"scope": "inner"},
  "parameters": {"x": {"value": "given"}}, "template": {"parameters": {"x": {"type": "string"}}, "resources": [{"type": "A.B/c", "name": "[parameters('x')]"}]}}},
{"type": "Microsoft.Resources/deployments", "name": "outer", "properties": {"template": {"resources": [{"type": "A.B/c", "name": "[concat('o-', parameters('name'))]"}]}}},
{"type": "Microsoft.Resources/deployments", "name": "linked", "properties": {"templateLink": {"relativePath": "linked/vm.json"}, "parameters": {"size": {"value": 3}}}},
{"type": "Microsoft.Resources/deployments", "name": "far", "properties": {"templateLink": {"uri": "https://x.example/t.json"}}}
]}`,
		"linked/vm.json": `{` + schema + `, "parameters": {"size": {"type": "int"}}, "resources": {
"vm": {"type": "Microsoft.Compute/virtualMachines", "name": "vm", "properties": {"size": "[parameters('size')]"}},
"old": {"existing": true, "type": "Microsoft.Compute/virtualMachines", "name": "old"}}}`,
	}
	all, err := parse(files)
	if render.WithoutNotes(err) != nil {
		t.Fatal(err)
	}
	want := []string{
		"Microsoft.Sql/servers {name}", "Microsoft.Sql/servers/firewallRules {name}/all", "Microsoft.Sql/servers/databases {name}/db",
		"Microsoft.Web/sites site1", "Microsoft.Web/sites site2", "Microsoft.Web/sites maybe",
		"Microsoft.Resources/deployments inline", "A.B/c given", "Microsoft.Resources/deployments outer", "A.B/c o-{name}",
		"Microsoft.Resources/deployments linked", "Microsoft.Compute/virtualMachines vm", "Microsoft.Resources/deployments far",
	}
	if got := ids(all); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for i, want := range map[int]string{
		1:  "{type: 'Microsoft.Sql/servers', name: <the parameter name has no default>, properties: {a: false}}",
		2:  "{type: 'Microsoft.Sql/servers/firewallRules', name: '{name}/all', properties: {}, parent: '{name}'}",
		3:  "{type: 'Microsoft.Sql/servers/databases', name: <the parameter name has no default>, parent: '{name}'}",
		12: "{type: 'Microsoft.Compute/virtualMachines', name: 'vm', properties: {size: 3}}",
	} {
		if got := show(all[i].Root); got != want {
			t.Errorf("%d: %s", i, got)
		}
	}
	if vm := all[12]; vm.Origin.File.Path != "linked/vm.json" || !slices.Equal(vm.Origin.Via, []string{name}) {
		t.Errorf("%+v", vm.Origin)
	}
	wantNotes := []string{
		"azuredeploy.json:7 the resource is not made: its condition is false as parameters have their defaults",
		"azuredeploy.json:13 the deployment far: its template is not in these files",
	}
	if got := notes(err); !slices.Equal(got, wantNotes) {
		t.Errorf("%q", got)
	}
}

func TestOtherFiles(t *testing.T) {
	for path, text := range map[string]string{
		"main.bicep": "param x string", name: `{"a": 1}`, "p.json": `{"$schema": "https://x/deploymentParameters.json#", "parameters": {}}`,
	} {
		_, err := arm.Parse(nil, source.NewFile(path, []byte(text)))
		if !errors.Is(err, render.ErrOtherFormat) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if !arm.Claims(nil, "a/main.bicep") || arm.Claims(nil, "a.json") {
		t.Error("claims")
	}
	if !arm.Recognises([]byte(head)) || arm.Recognises([]byte(`{"$schema": "x"}`)) {
		t.Error("recognises")
	}
}

// What is made to be large or endless is read in bounded time.
func TestLimits(t *testing.T) {
	doubling := `"variables": {"v0": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`
	for i := range 60 {
		doubling += fmt.Sprintf(`, "v%d": "[concat(variables('v%d'), variables('v%d'))]"`, i+1, i, i)
	}
	lists := `"variables": {"v0": [1, 2]`
	for i := range 60 {
		lists += fmt.Sprintf(`, "v%d": "[concat(variables('v%d'), variables('v%d'))]"`, i+1, i, i)
	}
	nested := strings.Repeat(`{"type": "Microsoft.Resources/deployments", "copy": {"name": "c", "count": 800}, "name": "x", "properties": {"template": {"resources": [`, 20) + `{"type": "A.B/c", "name": "x"}` + strings.Repeat(`]}}}`, 20)
	for reason, text := range map[string]string{
		"texts":   `{` + schema + `,` + doubling + `}, "resources": [{"type": "A.B/c", "name": "[variables('v60')]"}]}`,
		"lists":   `{` + schema + `,` + lists + `}, "resources": [{"type": "A.B/c", "name": "x", "p": "[variables('v60')]"}]}`,
		"loops":   `{` + schema + `, "resources": [` + nested + `]}`,
		"itself":  `{` + schema + `, "resources": [{"type": "Microsoft.Resources/deployments", "name": "x", "properties": {"templateLink": {"relativePath": "azuredeploy.json"}}}]}`,
		"a range": `{` + schema + `, "resources": [{"type": "A.B/c", "name": "x", "copy": {"name": "c", "count": 1000000000}}]}`,
	} {
		t.Run(reason, func(t *testing.T) {
			all, err := parse(map[string]string{name: text})
			if len(all) < 2 && err == nil {
				t.Errorf("%d resources, %v", len(all), err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head + `"[concat(parameters('env'), '-', variables('v').inner[0])]"}}]}`)
	f.Add(`{` + schema + `, "resources": [{"type": "A.B/c", "name": "[format('{0:D2}', copyIndex())]", "copy": {"name": "c", "count": 3}, "resources": [{"type": "d", "name": "e"}]}]}`)
	f.Add(`{` + schema + `, "resources": [{"type": "Microsoft.Resources/deployments", "name": "x", "properties": {"templateLink": {"relativePath": "b.json"}, "parameters": {"a": {"value": "[if(equals(1, 2), json('{}'), take('abc', 2))]"}}}}]} // x`)
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := parse(map[string]string{name: text, "b.json": text})
		for _, r := range all {
			walk(t, r.Origin.File, r.Root)
		}
	})
}

// walk checks that all places are in their file.
func walk(t *testing.T, file *source.File, v *resource.Value) {
	if v == nil {
		t.Fatal("a value is nil")
	}
	if v.Span.Start < 0 || v.Span.Start > v.Span.End || v.Span.End > len(file.Content) {
		t.Fatalf("%v of %d bytes", v.Span, len(file.Content))
	}
	for _, item := range v.Items {
		walk(t, file, item)
	}
	for _, f := range v.Fields {
		walk(t, file, f.Value)
	}
}
