package cel_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
)

const policies = `apiVersion: v1
kind: Thing
metadata: {name: x, namespace: shop}
spec:
  list: [{policy: '{"Statement": {"Effect": "Allow", "Action": "*"}}'}]
  empty: ""
  prose: no policy
  nothing: "?variable x"
  map:
    Statement:
    - Effect: Allow
      Action: [s3:Get*, "iam:PassRole", ec2:Run*]
      Resource: "*"
    - {Effect: Allow, Action: "sns:Publish", Resource: "?known after apply", Principal: {AWS: [root, "*"]}, Condition: {StringEquals: {aws:SourceAccount: "1"}}}
    - {Effect: Allow, NotAction: "iam:*", Resource: "*", Principal: "*"}
`

// policyCases are asked about the map, the text of it as JSON, and the text that came
// with what it holds: D stands for the place of the document.
var policyCases = []struct{ expression, want string }{
	{"statements(D).size() == 3 && statements(D)[0].actions == ['s3:Get*', 'iam:PassRole', 'ec2:Run*']", "pass"},
	{"statements(D).map(s, s.principals.size()) == [0, 2, 1]", "pass"},
	{"statements(D)[1].conditions[0].variable == 'aws:SourceAccount' && statements(D)[1].conditions[0].values == ['1']", "pass"},
	{"json(D).Statement[1].Principal.AWS[1] == '*'", "pass"},
	{"json(D).Statement[0].Action[1] == 'x'", "fail D.Statement[0].Action[iam:PassRole]"},
	{"statements(D).all(s, !s.actions.exists(a, a == 'sns:Publish'))", "fail D.Statement[1].Action"},
	{"statements(D).all(s, s.resources.all(r, r != '*'))", "fail D.Statement[0].Resource, D.Statement[2].Resource"},
	{"statements(D).all(s, s.conditions.size() > 0 || s.effect == 'Deny')", "fail D.Statement[0].Effect, D.Statement[2].Effect"},
	{"statements(D)[1].conditions.all(c, c.values.all(v, v != '1'))", "fail D.Statement[1].Condition.StringEquals.aws:SourceAccount"},
	{"statements(D).all(s, has(s.sid))", "fail D.Statement[0], D.Statement[1], D.Statement[2]"},
	{"statements(D).all(s, restricted(s) || !isPublic(s))", "fail D.Statement[2].Principal"},
	{"statements(D).all(s, !isPublic(s))", "fail D.Statement[1].Principal.AWS[*], D.Statement[2].Principal"},
	{"statements(D).all(s, !allows(s, 'iam:PassRole'))", "fail D.Statement[0].Action[iam:PassRole]"},
	{"statements(D).all(s, !everywhere(s) || allows(s, 'iam:PassRole'))", "fail D.Statement[2]"},
	{"!allows(statements(D), 'ec2:RunInstances')", "fail D.Statement[0].Action[ec2:Run*]"},
	{"!allows(statements(D).filter(s, s.notActions.size() > 0), 'ec2:RunInstances')", "fail D.Statement[2].NotAction"},
	{"escalations(statements(D), 'pass-role').size() == 0", "fail D.Statement[0].Action[iam:PassRole]"},
	{"escalations(statements(D), 'pass-role').all(e, e == 'iam:PassRole')", "fail D.Statement[0].Action[iam:PassRole]"},
	{"escalations(statements(D), 'trust').size() == 0", "pass"},
	{"variables.statements.all(s, !allows(s, 'iam:PassRole'))", "fail D.Statement[0].Action[iam:PassRole]"},
}

// otherCases are about texts that are no such document.
var otherCases = []struct{ expression, want string }{
	{"statements(object.spec.empty).size() == 0 && statements(object.spec.?none).size() == 0 && json(object.spec.?none) == null", "pass"},
	{"statements(object.spec.prose).size() == 0", "unknown"},
	{"statements(object.spec.nothing).all(s, !isPublic(s))", "unknown"},
	{"statements(object.spec.?list[?0].?policy).size() == 1", "pass"},
	{"object.spec.list.all(p, statements(p.policy).all(s, !allows(s, '*')))", "fail spec.list[0].policy"},
	{"statements(5).size() == 0 && !isPublic('x') && !allows({}, 'a:b')", "pass"},
	{"statements(object.spec.map).all(s, s.resources.all(r, r != 'x'))", "unknown"},
}

func TestPolicyDocuments(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		for form, path := range map[string]string{"map": "spec.map", "decoded": "spec.text"} {
			for _, c := range policyCases {
				t.Run(form+": "+c.expression, func(t *testing.T) {
					check(t, trusted, strings.ReplaceAll(c.expression, "D", "object."+path), strings.ReplaceAll(c.want, "D.", path+"."), path)
				})
			}
		}
		for _, c := range otherCases {
			t.Run(c.expression, func(t *testing.T) { check(t, trusted, c.expression, c.want, "spec.map") })
		}
	}
}

func check(t *testing.T, trusted bool, expression, want, path string) {
	t.Helper()
	pack := newPack(t, "variables: [{name: statements, expression: statements(object."+path+")}]\nvalidations: [{expression: \"true\", message: wrong}]")
	pack.Trusted = trusted
	pack.Policies[0].Validations[0].Expression = expression
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	r := parse(t, policies)[0]
	forget(r.Root)
	spec := r.Root.Get("spec")
	spec.Fields = append(spec.Fields, resource.Field{Key: "text", Value: &resource.Value{
		Kind: resource.String, Extra: &resource.Extra{Unknown: "known after apply", Decoded: spec.Get("map")},
	}})
	result := judge(engine, r, resource.NewSet([]*resource.Resource{r}))[0]
	got := result.Verdict.String()
	if result.Verdict == policy.Fail {
		var places []string
		for _, f := range result.Failures {
			places = append(places, r.Root.Stable(f.Path))
		}
		slices.Sort(places)
		got += " " + strings.Join(places, ", ")
	}
	if got != want {
		t.Errorf("trusted %v: got %s (%v %s), want %s", trusted, got, result.Err, result.Reason, want)
	}
}

func TestTextsAreParsedOnce(t *testing.T) {
	pack := newPack(t, "validations: [{expression: 'statements(object.spec.text).all(s, !allows(s, \"iam:PassRole\"))', message: wrong}]")
	manifest := "apiVersion: v1\nkind: Thing\nmetadata: {name: x}\nspec:\n  text: |\n    {\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"iam:*\"}]}\n"
	result, r := evaluate(t, pack, manifest)
	if result.Verdict != policy.Fail || r.Root.Stable(result.Failures[0].Path) != "spec.text" {
		t.Errorf("%v at %v", result.Verdict, result.Failures)
	}
}

// TestChanges asks about what a plan changes, also of what goes away.
func TestChanges(t *testing.T) {
	before := &resource.Value{Kind: resource.Map, Fields: []resource.Field{
		{Key: "size", Value: &resource.Value{Kind: resource.Int, Int: 8, Str: "8"}},
		{Key: "secret", Value: &resource.Value{Extra: &resource.Extra{Unknown: "sensitive"}}},
	}}
	after := &resource.Value{Kind: resource.Map, Fields: []resource.Field{{Key: "size", Value: &resource.Value{Kind: resource.Int, Int: 4, Str: "4"}}}}
	smaller := "oldObject == null || object.size >= oldObject.size"
	for _, c := range []struct {
		name, spec string
		root       *resource.Value
		change     resource.Change
		want       string
	}{
		{"smaller", smaller, after, resource.Change{Actions: []string{"update"}, Before: before}, "fail size"},
		{"new", smaller, after, resource.Change{Actions: []string{"create"}}, "pass"},
		{"what was before is not known", "oldObject.secret == 'x'", after, resource.Change{Before: before}, "unknown"},
		{"gone", "!('delete' in variables.actions)", &resource.Value{}, resource.Change{Actions: []string{"delete"}, Before: before}, "fail ."},
		{"replaced", "variables.replaced == ['size'] && variables.actions == ['delete', 'create']", after,
			resource.Change{Actions: []string{"delete", "create"}, Replaced: []resource.Path{{resource.Key("size")}}}, "pass"},
	} {
		for _, trusted := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				pack := newPack(t, "platform: terraform\nstages: [planned]\nvalidations: [{expression: \"true\", message: wrong}]")
				pack.Trusted = trusted
				pack.Policies[0].Validations[0].Expression = c.spec
				engine, err := cel.New(pack)
				if err != nil {
					t.Fatal(err)
				}
				r := &resource.Resource{ID: resource.ID{Platform: resource.Terraform, Kind: "queue", Name: "queue.a"}, Root: c.root, Change: &c.change}
				result := engine.Evaluate(context.Background(), nil, r, resource.NewSet([]*resource.Resource{r}), policy.Planned)[0]
				got := result.Verdict.String()
				if result.Verdict == policy.Fail {
					got += " " + strings.TrimPrefix(r.Root.Stable(result.Failures[0].Path)+".", ".")
					got = strings.TrimSuffix(got, ".")
				}
				if got != strings.TrimSuffix(c.want, ".") {
					t.Errorf("trusted %v: got %q, want %q (%v)", trusted, got, c.want, result.Err)
				}
			})
		}
	}
}

// TestWhatGoesAwayIsNotAsked keeps policies that are not about changes from judging
// what a plan deletes.
func TestWhatGoesAwayIsNotAsked(t *testing.T) {
	pack := newPack(t, "platform: terraform\nvalidations: [{expression: has(object.size), message: wrong}]")
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	r := &resource.Resource{ID: resource.ID{Platform: resource.Terraform, Kind: "queue", Name: "queue.a"}, Root: &resource.Value{}, Change: &resource.Change{Actions: []string{"delete"}}}
	if got := engine.Evaluate(context.Background(), nil, r, resource.NewSet(nil), policy.Planned)[0].Verdict; got != policy.Skip {
		t.Errorf("the verdict is %v", got)
	}
}
