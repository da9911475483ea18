package resource

import "testing"

func TestDialects(t *testing.T) {
	for _, test := range []struct {
		text   string
		yaml11 Kind
		yaml12 Kind
		reason string
	}{
		{"on", Bool, String, "a word of YAML 1.1"},
		{"Yes", Bool, String, "a word of YAML 1.1"},
		{"y", Bool, String, "a word of YAML 1.1"},
		{"off", Bool, String, "a word of YAML 1.1"},
		{"true", Bool, Bool, "a boolean of both"},
		{"~", Null, Null, "null of both"},
		{"0644", Int, Int, "octal in 1.1, decimal in 1.2"},
		{"0o17", Int, Int, "octal of both"},
		{"0x1F", Int, Int, "hexadecimal"},
		{"0b11", Int, String, "binary is of 1.1 only"},
		{"1_000", Int, String, "underscores are of 1.1 only"},
		{"1e3", Int, Int, "a float with a whole value"},
		{"1.5", Float, Float, "a float"},
		{"0x-1", String, String, "no number"},
		{"1.2.3", String, String, "a version"},
	} {
		for dialect, want := range map[Dialect]Kind{YAML11: test.yaml11, YAML12: test.yaml12} {
			var v Value
			if dialect.resolve(&v, test.text); v.Kind != want {
				t.Errorf("%s (%s) in dialect %d: kind %d, want %d", test.text, test.reason, dialect, v.Kind, want)
			}
		}
	}
	docs, err := ParseDialect(yamlFile("on: 0644\nyes: 0x10\n010: no\n"), YAML12)
	if err != nil {
		t.Fatal(err)
	}
	root := docs[0].Root
	if root.Get("on").Int != 644 || root.Get("yes").Int != 16 || root.Get("010").Str != "no" {
		t.Errorf("got %+v", root.Fields)
	}
}
