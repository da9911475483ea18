package resource

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/source"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: payments
  labels: {app.kubernetes.io/name: api}
spec:
  template:
    spec:
      containers:
      - name: side
        image: side:1
      - name: api
        image: api:1
        args: [--a, --b]
        ports:
        - containerPort: 80
      nodeSelector:
`

func readOne(t *testing.T, text string) (*source.File, *Value) {
	t.Helper()
	file := yamlFile(text)
	docs, err := ParseYAML(file)
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, error %v, in\n%s", len(docs), err, text)
	}
	return file, docs[0].Root
}

func steps(all ...any) Path {
	var p Path
	for _, s := range all {
		if i, ok := s.(int); ok {
			p = p.Append(Index(i))
		} else {
			p = p.Append(Key(s.(string)))
		}
	}
	return p
}

func TestPathsAndPlaces(t *testing.T) {
	file, root := readOne(t, deployment)
	r := &Resource{Root: root, Origin: Origin{File: file, Span: root.Span}}
	containers := []any{"spec", "template", "spec", "containers"}
	for _, test := range []struct {
		reason, path, stable, marked string
		line                         int
		of                           Path
	}{
		{"the root", "", "", deployment[:len(deployment)-1], 1, nil},
		{"a scalar is marked itself", "metadata.name", "metadata.name", "api", 4, steps("metadata", "name")},
		{"of a map the key is marked", "spec.template", "spec.template", "template", 8, steps("spec", "template")},
		{"a key with dots is quoted", `metadata.labels["app.kubernetes.io/name"]`, "metadata.labels.app.kubernetes.io/name", "api", 6, steps("metadata", "labels", "app.kubernetes.io/name")},
		{"an item is named by its name", "spec.template.spec.containers[1].image", "spec.template.spec.containers[api].image", "api:1", 14, steps(append(containers, 1, "image")...)},
		{"a string is its own name", "spec.template.spec.containers[1].args[1]", "spec.template.spec.containers[api].args[--b]", "--b", 15, steps(append(containers, 1, "args", 1)...)},
		{"a port names its item", "spec.template.spec.containers[1].ports[0].containerPort", "spec.template.spec.containers[api].ports[80].containerPort", "80", 17, steps(append(containers, 1, "ports", 0, "containerPort")...)},
		{"an absent value is at the key of the map that lacks it", "spec.template.spec.hostNetwork", "spec.template.spec.hostNetwork", "spec", 9, steps("spec", "template", "spec", "hostNetwork")},
		{"an absent item is at the key of the list", "spec.template.spec.containers[7].image", "spec.template.spec.containers[7].image", "containers", 10, steps(append(containers, 7, "image")...)},
		{"an empty value is behind its colon", "spec.template.spec.nodeSelector", "spec.template.spec.nodeSelector", "", 18, steps("spec", "template", "spec", "nodeSelector")},
	} {
		t.Run(test.reason, func(t *testing.T) {
			if got := test.of.String(); got != test.path {
				t.Errorf("path %s, want %s", got, test.path)
			}
			if got := root.Stable(test.of); got != test.stable {
				t.Errorf("stable path %s, want %s", got, test.stable)
			}
			at := r.Locate(test.of)
			if got := string(file.Content[at.Span.Start:at.Span.End]); got != test.marked || !at.Exact || at.Position().Line != test.line {
				t.Errorf("marked %q in line %d, want %q in line %d", got, at.Position().Line, test.marked, test.line)
			}
		})
	}
}

func TestLocateInRenderedText(t *testing.T) {
	file, root := readOne(t, deployment)
	template := source.NewFile("templates/api.yaml", []byte("kind: {{ x }}"))
	known := Location{File: template, Span: source.Span{Start: 0, End: 4}, Exact: true}
	r := &Resource{Root: root, Origin: Origin{File: file, Span: root.Span, Locator: func(p Path) (Location, bool) {
		return known, p.String() == "spec.template"
	}}}
	if got := r.Locate(steps("spec", "template", "spec", "hostPID")); got != known {
		t.Errorf("the nearest known ancestor: %+v", got)
	}
	want := Location{File: file, Span: root.Span}
	if got := r.Locate(steps("metadata", "name")); got != want {
		t.Errorf("nothing known: %+v", got)
	}
}

func TestAppendSharesNothing(t *testing.T) {
	base := make(Path, 0, 8).Append(Key("a"))
	x, y := base.Append(Key("x")), base.Append(Key("y"))
	if x.String() != "a.x" || y.String() != "a.y" {
		t.Errorf("%s %s", x, y)
	}
}

func TestGetAndAtOnOtherKinds(t *testing.T) {
	_, root := readOne(t, "a: [1]\nb: c\n")
	var none *Value
	for _, v := range []*Value{none.Get("a"), root.Get("b").Get("x"), root.At(steps("a", "b")), root.At(steps("a", 1)), root.At(steps("b", 0))} {
		if v != nil {
			t.Errorf("found %+v", v)
		}
	}
	if none.Text() != "" || root.Get("a").Text() != "" || root.Get("b").Text() != "c" {
		t.Error("Text is for strings")
	}
}

func TestKeys(t *testing.T) {
	id := ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "n", Name: "a/b"}
	back, ok := ParseKey(id.Key())
	id.Version = ""
	if !ok || back != id {
		t.Errorf("%+v", back)
	}
	for _, id := range []ID{
		{Platform: CloudFormation, Kind: "AWS::EC2::VPC", Name: "Network/Vpc"},
		{Platform: ARM, Kind: "Microsoft.Sql/servers/firewallRules", Name: "db/all"},
	} {
		if back, ok := ParseKey(id.Key()); !ok || back != id {
			t.Errorf("%+v", back)
		}
	}
	if _, ok := ParseKey("a/b"); ok {
		t.Error("a malformed key was read")
	}
}

func objects(t *testing.T, text string) (file *source.File, all []Object) {
	t.Helper()
	file = yamlFile(text)
	docs, err := ParseYAML(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		all = append(all, Objects(d)...)
	}
	return file, all
}

func TestObjects(t *testing.T) {
	for _, test := range []struct {
		reason, text string
		want         []string
	}{
		{"an object", deployment, []string{"apps/v1 Deployment payments/api "}},
		{"no kind", "apiVersion: v1\n", nil},
		{"a kind that is no string", "apiVersion: v1\nkind: 1\n", nil},
		{"no map", "- a\n", nil},
		{"no metadata", "apiVersion: v1\nkind: A\n", []string{"v1 A  "}},
		{"a list", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n- {kind: B}\n- c\n", []string{"v1 A a items[0]"}},
		{"a list of one kind", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: a}\n- {apiVersion: v2, metadata: {name: b}}\n", []string{"v1 ConfigMap a items[0]", "v2 ConfigMap b items[1]"}},
		{"a list in a list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: A, metadata: {name: a}}\n", []string{"v1 A a items[0].items[0]"}},
		{"a kind that only sounds like a list", "apiVersion: v1\nkind: AllowList\nspec: {}\n", []string{"v1 AllowList  "}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, all := objects(t, test.text)
			var got []string
			for _, o := range all {
				name := o.ID.Name
				if o.ID.Namespace != "" {
					name = o.ID.Namespace + "/" + name
				}
				got = append(got, o.ID.APIVersion()+" "+o.ID.Kind+" "+name+" "+o.Path.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	file, all := objects(t, "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: a}\n")
	root := all[0].Root
	if got := root.Get("kind"); got.Str != "ConfigMap" || file.Position(got.Span.Start).Line != 2 {
		t.Errorf("the inherited kind is %q at %v", got.Str, got.Span)
	}
	if got := string(file.Content[all[0].Span.Start:all[0].Span.End]); got != "metadata: {name: a}" {
		t.Errorf("span of the item: %q", got)
	}
}

func TestRedacted(t *testing.T) {
	const text = `{"apiVersion":"v1","kind":"List","items":[` +
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hidden","other":"shown"}},"type":"Opaque","data":{"a":"hidden","b":null,"c":["hidden",{"d":5}]},"stringData":{"e":"hidden"}},` +
		`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"shown"}},` +
		`{"apiVersion":"example.org/v1","kind":"Secret","data":{"a":"shown"}},` +
		`{"data":{"a":"hidden"}}]}`
	const want = `{"apiVersion":"v1","items":[` +
		`{"apiVersion":"v1","data":{"a":"••••••","b":null,"c":["••••••",{"d":"••••••"}]},"kind":"Secret","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"••••••","other":"shown"},"name":"s"},"stringData":{"e":"••••••"},"type":"Opaque"},` +
		`{"apiVersion":"v1","data":{"a":"shown"},"kind":"ConfigMap"},` +
		`{"apiVersion":"example.org/v1","data":{"a":"shown"},"kind":"Secret"},` +
		`{"data":{"a":"••••••"}}],"kind":"List"}`
	_, root := readOne(t, text)
	before := string(EncodeJSON(root))
	id, _ := IsKubernetes(root)
	if diff := cmp.Diff(want, string(EncodeJSON(Redacted(root, id)))); diff != "" {
		t.Error(diff)
	}
	if string(EncodeJSON(root)) != before {
		t.Error("the value itself was changed")
	}
}

func TestSensitive(t *testing.T) {
	secret, config, list := ID{Version: "v1", Kind: "Secret"}, ID{Version: "v1", Kind: "ConfigMap"}, ID{Version: "v1", Kind: "List"}
	for _, test := range []struct {
		id   ID
		path Path
		want bool
	}{
		{secret, steps("data"), true},
		{secret, steps("data", "a"), true},
		{secret, steps("stringData", "a", "b"), true},
		{secret, steps("metadata", "name"), false},
		{secret, steps("type"), false},
		{secret, nil, false},
		{config, steps("data", "a"), false},
		{config, steps("metadata", "annotations", lastApplied), true},
		{config, steps("metadata", "annotations", "a"), false},
		{list, steps("items", 0, "data", "a"), true},
		{list, steps("items", 0, "metadata", "annotations", lastApplied), true},
		{list, steps("items", 0, "spec"), false},
		{ID{Version: "v1", Kind: "SecretList"}, steps("items", 0, "data"), true},
		{ID{Version: "v1", Kind: "ConfigMapList"}, steps("items", 0, "data"), false},
		{ID{Group: "example.org", Version: "v1", Kind: "Secret"}, steps("data"), false},
	} {
		if got := Sensitive(test.id, test.path); got != test.want {
			t.Errorf("%s %s: %v", test.id.Kind, test.path, got)
		}
	}
}
