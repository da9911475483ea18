package iam_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/iam"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// document reads a policy; the string "?" stands for what is not known.
func document(t testing.TB, text string) *resource.Value {
	t.Helper()
	doc, err := resource.ParseJSON(source.NewFile("policy.json", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	forget(doc.Root)
	return doc.Root
}

func forget(v *resource.Value) {
	if v.Kind == resource.String && v.Str == "?" {
		*v = *resource.NewUnknown("known after apply", source.Span{})
	}
	for _, item := range v.Items {
		forget(item)
	}
	for _, f := range v.Fields {
		forget(f.Value)
	}
}

// write returns a value in short.
func write(v *resource.Value) string {
	switch {
	case v.Unknown() != "":
		return "?"
	case v.Kind == resource.List:
		var all []string
		for _, item := range v.Items {
			all = append(all, write(item))
		}
		return "[" + strings.Join(all, " ") + "]"
	case v.Kind == resource.Map:
		var all []string
		for _, f := range v.Fields {
			if text := write(f.Value); text != "[]" {
				all = append(all, f.Key+"="+text)
			}
		}
		return "{" + strings.Join(all, " ") + "}"
	}
	return v.Str
}

func TestStatementsAreOfOneForm(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"one of everything", `{"Statement": {"Sid": "a", "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}}`,
			"[{sid=a effect=Allow actions=[s3:*] resources=[*] principals=[{type=* id=*}]}]"},
		{"several", `{"Statement": [{"Effect": "Deny", "NotAction": ["a:b", "c:d"], "NotResource": ["x"]}, {"Effect": "Allow"}]}`,
			"[{effect=Deny notActions=[a:b c:d] notResources=[x]} {effect=Allow}]"},
		{"principals of two types", `{"Statement": [{"Principal": {"AWS": ["1", "2"], "Service": "ec2.amazonaws.com"}, "NotPrincipal": {"AWS": "3"}}]}`,
			"[{principals=[{type=AWS id=1} {type=AWS id=2} {type=Service id=ec2.amazonaws.com}] notPrincipals=[{type=AWS id=3}]}]"},
		{"conditions", `{"Statement": [{"Condition": {"Bool": {"aws:SecureTransport": false}, "StringEquals": {"a": "1", "b": ["2", "3"]}}}]}`,
			"[{conditions=[{test=Bool variable=aws:SecureTransport values=[false]} {test=StringEquals variable=a values=[1]} {test=StringEquals variable=b values=[2 3]}]}]"},
		{"nothing is known", `"?"`, "?"},
		{"the statements are not known", `{"Statement": "?"}`, "?"},
		{"a statement is not known", `{"Statement": ["?", {"Effect": "?", "Action": ["?", "a:b"], "Resource": "?"}]}`,
			"[? {effect=? actions=[? a:b] resources=[?]}]"},
		{"parts of principals and conditions are not known", `{"Statement": {"Principal": {"AWS": "?"}, "Condition": {"StringLike": {"a": "?"}, "Null": "?"}}}`,
			"[{principals=[{type=AWS id=?}] conditions=[{test=StringLike variable=a values=?} ?]}]"},
		{"no statement", `{"Version": "2012-10-17"}`, "[]"},
		{"no document", `"text"`, "[]"},
		{"statements that are none", `{"Statement": ["x", 3, null]}`, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := write(iam.Statements(document(t, c.doc), nil))
			if strings.ReplaceAll(got, "resources=[?]", "resources=?") != strings.ReplaceAll(c.want, "resources=[?]", "resources=?") {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestOriginsLeadIntoTheDocument(t *testing.T) {
	doc := document(t, `{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": ["1", "2"]}, "Condition": {"Bool": {"k": "v"}}}]}`)
	origins := map[*resource.Value]resource.Path{}
	statements := iam.Statements(doc, func(v *resource.Value, at resource.Path) {
		if _, twice := origins[v]; twice {
			t.Errorf("%s is told of twice", at)
		}
		origins[v] = at
	})
	s := statements.Items[0]
	for want, v := range map[string]*resource.Value{
		"Statement":                     statements,
		"Statement[0]":                  s,
		"Statement[0].Effect":           s.Get("effect"),
		"Statement[0].Action":           s.Get("actions").Items[0],
		"Statement[0].Resource":         s.Get("resources"), // where it would be
		"Statement[0].Principal.AWS[1]": s.Get("principals").Items[1],
		"Statement[0].Condition.Bool.k": s.Get("conditions").Items[0].Get("values"),
	} {
		if got := origins[v].String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"iam:Pass*", "iam:PassRole", true}, {"iam:*Role", "iam:PassRole", true}, {"iam:*Rol", "iam:PassRole", false},
		{"*a*b*", "xxaxxbxx", true}, {"*a*b", "xxaxxbxx", false}, {"a**b", "ab", true},
		{"s3:*", "s3:Get*", true}, {"s3:Get*", "s3:*", false}, {"s3:Ge?", "s3:Ge*", false},
	} {
		if got := iam.Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
	if iam.Match(strings.Repeat("*a", 2000)+"b", strings.Repeat("a", 20000)) {
		t.Error("a pattern of many wildcards matches")
	}
}

// answer writes an answer in a word.
func answer(a iam.Answer) string {
	switch {
	case a.Unknown != "":
		return "unknown"
	case a.Yes:
		return "yes"
	}
	return "no"
}

func TestAllowedBy(t *testing.T) {
	for _, c := range []struct{ name, doc, action, want string }{
		{"by name, in another case", `{"Effect": "Allow", "Action": "IAM:passrole", "Resource": "x"}`, "iam:PassRole", "yes"},
		{"by a wildcard", `{"Effect": "Allow", "Action": ["s3:Get*", "iam:P*"]}`, "iam:PassRole", "yes"},
		{"another action", `{"Effect": "Allow", "Action": "iam:PassRoles"}`, "iam:PassRole", "no"},
		{"all but others", `{"Effect": "Allow", "NotAction": "s3:*"}`, "iam:PassRole", "yes"},
		{"all but this", `{"Effect": "Allow", "NotAction": "iam:*"}`, "iam:PassRole", "no"},
		{"the whole by the whole", `{"Effect": "Allow", "Action": "*:*"}`, "*", "yes"},
		{"the whole by a part", `{"Effect": "Allow", "Action": "s3:*"}`, "*", "no"},
		{"denied in part", `[{"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "x"}]`, "iam:PassRole", "yes"},
		{"denied under a condition", `[{"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": {"Bool": {"a": "b"}}}]`, "iam:PassRole", "yes"},
		{"denied wholly", `[{"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]`, "iam:PassRole", "no"},
		{"perhaps denied", `[{"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "Action": "?", "Resource": "*"}]`, "iam:PassRole", "unknown"},
		{"only denied", `{"Effect": "Deny", "Action": "iam:PassRole"}`, "iam:PassRole", "no"},
		{"an effect that is not known", `{"Effect": "?", "Action": "iam:PassRole"}`, "iam:PassRole", "unknown"},
		{"of another action", `{"Effect": "?", "Action": "s3:*"}`, "iam:PassRole", "no"},
		{"an action that is not known beside one that is", `{"Effect": "Allow", "Action": ["?", "iam:PassRole"]}`, "iam:PassRole", "yes"},
		{"an action that is not known", `{"Effect": "Allow", "Action": ["?", "s3:*"]}`, "iam:PassRole", "unknown"},
		{"a statement that is not known", `["?", {"Effect": "Allow", "Action": "s3:*"}]`, "iam:PassRole", "unknown"},
		{"numbers where texts are", `{"Effect": "Allow", "Action": [1, null, {}]}`, "iam:PassRole", "no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			statements := iam.Statements(document(t, `{"Statement": `+c.doc+`}`), nil)
			if got := answer(iam.AllowedBy(statements, c.action)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestEverywhere(t *testing.T) {
	for pattern, want := range map[string]string{
		`"*"`: "yes", `"**"`: "yes", `"arn:aws:iam::*:role/*"`: "yes", `"arn:aws:iam::123456789012:*"`: "yes", `["x", "arn:aws:lambda:eu-west-1:1:function:*"]`: "yes",
		`"arn:aws:s3:::*"`: "yes", `"arn:aws:s3:::logs/*"`: "no", `"arn:aws:s3:::*/*"`: "yes", `"arn:aws:iam::1:role/app-*"`: "no", `"arn:aws:iam::*:user/${aws:username}"`: "no",
		`"arn:aws:dynamodb:eu-west-1:1:table/books/*"`: "no", `"arn:aws:execute-api:eu-west-1:1:abc/*"`: "no", `"?"`: "unknown", `["?", "*"]`: "yes", `[]`: "no",
	} {
		statements := iam.Statements(document(t, `{"Statement": {"Resource": `+pattern+`}}`), nil)
		if got := answer(iam.Everywhere(statements.Items[0])); got != want {
			t.Errorf("%s: got %s, want %s", pattern, got, want)
		}
	}
	all := iam.Statements(document(t, `{"Statement": {"NotResource": "x"}}`), nil)
	if got := answer(iam.Everywhere(all.Items[0])); got != "yes" {
		t.Errorf("all but x: %s", got)
	}
}

func TestPublicAndRestricted(t *testing.T) {
	for _, c := range []struct{ name, statement, public, restricted string }{
		{"anybody", `"Principal": "*"`, "yes", "no"},
		{"anybody with an account", `"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}`, "yes", "no"},
		{"an account", `"Principal": {"AWS": "arn:aws:iam::1:root"}`, "no", "no"},
		{"a service by a wildcard is none", `"Principal": {"Service": "*"}`, "no", "no"},
		{"all but some", `"NotPrincipal": {"AWS": "1"}`, "yes", "no"},
		{"who is not known", `"Principal": {"AWS": "?"}`, "unknown", "no"},
		{"those of an organisation", `"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}`, "yes", "yes"},
		{"spelt otherwise", `"Principal": "*", "Condition": {"ForAnyValue:StringLike": {"AWS:principalorgpaths": ["o-1/r-1/*"]}}`, "yes", "yes"},
		{"those of any organisation", `"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalOrgID": "*"}}`, "yes", "no"},
		{"where the key is missing", `"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}`, "yes", "no"},
		{"all values of none", `"Principal": "*", "Condition": {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}`, "yes", "no"},
		{"all but one", `"Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "1"}}`, "yes", "no"},
		{"an own network and all others", `"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}`, "yes", "no"},
		{"a network", `"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}`, "yes", "yes"},
		{"by TLS", `"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}`, "yes", "no"},
		{"any topic", `"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}}`, "yes", "no"},
		{"a source that is not known", `"Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": "?"}}`, "yes", "yes"},
		{"a condition that is not known", `"Principal": "*", "Condition": "?"`, "yes", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := iam.Statements(document(t, `{"Statement": {"Effect": "Allow", "Action": "sns:Publish", `+c.statement+`}}`), nil).Items[0]
			if got := answer(iam.Public(s)); got != c.public {
				t.Errorf("public: got %s, want %s", got, c.public)
			}
			if got := answer(iam.Restricted(s)); got != c.restricted {
				t.Errorf("restricted: got %s, want %s", got, c.restricted)
			}
		})
	}
}

func TestEscalations(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		want      []string
	}{
		{"a role for a new machine", `{"Effect": "Allow", "Action": ["iam:PassRole", "ec2:RunInstances"], "Resource": "*"}`, []string{"iam:PassRole+ec2:RunInstances"}},
		{"over two statements, with wildcards", `[{"Effect": "Allow", "Action": "iam:Pass*", "Resource": "arn:aws:iam::*:role/*"}, {"Effect": "Allow", "Action": "lambda:[", "Resource": "*"}, {"Effect": "Allow", "Action": ["lambda:Create*Function", "lambda:Invoke*"], "Resource": "arn:aws:lambda:x:y:function:z"}]`,
			[]string{"iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction"}},
		{"one role", `{"Effect": "Allow", "Action": ["iam:PassRole", "ec2:RunInstances"], "Resource": "arn:aws:iam::1:role/web"}`, nil},
		{"to another service", `[{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}}, {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}]`, nil},
		{"to this service", `[{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}, {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}]`, []string{"iam:PassRole+ec2:RunInstances"}},
		{"half of a pair", `{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}`, nil},
		{"policies", `{"Effect": "Allow", "Action": ["iam:CreatePolicyVersion", "iam:AttachUserPolicy"], "Resource": "*"}`, []string{"iam:CreatePolicyVersion", "iam:AttachUserPolicy"}},
		{"those that are named in a condition", `{"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "*", "Condition": {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::1:policy/x"}}}`, nil},
		{"one's own keys", `{"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "arn:aws:iam::*:user/${aws:username}"}`, nil},
		{"denied", `[{"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*"}, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]`, nil},
		{"any role", `{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}`, []string{"sts:AssumeRole"}},
		{"everything", `{"Effect": "Allow", "Action": "*", "Resource": "*"}`, nil},
		{"all of iam", `{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}`, nil},
		{"resources that are not known", `{"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "?"}`, []string{"iam:CreateAccessKey?"}},
		{"read-only", `{"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "s3:*", "ec2:Describe*"], "Resource": "*"}`, nil},
		{"nothing is known", `"?"`, []string{"?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range iam.Escalations(iam.Statements(document(t, `{"Statement": `+c.doc+`}`), nil)) {
				name := e.Name
				if e.Unknown != "" {
					name += "?"
				} else if e.Action == nil || e.Because == nil {
					t.Errorf("%s has no place", name)
				}
				got = append(got, name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzStatements(f *testing.F) {
	f.Add(`{"Statement": [{"Effect": "Allow", "Action": ["iam:*"], "Principal": {"AWS": "*"}, "Condition": {"StringLike": {"aws:SourceArn": "*"}}}]}`)
	f.Add(`{"Statement": {"NotAction": "?", "NotPrincipal": "?", "Resource": ["arn:aws:iam::*:role/*", "?"], "Condition": {"Bool": ["x"]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := resource.ParseJSON(source.NewFile("policy.json", []byte(text)))
		if err != nil {
			t.Skip()
		}
		forget(doc.Root)
		for _, origin := range []func(*resource.Value, resource.Path){nil, func(*resource.Value, resource.Path) {}} {
			statements := iam.Statements(doc.Root, origin)
			iam.Escalations(statements)
			iam.AllowedBy(statements, "iam:PassRole")
			for _, s := range statements.Items {
				for _, a := range []iam.Answer{iam.Public(s), iam.Restricted(s), iam.Everywhere(s), iam.Allows(s, "*")} {
					if a.Yes && a.Unknown != "" {
						t.Errorf("an answer is yes and unknown: %+v", a)
					}
				}
			}
		}
	})
}

// A principal of which a part is known is not everybody.
func TestPrincipalKnownInPart(t *testing.T) {
	for prefix, want := range map[string]bool{"arn:aws:iam::": false, "": true, "*": true} {
		id := resource.NewUnknown("known later", source.Span{})
		id.Amend().Prefix = prefix
		doc := resource.NewMap(source.Span{}).Put("Statement", resource.NewMap(source.Span{}).
			Put("Effect", resource.NewText("Allow", source.Span{})).
			Put("Principal", resource.NewMap(source.Span{}).Put("AWS", id)))
		answer := iam.Public(iam.Statements(doc, nil).Items[0])
		if answer.Yes || (answer.Unknown != "") != want {
			t.Errorf("%q: %+v", prefix, answer)
		}
	}
}
