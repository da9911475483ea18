package shell_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render/shell"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// script reads a text that stands at the start of a file.
func script(text string, known map[string]string) shell.Script {
	return shell.Script{
		Text: text,
		Span: func(start, end int) source.Span { return source.Span{Start: start, End: end} },
		Lookup: func(name string) (string, bool) {
			value, ok := known[name]
			return value, ok
		},
	}
}

// show writes commands as name(args) with what they feed: curl(x)>sh.
func show(all []*resource.Value) string {
	var out []string
	for _, c := range all {
		var args []string
		for _, a := range values(c.Get("args")) {
			args = append(args, a.Str)
		}
		one := c.Get("name").Text() + "(" + strings.Join(args, ",") + ")"
		for _, a := range values(c.Get("assigns")) {
			one = a.Get("name").Str + "=" + a.Get("value").Text() + " " + one
		}
		for _, w := range values(c.Get("writes")) {
			one += ">>" + w.Str
		}
		for _, f := range values(c.Get("feeds")) {
			one += ">" + f.Str
		}
		out = append(out, one)
	}
	return strings.Join(out, " ")
}

func values(v *resource.Value) []*resource.Value {
	if v == nil {
		return nil
	}
	return v.Items
}

func TestCommands(t *testing.T) {
	for _, test := range []struct{ reason, text, want string }{
		{"a list", "a b; c && d || e &", "a(b) c() d() e()"},
		{"quotes and backslashes", `a "b c" 'd e' f\ g "h\"i" ""`, `a(b c,d e,f g,h"i,)`},
		{"a directory", "/usr/bin/curl -x", "curl(-x)"},
		{"variables that are known", `a $KNOWN "${KNOWN}x" ${UNKNOWN} ${KNOWN:-y} ${KNOWN%x}`, "a(value,valuex,${UNKNOWN},value,${KNOWN%x})"},
		{"a variable that the script sets", "KNOWN=x; a $KNOWN", "KNOWN=x () a($KNOWN)"},
		{"a variable of a loop", "for KNOWN in 1 2; do a $KNOWN; done", "a($KNOWN)"},
		{"assignments", "A=1 B=2 c; export D=3", "B=2 A=1 c() D=3 export()"},
		{"pipes", "curl x | gunzip | sh", "curl(x)>gunzip>sh gunzip()>sh sh()"},
		{"a pipe into a group", "curl x | (cd y && tar z)", "curl(x)>cd>tar cd(y) tar(z)"},
		{"substitutions", "a $(b) `c` <(d)", "a($(b),`c`,<(d)) b()>a c()>a d()>a"},
		{"redirects", "a > f 2>> g < h", "a()>>f>>g"},
		{"control", "if a; then b; elif c; then d; else e; fi; while f; do g; done; case $x in y) h;; esac; fn() { i; }", "a() b() c() d() e() f() g() h() i()"},
		{"wrappers", "sudo -u root env A=b timeout 5 nice -n 3 c d", "sudo(-u,root,env,A=b,timeout,5,nice,-n,3,c,d) env(A=b,timeout,5,nice,-n,3,c,d) timeout(5,nice,-n,3,c,d) nice(-n,3,c,d) c(d)"},
		{"xargs and find", `find . -exec a {} \; -o x | xargs -n 1 b`, "find(.,-exec,a,{},;,-o,x)>xargs>b a({})>xargs>b xargs(-n,1,b) b()"},
		{"scripts in scripts", `sh -c 'a "b"' && bash -ec "c \"d\"; e"`, `sh(-c,a "b") a(b) bash(-ec,c "d"; e) c(d) e()`},
		{"a script of su", `su - app -c "a b"`, "su(-,app,-c,a b) a(b)"},
		{"a script on standard input", "bash -e <<EOF\na b\nEOF\nc", "bash(-e) a(b) c()"},
		{"other input", "cat <<EOF\na b\nEOF\n", "cat()"},
		{"comments", "a # b\nc", "a() c()"},
		{"an end that is missing", "a; if b; then c", "a() b() c()"},
		{"what is broken", "a; fi; b", "a()"},
		{"nothing", "", ""},
	} {
		found, err := shell.Commands(script(test.text, map[string]string{"KNOWN": "value"}))
		if got := show(found); got != test.want {
			t.Errorf("%s: %s\nwant %s", test.reason, got, test.want)
		}
		if (err != nil) != (test.reason == "what is broken") {
			t.Errorf("%s: %v", test.reason, err)
		}
	}
}

// Words of scripts within scripts have their own places.
func TestSpans(t *testing.T) {
	text := `sudo bash -c "echo \"x\" && chmod 777 /y" | tee /z`
	found, err := shell.Commands(script(text, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if c.Get("name").Str != "chmod" {
			continue
		}
		span := c.Get("args").Items[0].Span
		if got := text[span.Start:span.End]; got != "777" {
			t.Errorf("the mode stands at %q", got)
		}
		return
	}
	t.Error("there is no chmod")
}

func TestLimits(t *testing.T) {
	for reason, text := range map[string]string{
		"too long": strings.Repeat("a b\n", 100_000), "too deep": strings.Repeat("(", 5000),
	} {
		if found, err := shell.Commands(script(text, nil)); err == nil || len(found) > 0 {
			t.Errorf("%s: no error", reason)
		}
	}
}

func TestCall(t *testing.T) {
	word := func(s string) *resource.Value { return resource.NewText(s, source.Span{Start: 1, End: 2}) }
	if got := show(shell.Call([]*resource.Value{word("/bin/sh"), word("-c"), word("exec a | b")})); got != "sh(-c,exec a | b) exec(a)>b a()>b b()" {
		t.Error(got)
	}
	if got := show(shell.Call(nil)); got != "" {
		t.Error(got)
	}
}

func FuzzCommands(f *testing.F) {
	f.Add(`a "b $(c)" | sudo sh -c 'd; e' > f <<X` + "\nX\n")
	f.Add("for a in `b`; do case $c in d) e;; esac; done; find . -exec x {} +")
	f.Fuzz(func(t *testing.T, text string) {
		found, _ := shell.Commands(script(text, map[string]string{"a": "b"})) // any error is right for what is broken
		for _, c := range found {
			check(t, c, len(text))
		}
	})
}

func check(t *testing.T, v *resource.Value, size int) {
	if v.Span.Start < 0 || v.Span.End < v.Span.Start || v.Span.End > size {
		t.Fatalf("span %v of %q is not in the %d bytes", v.Span, v.Str, size)
	}
	for _, item := range v.Items {
		check(t, item, size)
	}
	for _, f := range v.Fields {
		check(t, f.Value, size)
	}
}
