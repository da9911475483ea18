package cloudformation_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/cloudformation"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const name = "template.yaml"

// show writes a value in one line, as flow YAML, with unknown values as their
// reasons.
func show(v *resource.Value) string {
	switch {
	case v == nil:
		return "absent"
	case v.Unknown() != "":
		return "<" + v.Unknown() + ">"
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
	return cloudformation.Parse(source.Memory(files), source.NewFile(name, []byte(files[name])))
}

func find(all []*resource.Resource, name string) *resource.Resource {
	for _, r := range all {
		if r.ID.Name == name {
			return r
		}
	}
	return nil
}

const head = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Env: {Type: String, Default: dev}
  Open: {Type: String}
  Secret: {Type: String, Default: hunter2, NoEcho: true}
  Zones: {Type: CommaDelimitedList, Default: "a, b,c"}
  Ami: {Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: /aws/ami}
  Port: {Type: Number, Default: 22}
  Bool: {Type: String, Default: "true"}
Mappings:
  Sizes: {dev: {type: t3.micro, zones: [x, z]}, prod: {type: m5.large}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Dev: !Not [Condition: Prod]
  Asked: !Equals [!Ref Open, "yes"]
  Both: !And [!Condition Dev, !Equals [1, "1"]]
  Either: {"Fn::Or": [{Condition: Asked}, {Condition: Dev}]}
  Neither: !And [!Condition Asked, !Condition Prod]
Resources:
  Other: {Type: "AWS::S3::Bucket"}
  It:
    Type: AWS::Test::It
    Properties:
      P: `

// Each case is a property and what it is.
func TestFunctions(t *testing.T) {
	for _, tt := range []struct{ property, want, reason string }{
		{"!Ref Env", "'dev'", "the default"},
		{"{Ref: Env}", "'dev'", "the long form"},
		{"!Ref Port", "'22'", "parameters are texts"},
		{"!Ref Bool", "true", "a text that is a boolean"},
		{"{Key: a, Value: true}", "{Key: 'a', Value: 'true'}", "a tag is a text"},
		{"{Variables: {A: 'true'}}", "{Variables: {A: 'true'}}", "so are variables"},
		{"!Ref Open", "<the parameter Open has no default>", ""},
		{"!Ref Secret", "<the parameter Secret is hidden by NoEcho>", "secrets are not shown"},
		{"!Ref Ami", "<the parameter Ami is kept in the parameter store>", "the default is a name"},
		{"!Ref Zones", "['a', 'b', 'c']", "a list"},
		{"!Ref Other", "<the name of the resource Other is known when the stack is made>", ""},
		{"!Ref AWS::Region", "<AWS::Region is known when the stack is made>", ""},
		{"{a: !Ref AWS::NoValue, b: 1}", "{b: 1}", "a field that is removed"},
		{"[!Ref AWS::NoValue, 1]", "[1]", "an item that is removed"},
		{"!Ref AWS::NoValue", "absent", ""},
		{"!GetAtt Other.Arn", "<the attribute Arn of the resource Other is known when the stack is made>", ""},
		{"{Fn::GetAtt: [Other, Arn]}", "<the attribute Arn of the resource Other is known when the stack is made>", ""},
		{`!Sub "${Env}-x-${!Literal}"`, "'dev-x-${Literal}'", ""},
		{`!Sub ["${A}-${Env}", {A: !Ref Port}]`, "'22-dev'", "with variables"},
		{`{Fn::Sub: "a-${Other.Arn}"}`, "<the attribute Arn of the resource Other is known when the stack is made>", "an attribute"},
		{`!Sub "${AWS::AccountId}"`, "<AWS::AccountId is known when the stack is made>", ""},
		{`!Sub "${unclosed"`, "'${unclosed'", ""},
		{"!Join ['-', [a, !Ref Env]]", "'a-dev'", ""},
		{"!Join [',', !Ref Zones]", "'a,b,c'", "a list that is a parameter"},
		{"!Join ['', [a, !Ref Open]]", "<the parameter Open has no default>", ""},
		{"!Split ['-', 'a-b']", "['a', 'b']", ""},
		{"!Select [1, !Split ['-', 'a-b']]", "'b'", ""},
		{"!Select ['0', !Ref Zones]", "'a'", ""},
		{"!Select [0, !GetAZs '']", "<the availability zones of a region are known when the stack is made>", ""},
		{"!Select [7, [a]]", "<the list has no item of that index>", ""},
		{"!FindInMap [Sizes, !Ref Env, type]", "'t3.micro'", ""},
		{"!FindInMap [Sizes, dev, zones]", "['x', 'z']", ""},
		{"!FindInMap [Sizes, !Ref AWS::Region, type]", "<AWS::Region is known when the stack is made>", ""},
		{"!FindInMap [Sizes, none, type, {DefaultValue: d}]", "'d'", ""},
		{"!FindInMap [Sizes, none, type]", "<the mapping has no such keys>", ""},
		{"!If [Prod, 1, 2]", "2", ""},
		{"!If [Dev, 1, 2]", "1", ""},
		{"!If [Asked, 1, 2]", "<the parameter Open has no default>", ""},
		{"!If [Asked, 1, '1']", "1", "it does not matter"},
		{"!If [Both, 1, 2]", "1", ""},
		{"!If [Either, 1, 2]", "1", "one that holds is enough"},
		{"!If [Neither, 1, 2]", "2", "one that does not hold is enough"},
		{"!If [Prod, {a: 1}, !Ref AWS::NoValue]", "absent", ""},
		{"!Base64 text", "'text'", "is left to be read"},
		{"{Fn::Base64: !Sub '${Env}'}", "'dev'", ""},
		{"!Cidr [10.0.0.0/16, 3, 8]", "['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24']", ""},
		{"!Select [1, !Cidr [10.0.0.0/16, 2, 12]]", "'10.0.16.0/20'", ""},
		{"!Cidr ['fd00::/56', 2, 64]", "['fd00::/64', 'fd00:0:0:1::/64']", ""},
		{"!ImportValue x", "<it is exported by another stack>", ""},
		{"{Fn::Transform: {Name: AWS::Include}}", "<what a macro or an include makes is not known>", ""},
		{"{Fn::Transform: {Name: AWS::Include}, a: b}", "<what a macro or an include makes is not known>", ""},
		{"{Fn::Length: !Ref Zones}", "3", ""},
		{"{Fn::ToJsonString: {a: [1, true]}}", `'{"a":[1,true]}'`, ""},
		{"{Fn::ToJsonString: {a: !Ref Open}}", "<the parameter Open has no default>", ""},
		{"!Unheard x", "<the function Fn::Unheard is not one that is evaluated>", ""},
		{"{'Fn::ForEach::L': [X, !Ref Zones, {'k${X}': !Sub '${X}/${Env}', 'n&{X}': !Ref X}]}", "{ka: 'a/dev', na: 'a', kb: 'b/dev', nb: 'b', kc: 'c/dev', nc: 'c'}", ""},
		{"&a {b: *c}", "", ""},
	} {
		all, err := parse(map[string]string{name: head + tt.property + "\n"})
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s: no error", tt.property)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.property, err)
			continue
		}
		if got := show(find(all, "It").Root.Get("Properties").Get("P")); got != tt.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tt.property, tt.reason, got, tt.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	text := head + "\n        A: !Ref Env\n        B: !Sub '${Env}'\n        C: {'Fn::FindInMap': [Sizes, dev, zones]}\n        D: !If [Dev, {x: y}, z]\n"
	all, err := parse(map[string]string{name: text})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"A": "!Ref Env", "B": "!Sub '${Env}'", "C": "{'Fn::FindInMap': [Sizes, dev, zones]}", "D": "{x: y}",
	} {
		span := find(all, "It").Root.Get("Properties").Get("P").Get(path).Span
		if got := text[span.Start:span.End]; got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if r := find(all, "It"); r.ID.Kind != "AWS::Test::It" || !strings.HasPrefix(text[r.Root.Span.Start:], "Type: AWS::Test::It") {
		t.Errorf("%v", r.ID)
	}
	whole := find(all, name)
	if got := show(whole.Root.Get("Parameters").Get("Secret")); got != "{Type: 'String', Default: '••••••', NoEcho: true}" {
		t.Errorf("a hidden default: %s", got)
	}
}

// A value leads to the resources that it comes from, through texts, parameters of
// nested stacks and their outputs.
func TestRefs(t *testing.T) {
	all, err := parse(map[string]string{
		name: `
Resources:
  Key: {Type: "AWS::KMS::Key"}
  Net: {Type: "AWS::CloudFormation::Stack", Properties: {TemplateURL: net.yaml, Parameters: {Key: !GetAtt Key.Arn}}}
  It: {Type: "AWS::A::B", Properties: {A: !Ref Key, B: !Sub "${Key.Arn}/${Net}", C: !GetAtt Net.Outputs.Id, D: x, E: !Join ["", [a, !Ref Key]]}}
`,
		"net.yaml": `
Parameters: {Key: {Type: String}}
Resources:
  Vpc: {Type: "AWS::EC2::VPC", Properties: {Key: !Ref Key, Self: !Ref Vpc}}
Outputs: {Id: {Value: !Ref Vpc}}
`})
	if render.WithoutNotes(err) != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"It.A": "[Key]", "It.B": "[Key Net]", "It.C": "[Net/Vpc]", "It.D": "[]", "It.E": "[Key]", "Net/Vpc.Key": "[Key]", "Net/Vpc.Self": "[Net/Vpc]",
	} {
		of, property, _ := strings.Cut(path, ".")
		if got := fmt.Sprint(find(all, of).Root.Get("Properties").Get(property).Refs()); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestPrefix(t *testing.T) {
	for property, want := range map[string]string{
		"!Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'": "arn:", "!Sub '${AWS::AccountId}:x'": "", "!Join [':', [arn, aws, !Ref Open]]": "arn:aws:",
		"!Join ['', ['a-', !Sub 'b-${Open}']]": "a-b-", "!GetAtt Other.Arn": "arn:", "!Sub '${Other.Arn}/*'": "arn:", "!GetAtt Other.Name": "", "!Ref Open": "", "!Ref Env": "",
	} {
		all, err := parse(map[string]string{name: head + property + "\n"})
		if err != nil {
			t.Fatal(err)
		}
		if got := find(all, "It").Root.Get("Properties").Get("P").Prefix(); got != want {
			t.Errorf("%s: %q", property, got)
		}
	}
}

func names(all []*resource.Resource) (out []string) {
	for _, r := range all[1:] {
		out = append(out, r.ID.Name)
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
	all, err := parse(map[string]string{name: `
Transform: AWS::LanguageExtensions
Parameters: {Env: {Type: String, Default: dev}, Open: {Type: String}}
Conditions: {Prod: !Equals [!Ref Env, prod], Asked: !Equals [!Ref Open, x]}
Resources:
  A: {Type: "AWS::SNS::Topic", Condition: Prod}
  B: {Type: "AWS::SNS::Topic", Condition: Asked, DependsOn: C, DeletionPolicy: !Ref Env}
  Fn::ForEach::Topics:
  - Name
  - [x, z]
  - Topic${Name}: {Type: "AWS::SNS::Topic", Properties: {TopicName: !Sub "t-${Name}", Peer: !GetAtt "Topic${Name}.Arn"}}
  Fn::ForEach::Open: [Nr, !Ref Open, {"O${Nr}": {Type: "AWS::SNS::Topic"}}]
`})
	if render.WithoutNotes(err) != nil {
		t.Fatal(err)
	}
	if got := names(all); !slices.Equal(got, []string{"B", "Topicx", "Topicz"}) {
		t.Errorf("%q", got)
	}
	if got := show(find(all, "B").Root); got != "{Type: 'AWS::SNS::Topic', Condition: 'Asked', DependsOn: ['C'], DeletionPolicy: 'dev'}" {
		t.Error(got)
	}
	if got := show(find(all, "Topicz").Root.Get("Properties")); got != "{TopicName: 't-z', Peer: <the attribute Arn of the resource Topicz is known when the stack is made>}" {
		t.Error(got)
	}
	want := []string{
		"template.yaml:12 the resources of a loop are not known: the parameter Open has no default",
		"template.yaml:6 A is not made: the condition Prod is false as parameters have their defaults",
	}
	if got := notes(err); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestServerless(t *testing.T) {
	all, err := parse(map[string]string{name: `
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: nodejs22.x
    Tracing: Active
    Environment: {Variables: {A: 1, B: 2}}
    Layers: [one]
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Tracing: PassThrough, Environment: {Variables: {B: 3}}, Layers: [two], Role: !GetAtt FRole.Arn}
  G: {Type: "AWS::Serverless::Function"}
  T: {Type: "AWS::Serverless::SimpleTable"}
`})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"F": "{Tracing: 'PassThrough', Environment: {Variables: {B: 3, A: 1}}, Layers: ['one', 'two'], Role: <nothing in the template is called FRole>, Runtime: 'nodejs22.x'}",
		"G": "{Runtime: 'nodejs22.x', Tracing: 'Active', Environment: {Variables: {A: 1, B: 2}}, Layers: ['one']}",
		"T": "absent",
	} {
		if got := show(find(all, name).Root.Get("Properties")); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestNestedStacks(t *testing.T) {
	files := map[string]string{
		name: `
Parameters: {Env: {Type: String, Default: dev}}
Resources:
  Key: {Type: "AWS::KMS::Key"}
  Net:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: ./nested/net.yaml, Parameters: {Name: !Sub "${Env}-net", Key: !Ref Key}}
  Far: {Type: "AWS::CloudFormation::Stack", Properties: {TemplateURL: "https://s3.example/x.yaml"}}
  User: {Type: "AWS::Test::It", Properties: {A: !GetAtt Net.Outputs.Id, B: !GetAtt Net.Outputs.Label}}
`,
		"nested/net.yaml": `
Parameters: {Name: {Type: String}, Key: {Type: String}, Zone: {Type: String}}
Resources:
  Vpc: {Type: "AWS::EC2::VPC", Properties: {Label: !Ref Name, Key: !Ref Key, Zone: !Ref Zone}}
  Again: {Type: "AWS::CloudFormation::Stack", Properties: {TemplateURL: ../template.yaml}}
Outputs: {Id: {Value: !Ref Vpc}, Label: {Value: !Ref Name}}
`,
	}
	all, err := parse(files)
	if render.WithoutNotes(err) != nil {
		t.Fatal(err)
	}
	if got := names(all); !slices.Equal(got, []string{"Key", "Net", "Net/Vpc", "Net/Again", "Far", "User"}) {
		t.Errorf("%q", got)
	}
	vpc := find(all, "Net/Vpc")
	if vpc.Origin.File.Path != "nested/net.yaml" || !slices.Equal(vpc.Origin.Via, []string{name}) {
		t.Errorf("%+v", vpc.Origin)
	}
	if got := show(vpc.Root.Get("Properties")); got != "{Label: 'dev-net', Key: <the name of the resource Key is known when the stack is made>, Zone: <the parameter Zone is not given>}" {
		t.Error(got)
	}
	if got := show(find(all, "User").Root.Get("Properties")); got != "{A: <the name of the resource Vpc is known when the stack is made>, B: 'dev-net'}" {
		t.Error(got)
	}
	if got := notes(err); !slices.Equal(got, []string{"template.yaml:8 the nested stack Far: its template is not in these files"}) {
		t.Errorf("%q", got)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"Resources: {A: {Type: \"AWS::A::B\", Properties: {X: !Ref Nobody}}}":                                                 "template.yaml:1:52: nothing is called Nobody: neither a parameter nor a resource",
		"Resources: {A: {Type: \"AWS::A::B\", Condition: C}}":                                                                 "there is no condition C",
		"Conditions: {C: !Not [Condition: D], D: !Condition C}\nResources: {A: {Type: \"AWS::A::B\", Condition: C}}":          "depends on itself",
		"Resources: {A: {Type: \"AWS::A::B\", Properties: {X: !Join a}}}":                                                     "Fn::Join takes a delimiter and a list",
		"Resources: {A: {Type: \"AWS::A::B\"}, B: 7}":                                                                         "the resource B has no Type",
		"Resources: {A: {Type: \"AWS::CloudFormation::Stack\", Properties: {TemplateURL: template.yaml}}}":                    "is this template again",
		"Resources: {A: {Type: \"AWS::A::B\", Properties: {X: !If [C, 1]}}}":                                                  "Fn::If takes a condition and two values",
		"{\"Resources\": {\"A\": {\"Type\": \"AWS::A::B\", \"Properties\": {\"X\": {\"Fn::GetAtt\": [\"Nobody\", \"x\"]}}}}}": "nothing is called Nobody",
	} {
		all, err := parse(map[string]string{name: text})
		if err == nil || !strings.Contains(err.Error(), want) || len(all) == 0 {
			t.Errorf("%s:\ngot %v (%d resources)", text, err, len(all))
		}
	}
	for _, text := range []string{"a: b", "[x]", "", "Resources: {a: {Type: x}}", "Resources: []", "apiVersion: v1\nkind: ConfigMap", "Resources: {{ x }}\n  a"} {
		if _, err := parse(map[string]string{name: text}); !errors.Is(err, render.ErrOtherFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What is made to be large, deep or endless is read in bounded time.
func TestLimits(t *testing.T) {
	bomb := "Parameters: {P: {Type: String, Default: " + strings.Repeat("x", 1000) + "}}\nConditions:\n"
	for i := range 30 {
		bomb += fmt.Sprintf("  C%d: !Equals [!Sub \"${P}\", x]\n", i)
	}
	bomb += "Resources:\n  A:\n    Type: AWS::A::B\n    Properties:\n      X0: &x0 [!Ref P, !Ref P]\n"
	for i := range 40 {
		bomb += fmt.Sprintf("      X%d: &x%d [*x%d, *x%d]\n", i+1, i+1, i, i)
	}
	deep := "Resources: {A: {Type: \"AWS::A::B\", Properties: {X: " + strings.Repeat("{\"Fn::Sub\": [\"${x}\", {x: ", 400) + "1" + strings.Repeat("}]}", 400) + "}}}"
	loops := "Resources:\n  A:\n    Type: AWS::A::B\n    Properties:\n      "
	list := "[" + strings.Repeat("a,", 200) + "b]"
	for range 4 {
		loops += "{\"Fn::ForEach::L\": [X, " + list + ", "
	}
	loops += "{k: v}" + strings.Repeat("]}", 4)
	joins := "Resources: {A: {Type: \"AWS::A::B\", Properties: {X: !Join ['', [" + strings.Repeat("!Ref P,", 2000) + "x]]}}}\nParameters: {P: {Type: String, Default: " + strings.Repeat("x", 1<<20) + "}}"
	for reason, text := range map[string]string{"aliases": bomb, "depth": deep, "loops": loops, "joins": joins} {
		t.Run(reason, func(t *testing.T) {
			all, err := parse(map[string]string{name: text})
			if err == nil && len(all) == 0 {
				t.Error("neither resources nor an error")
			}
		})
	}
	files := map[string]string{}
	for i := range 10 {
		path := fmt.Sprintf("n%d.yaml", i)
		if i == 0 {
			path = name
		}
		files[path] = "Resources:\n"
		for j := range 10 {
			files[path] += fmt.Sprintf("  S%d: {Type: \"AWS::CloudFormation::Stack\", Properties: {TemplateURL: n%d.yaml}}\n", j, i+1)
		}
	}
	all, err := parse(files)
	if len(all) > 10_000 || !slices.Contains(notes(err), "n2.yaml:3 there are too many nested stacks") && len(notes(err)) == 0 {
		t.Errorf("%d resources, %v", len(all), err)
	}
}

func TestRecognises(t *testing.T) {
	for text, want := range map[string]bool{
		"AWSTemplateFormatVersion: x":                     true,
		"Resources:\n  A:\n    Type: AWS::S3::Bucket":     true,
		`{"Resources": {"A": {"Type": "Custom::Thing"}}}`: true,
		"apiVersion: v1\nkind: Pod":                       false,
		"Resources: [Type]":                               false,
	} {
		if got := cloudformation.Recognises([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	tree := source.Memory(map[string]string{"a.template": "AWSTemplateFormatVersion: x", "nginx.template": "server {}"})
	if !cloudformation.Claims(tree, "a.template") || cloudformation.Claims(tree, "nginx.template") || cloudformation.Claims(tree, "a.yaml") {
		t.Error("files are claimed by their names alone")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head + "!Sub ['${Env}', {a: !Ref X}]\n")
	f.Add(head + "!If [Dev, !Cidr [10.0.0.0/8, 4, 8], !Select [0, !Split [a, b]]]\n")
	f.Add("Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {A: [x]}}\nResources: {F: {Type: \"AWS::Serverless::Function\", Properties: {A: [!Ref F]}}, 'Fn::ForEach::X': [I, [a], {'${I}': {Type: \"A::B\"}}]}")
	f.Add(`{"Resources": {"A": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "b.yaml", "Parameters": {"P": {"Fn::GetAtt": ["A", "Outputs.O"]}}}}}, "Outputs": {"O": {"Value": {"Ref": "P"}}}, "Parameters": {"P": {"Type": "CommaDelimitedList"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := parse(map[string]string{name: text, "b.yaml": text})
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

// Templates in use are read without a mistake.
func TestCorpora(t *testing.T) {
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		t.Skip("HOLDFAST_CORPORA is not set")
	}
	for file, resources := range map[string]int{"cfngoat.yaml": 45, "eks.yaml": 24} {
		content, err := os.ReadFile(filepath.Join(root, "cfngoat", file))
		if err != nil {
			t.Fatal(err)
		}
		all, err := cloudformation.Parse(nil, source.NewFile(file, content))
		if err != nil || len(all) != 1+resources {
			t.Errorf("%s: %d resources, %v", file, len(all)-1, err)
		}
	}
}
