package shell

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// command is what a value is made of.
type command struct {
	name    *resource.Value
	args    []*resource.Value
	assigns []*resource.Value
	writes  []*resource.Value
	feeds   []*resource.Value
}

func (r *reader) add(c command) {
	all := append([]*resource.Value{c.name}, c.args...)
	if c.name == nil {
		all = c.assigns
	}
	out := resource.NewMap(source.Span{Start: all[0].Span.Start, End: max(all[0].Span.End, all[len(all)-1].Span.End)})
	if c.name != nil {
		out.Put("name", program(c.name))
		out.Put("args", resource.NewList(after(c.name, c.args), c.args...))
	}
	for _, list := range []struct {
		key   string
		items []*resource.Value
	}{{"assigns", c.assigns}, {"writes", c.writes}, {"feeds", c.feeds}} {
		if len(list.items) > 0 {
			out.Put(list.key, resource.NewList(source.Span{}, list.items...))
		}
	}
	r.found = append(r.found, out)
}

// program returns a name without its directory.
func program(name *resource.Value) *resource.Value {
	if name.Unknown() != "" || !strings.Contains(name.Str, "/") || strings.ContainsAny(name.Str, "$`") {
		return name
	}
	return resource.NewText(path.Base(name.Str), name.Span)
}

// after returns where the arguments of a command are, or would be.
func after(name *resource.Value, args []*resource.Value) source.Span {
	if len(args) == 0 {
		return name.Span
	}
	return source.Span{}
}

// call adds a command and those that its arguments run.
func (r *reader) call(words, feeds []*resource.Value, with *command) {
	for range maxWrapped {
		if len(words) == 0 {
			return
		}
		c := command{name: words[0], args: words[1:], feeds: feeds}
		if with != nil {
			c.assigns, c.writes = with.assigns, with.writes
		}
		r.add(c)
		words = r.wrapped(path.Base(words[0].Str), words[1:])
	}
}

// wrapper is a program that runs the command in its arguments.
type wrapper struct {
	withValue string // options that have a value of their own
	skip      int    // operands before the command
	assigns   bool   // whether X=1 may come before the command
}

func wrapperOf(name string) (w wrapper, ok bool) {
	switch name {
	case "sudo", "doas":
		return wrapper{withValue: "-u -g -U -C -D -R -T -p -r -t -h --user --group --chdir", assigns: true}, true
	case "env":
		return wrapper{withValue: "-u -C --unset --chdir", assigns: true}, true
	case "xargs":
		return wrapper{withValue: "-n -P -I -L -d -a -E -s --max-args --max-procs --delimiter --arg-file"}, true
	case "timeout":
		return wrapper{withValue: "-k -s --kill-after --signal", skip: 1}, true
	case "nice", "ionice":
		return wrapper{withValue: "-n -c -p --adjustment"}, true
	case "gosu", "su-exec", "chroot":
		return wrapper{skip: 1}, true
	case "exec", "command", "builtin", "nohup", "time", "eatmydata", "tini", "dumb-init", "setsid", "catchsegv", "stdbuf", "faketime":
		return wrapper{}, true
	}
	return wrapper{}, false
}

// wrapped returns the command in the arguments of another, if there is one.
func (r *reader) wrapped(name string, args []*resource.Value) []*resource.Value {
	switch {
	case name == "find":
		return executed(args)
	case isShell(name), name == "su":
		r.direct(args)
		return nil
	}
	w, ok := wrapperOf(name)
	if !ok {
		return nil
	}
	options := strings.Fields(w.withValue)
	for i := 0; i < len(args); i++ {
		switch word := args[i].Str; {
		case args[i].Unknown() != "":
			return nil
		case word == "--":
		case strings.HasPrefix(word, "-") && len(word) > 1:
			if slices.Contains(options, word) {
				i++
			}
		case w.assigns && strings.Contains(word, "="):
		case w.skip > 0:
			w.skip--
		default:
			return args[i:]
		}
	}
	return nil
}

// direct reads the script of `sh -c` when there is no outer script, so that the
// words are known only as values.
func (r *reader) direct(args []*resource.Value) {
	if r.Span != nil {
		return
	}
	for i := 1; i < len(args); i++ {
		if !isScriptFlag(args[i-1].Str) || args[i].Unknown() != "" {
			continue
		}
		whole := args[i].Span
		inner, _ := commands(Script{Text: args[i].Str, Span: within(whole, args[i].Str)}, r.depth+1) // it is one word of a call, and has no place to complain about
		r.found = append(r.found, inner...)
		return
	}
}

// within converts offsets of a quoted text, if nothing in it is escaped.
func within(whole source.Span, text string) func(start, end int) source.Span {
	if whole.End-whole.Start != len(text)+2 {
		return func(int, int) source.Span { return whole }
	}
	return func(start, end int) source.Span {
		return source.Span{Start: whole.Start + 1 + start, End: whole.Start + 1 + end}
	}
}

// executed returns the command of `find -exec`.
func executed(args []*resource.Value) []*resource.Value {
	for i, a := range args {
		switch a.Str {
		case "-exec", "-execdir", "-ok", "-okdir":
			rest := args[i+1:]
			for n, end := range rest {
				if end.Str == ";" || end.Str == "+" {
					return rest[:n]
				}
			}
			return rest
		}
	}
	return nil
}

func isShell(name string) bool {
	switch name {
	case "sh", "bash", "ash", "dash", "zsh", "ksh":
		return true
	}
	return false
}

// isScriptFlag reports whether the word after this one is a script: -c, -ec, -lc.
func isScriptFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.HasSuffix(word, "c")
}
