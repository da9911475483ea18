package compose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/compose"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func TestClaims(t *testing.T) {
	for name, want := range map[string]bool{
		"compose.yaml": true, "a/compose.yml": true, "docker-compose.yml": true, "docker-compose.prod.yaml": true,
		"docker-compose-dev.yml": true, "compose.override.yaml": true, "Docker-Compose.yml": true,
		"compose": false, "compose.json": false, "composer.yaml": false, "my-compose.yaml": false, "compose.go": false,
	} {
		if got := compose.Claims(nil, name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

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
	}
	return v.Str
}

func parse(t *testing.T, files map[string]string) *resource.Value {
	t.Helper()
	all, err := compose.Parse(source.Memory(files), source.NewFile("compose.yaml", []byte(files["compose.yaml"])))
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	checkSpans(t, all[0].Root, len(files["compose.yaml"]))
	return all[0].Root
}

func checkSpans(t *testing.T, v *resource.Value, size int) {
	if v.Span.Start < 0 || v.Span.End < v.Span.Start || v.Span.End > size {
		t.Fatalf("span %v of %q is not in the %d bytes of the file", v.Span, v.Str, size)
	}
	for _, item := range v.Items {
		checkSpans(t, item, size)
	}
	for _, f := range v.Fields {
		checkSpans(t, f.Value, size)
	}
}

func TestFields(t *testing.T) {
	for _, test := range []struct{ reason, field, text, want string }{
		{"a short port", "ports", `["80"]`, "[{key: 80, target: 80}]"},
		{"a number", "ports", `[80]`, "[{key: 80, target: 80}]"},
		{"published", "ports", `["8080:80/udp"]`, "[{key: 8080:80/udp, target: 80, published: 8080, protocol: udp}]"},
		{"an address", "ports", `["127.0.0.1:8080:80"]`, "[{key: 127.0.0.1:8080:80, target: 80, published: 8080, hostIP: 127.0.0.1}]"},
		{"an address without a port", "ports", `["127.0.0.1::80"]`, "[{key: 127.0.0.1::80, target: 80, hostIP: 127.0.0.1}]"},
		{"an address of IPv6", "ports", `["[::1]:8080:80"]`, "[{key: [::1]:8080:80, target: 80, published: 8080, hostIP: ::1}]"},
		{"base 60 of YAML 1.1", "ports", `[22:22]`, "[{key: 22:22, target: 22, published: 22}]"},
		{"unknown in part", "ports", `["${PORT}:80"]`, "[{key: <the variable PORT has no default>, target: 80, published: <the variable PORT has no default>}]"},
		{"the long form", "ports", `[{target: 80, host_ip: 127.0.0.1, published: "8080"}]`, "[{key: 80, target: 80, hostIP: 127.0.0.1, published: 8080}]"},
		{"a bind mount", "volumes", `["./a:/b:ro,z"]`, "[{key: /b, type: bind, source: ./a, target: /b, readOnly: true}]"},
		{"a volume", "volumes", `["a:/b", "/c"]`, "[{key: /b, type: volume, source: a, target: /b}, {key: /c, type: volume, target: /c}]"},
		{"a drive", "volumes", `['C:\a:/b']`, `[{key: /b, type: bind, source: C:\a, target: /b}]`},
		{"an unknown source", "volumes", `["${DIR}/x:/b"]`, "[{key: /b, type: <the variable DIR has no default>, source: <the variable DIR has no default>, target: /b}]"},
		{"a map of variables", "environment", `{A: 1, B: yes, C: , D: "${E:-f}"}`,
			"[{name: A, value: 1, text: 1}, {name: B, value: yes, text: yes}, {name: C}, {name: D, value: f, text: ${E:-f}}]"},
		{"a list of variables", "environment", `[A=1=2, B, "C=${D}"]`,
			"[{name: A, value: 1=2, text: 1=2}, {name: B}, {name: C, value: <the variable D has no default>, text: ${D}}]"},
		{"yes is true", "privileged", `yes`, "true"},
		{"a text that is true", "privileged", `"true"`, "true"},
		{"unknown", "privileged", `"${P}"`, "<the variable P has no default>"},
		{"a command", "command", `serve --name "a b"`, "[serve, --name, a b]"},
		{"words", "command", `[serve, "$${X}"]`, "[serve, ${X}]"},
		{"one text for a list", "tmpfs", `/tmp`, "[/tmp]"},
		{"hosts", "extra_hosts", `{a: 1.2.3.4}`, "[a:1.2.3.4]"},
		{"networks", "networks", `[a, b]`, "[{name: a}, {name: b}]"},
		{"networks as a map", "networks", `{a: , b: {ipv4_address: 1.2.3.4}}`, "[{name: a}, {name: b, ipv4_address: 1.2.3.4}]"},
		{"a build", "build", `{context: ., args: [A=b], ssh: default, privileged: on}`,
			"{context: ., args: [{name: A, value: b, text: b}], ssh: [default], privileged: true}"},
		{"a device", "devices", `["/dev/a:/dev/b:rw"]`, "[{key: /dev/a, source: /dev/a, target: /dev/b, permissions: rw}]"},
		{"secrets", "secrets", `[a, {source: b, mode: "0400"}]`, "[{source: a}, {source: b, mode: 0400}]"},
		{"nested defaults, and $$", "hostname", `"${A:-${B-x$$y}}${C:+z}"`, "x$y"},
		{"from .env", "hostname", `"${FROM_ENV}-${QUOTED}-${EMPTY:-none}"`, "value-a b-none"},
	} {
		root := parse(t, map[string]string{
			"compose.yaml": "services:\n  web:\n    image: a\n    " + test.field + ": " + test.text + "\n",
			".env":         "FROM_ENV=value # a comment\nexport QUOTED=\"a b\"\nEMPTY=\n# X=1\n",
		})
		if got := show(root.Get("services").Items[0].Get(test.field)); got != test.want {
			t.Errorf("%s: %s\nwant %s", test.reason, got, test.want)
		}
	}
}

func TestServices(t *testing.T) {
	root := parse(t, map[string]string{"compose.yaml": `
x-base: &base {read_only: true, cap_drop: [ALL]}
services:
  base: {image: "base:1", environment: {A: 1}, cap_add: [NET_RAW]}
  web: {<<: *base, extends: base, image: "web:2", environment: {B: 2}, cap_add: [SYS_TIME]}
  other: {extends: {service: far, file: other/compose.yaml}}
  circle: {extends: circle}
  lost: {extends: {service: x, file: missing.yaml}}
networks: {front: {external: true, name: shared}, back: }
`, "other/compose.yaml": "services: {far: {extends: near}, near: {image: \"far:1\", privileged: true}}"})
	want := []string{
		"{name: base, complete: true, image: IMAGE, environment: [{name: A, value: 1, text: 1}], cap_add: [NET_RAW]}",
		"{name: web, complete: true, image: IMAGE, environment: [{name: A, value: 1, text: 1}, {name: B, value: 2, text: 2}], cap_add: [NET_RAW, SYS_TIME], read_only: true, cap_drop: [ALL], extends: base}",
		"{name: other, complete: true, image: IMAGE, privileged: true, extends: {service: far, file: other/compose.yaml}}",
		"{name: circle, complete: false, extends: circle}",
		"{name: lost, complete: false, extends: {service: x, file: missing.yaml}}",
	}
	for i, s := range root.Get("services").Items {
		got := show(s)
		if im := s.Get("image"); im != nil {
			got = strings.Replace(got, show(im), "IMAGE", 1)
		}
		if got != want[i] {
			t.Errorf("%s\nwant %s", got, want[i])
		}
	}
	if got := show(root.Get("networks")); got != "[{name: front, external: true, alias: shared}, {name: back}]" {
		t.Error(got)
	}
}

func TestOtherFormats(t *testing.T) {
	for reason, text := range map[string]string{
		"a Kubernetes object": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
		"a template":          "services:\n  {{ range .x }}\n  a: {}\n",
		"a list":              "- a\n",
		"something else":      "version: 1\n",
	} {
		if all, err := compose.Parse(nil, source.NewFile("compose.yaml", []byte(text))); !errors.Is(err, render.ErrOtherFormat) || len(all) > 0 {
			t.Errorf("%s: %v", reason, err)
		}
	}
	_, err := compose.Parse(nil, source.NewFile("compose.yaml", []byte("services:\n  a: {image: x\n")))
	if _, ok := errors.AsType[*resource.SyntaxError](err); !ok {
		t.Errorf("broken YAML: %v", err)
	}
}

func TestProblems(t *testing.T) {
	text := "services:\n  web:\n    image: a:1\n    cap_add: [{a: b}, ALL]\n    deploy: [x]\n    ports: [{published: 80}]\n"
	all, err := compose.Parse(nil, source.NewFile("compose.yaml", []byte(text)))
	want := "compose.yaml:4:15: a text is expected here\ncompose.yaml:5:13: a map is expected here\ncompose.yaml:6:13: the port has no target"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if got := show(all[0].Root.Get("services").Items[0].Get("cap_add")); got != "[ALL]" {
		t.Errorf("what can be read is %s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("services:\n  a: {image: \"x:${V:-1}\", ports: [\"127.0.0.1:80:80\", 22:22], volumes: [\"./a:/b:ro\"], extends: b}\n  b: {command: a \"b\"}\n")
	f.Add("services: {a: {build: {args: [A=$B]}, environment: {X: ${Y}}, devices: [/a:/b], networks: {n: }, privileged: yes}}\nnetworks: {n: }")
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := compose.Parse(nil, source.NewFile("compose.yaml", []byte(text))) // any error is right for what is broken
		for _, r := range all {
			checkSpans(t, r.Root, len(text))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte("services:\n" + strings.Repeat(`  a:
    image: "registry.example/web:${V:-1}"
    ports: ["127.0.0.1:8080:80"]
    environment: {A: b, C: "${D:-e}"}
    volumes: ["./x:/y:ro"]
`, 1) + "  b:\n    image: postgres:17\n    restart: always\n    deploy: {resources: {limits: {cpus: \"1\", memory: 1g}}}\n")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := compose.Parse(nil, source.NewFile("compose.yaml", text)); err != nil {
			b.Fatal(err)
		}
	}
}
