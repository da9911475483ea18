package safeguard

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// call is a program that checks, called by a script.
type call struct {
	tool    string
	words   []string // from the tool on
	ignored string   // why its failure does not count; empty if it does
	when    string   // the condition that it depends on
}

// tools are the programs that gates are made of, and which of their commands check.
var tools = map[string][]string{
	"holdfast": {"scan", "verify", "check", "policy", "plan", "drift", "ledger", "hook"},
	"trivy":    nil, "grype": nil, "checkov": nil, "kubescape": nil, "conftest": nil, "kube-linter": nil,
	"kubeconform": nil, "tfsec": nil, "terrascan": nil, "kics": nil, "snyk": nil, "gitleaks": nil,
	"trufflehog": nil, "semgrep": nil, "hadolint": nil, "actionlint": nil, "zizmor": nil, "kyverno": nil,
	"polaris": nil, "osv-scanner": nil, "govulncheck": nil, "cosign": {"verify", "verify-attestation", "verify-blob"},
}

// inert are programs that do not run what their arguments name.
var inert = []string{
	"echo", "printf", "cat", "true", "false", ":", "test", "[", "[[", "which", "type", "hash", "command", "ls", "rm", "cp", "mv", "mkdir",
	"chmod", "curl", "wget", "install", "apt", "apt-get", "apk", "dnf", "yum", "brew", "pip", "pip3", "tar", "export", "alias", "unalias",
	"git", "grep", "sed", "awk", "tee", "head", "tail", "sleep", "kill", "pkill", "cd", "read", "ln", "touch", "find", "sha256sum", "base64",
}

// calls returns the programs of a script that check. Errexit says whether the
// shell stops at the first failure, pipefail whether that of any part of a pipe
// counts. A script that is broken calls nothing.
func calls(script string, errexit, pipefail bool) []call {
	const most = 256 << 10
	if len(script) > most {
		return nil
	}
	// Expressions of pipelines are no shell, and may stand anywhere.
	script = strings.NewReplacer("${{", "'{", "}}", "}'").Replace(script)
	parsed, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		return nil
	}
	r := &scriptReader{errexit: errexit, pipefail: pipefail, shadowed: map[string]bool{}}
	r.statements(parsed.Stmts, where{last: true}, 0)
	return r.found
}

// where is what surrounds a statement.
type where struct {
	last    bool   // the status of the script is its status
	ignored string // why its status is lost
	when    string
}

type scriptReader struct {
	errexit, pipefail bool
	over              bool            // nothing after this runs
	trapped           string          // why the status of the whole script is lost
	shadowed          map[string]bool // names of functions and aliases
	found             []call
}

const maxNesting = 60

func (r *scriptReader) statements(all []*syntax.Stmt, in where, depth int) {
	for i, s := range all {
		here := in
		here.last = in.last && i == len(all)-1
		r.statement(s, here, depth)
	}
}

func (r *scriptReader) statement(s *syntax.Stmt, in where, depth int) {
	if s == nil || s.Cmd == nil || depth > maxNesting {
		return
	}
	switch {
	case s.Negated:
		in = in.lost("`!` turns its failure around")
	case s.Background:
		in = in.lost("it runs in the background, and nobody waits for it")
	}
	depth++
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		r.call(cmd, in)
	case *syntax.BinaryCmd:
		r.binary(cmd, in, depth)
	case *syntax.Block:
		r.statements(cmd.Stmts, in, depth)
	case *syntax.Subshell:
		over := r.over
		r.statements(cmd.Stmts, in, depth)
		r.over = over
	case *syntax.IfClause:
		r.branches(cmd, in, depth)
	case *syntax.WhileClause:
		r.statements(cmd.Cond, in.lost("a loop asks for its result"), depth)
		r.statements(cmd.Do, in.under("a loop"), depth)
	case *syntax.ForClause:
		r.statements(cmd.Do, in.under("a loop"), depth)
	case *syntax.CaseClause:
		for _, item := range cmd.Items {
			r.statements(item.Stmts, in.under("a case"), depth)
		}
	case *syntax.TimeClause:
		r.statement(cmd.Stmt, in, depth)
	case *syntax.FuncDecl:
		r.shadowed[cmd.Name.Value] = true
	}
}

func (w where) lost(why string) where {
	if w.ignored == "" {
		w.ignored = why
	}
	w.last = false
	return w
}

func (w where) under(condition string) where {
	w.when = strings.TrimSpace(w.when + " " + condition)
	return w
}

func (r *scriptReader) binary(cmd *syntax.BinaryCmd, in where, depth int) {
	left, right := in, in
	switch cmd.Op {
	case syntax.OrStmt:
		if !fails(cmd.Y, 0) {
			left = in.lost("`|| " + first(cmd.Y) + "` makes its failure a success")
		}
		right = in.under("after a failure")
	case syntax.AndStmt:
		// A shell does not stop at the failure of what is followed by &&.
		if !in.last {
			left = in.lost("it is followed by `&&`, where a failure stops nothing")
		}
		if !plain(cmd.X) {
			right = in.under("after " + first(cmd.X))
		}
	case syntax.Pipe, syntax.PipeAll:
		if !r.pipefail {
			left = in.lost("it is piped to `" + first(cmd.Y) + "`, whose result counts instead")
		}
	}
	r.statement(cmd.X, left, depth)
	over := r.over
	r.statement(cmd.Y, right, depth)
	if cmd.Op == syntax.OrStmt || cmd.Op == syntax.AndStmt && !plain(cmd.X) {
		r.over = over
	}
}

func (r *scriptReader) branches(cmd *syntax.IfClause, in where, depth int) {
	over := r.over
	cond := in
	ends := cmd.Else != nil && failing(cmd.Else.Then, 0) || failing(cmd.Then, 0)
	if !ends {
		cond = in.lost("`if` asks for its result")
	} else {
		cond.last = true // whoever asks ends the script
	}
	r.statements(cmd.Cond, cond, depth)
	text := "if"
	if len(cmd.Cond) > 0 {
		text = "if " + first(cmd.Cond[0])
	}
	r.statements(cmd.Then, in.under(text), depth)
	if cmd.Else != nil {
		r.branches(cmd.Else, in.under("else"), depth)
	}
	r.over = over
}

func (r *scriptReader) call(cmd *syntax.CallExpr, in where) {
	words := wordsOf(cmd)
	if len(words) == 0 {
		return
	}
	name := path.Base(words[0])
	switch {
	case name == "exit" || name == "exec" && len(words) > 1 && find(words) < 0:
		r.over = r.over || in.when == ""
	case name == "set":
		r.set(words[1:])
	case name == "trap" && len(words) > 1 && strings.Contains(words[1], "exit 0"):
		r.trapped = "a trap ends the script with success"
	case name == "alias":
		for _, w := range words[1:] {
			alias, _, _ := strings.Cut(w, "=")
			r.shadowed[alias] = true
		}
	}
	at := find(words)
	if at < 0 {
		return
	}
	c := call{tool: nameOf(words[at]), words: words[at:], ignored: in.ignored, when: in.when}
	switch {
	case c.ignored != "":
	case r.shadowed[c.tool]:
		c.ignored = "a function or alias of its name takes its place"
	case r.over:
		c.ignored = "the script ends before it"
	case r.trapped != "":
		c.ignored = r.trapped
	case !r.errexit && !in.last:
		c.ignored = "the script goes on when it fails"
	}
	r.found = append(r.found, c)
}

// set follows the options of the shell.
func (r *scriptReader) set(words []string) {
	for i, w := range words {
		on := strings.HasPrefix(w, "-")
		if !on && !strings.HasPrefix(w, "+") {
			continue
		}
		flags := w[1:]
		if strings.Contains(flags, "e") {
			r.errexit = on
		}
		if strings.HasSuffix(flags, "o") && i+1 < len(words) {
			switch words[i+1] {
			case "errexit":
				r.errexit = on
			case "pipefail":
				r.pipefail = on
			}
		}
	}
}

// find returns which word is a program that checks; -1 if none is.
func find(words []string) int {
	if slices.Contains(inert, path.Base(words[0])) {
		return -1
	}
	for i, w := range words {
		commands, known := tools[nameOf(w)]
		if !known || strings.HasPrefix(w, "-") {
			continue
		}
		rest := words[i+1:]
		if slices.ContainsFunc(rest, func(w string) bool { return w == "--help" || w == "-h" || w == "--version" || w == "version" }) {
			return -1
		}
		if commands != nil && !slices.ContainsFunc(rest, func(w string) bool { return slices.Contains(commands, w) }) {
			return -1
		}
		return i
	}
	return -1
}

// nameOf returns the program that a word names: a path, an image or a module with
// a version.
func nameOf(word string) string {
	word, _, _ = strings.Cut(word, "@")
	name := path.Base(word)
	name, _, _ = strings.Cut(name, ":")
	return strings.TrimSuffix(name, ".exe")
}

// fails reports whether a statement ends the script with a failure.
func fails(s *syntax.Stmt, depth int) bool {
	if s == nil || depth > maxNesting {
		return false
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		words := wordsOf(cmd)
		if len(words) == 0 {
			return false
		}
		ends := words[0] == "exit" || words[0] == "return"
		return words[0] == "false" || ends && len(words) > 1 && words[1] != "0"
	case *syntax.Block:
		return failing(cmd.Stmts, depth+1)
	case *syntax.Subshell:
		return failing(cmd.Stmts, depth+1)
	}
	return false
}

func failing(all []*syntax.Stmt, depth int) bool {
	return len(all) > 0 && fails(all[len(all)-1], depth)
}

// plain reports whether a statement surely succeeds, or is a check itself.
func plain(s *syntax.Stmt) bool {
	cmd, ok := s.Cmd.(*syntax.CallExpr)
	if !ok {
		return false
	}
	words := wordsOf(cmd)
	return len(words) > 0 && (find(words) >= 0 || slices.Contains([]string{"cd", "set", "echo", "mkdir", "export"}, words[0]))
}

// first returns the first word of a statement, for people.
func first(s *syntax.Stmt) string {
	if cmd, ok := s.Cmd.(*syntax.CallExpr); ok {
		if words := wordsOf(cmd); len(words) > 0 {
			return strings.Join(words[:min(len(words), 4)], " ")
		}
	}
	return "…"
}

// wordsOf returns the words of a command without quotes. What is only known when it
// runs is kept as it is written.
func wordsOf(cmd *syntax.CallExpr) (words []string) {
	for _, w := range cmd.Args {
		words = append(words, textOf(w.Parts))
	}
	return words
}

func textOf(parts []syntax.WordPart) string {
	var out strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			out.WriteString(strings.ReplaceAll(p.Value, "\\\n", ""))
		case *syntax.SglQuoted:
			out.WriteString(p.Value)
		case *syntax.DblQuoted:
			out.WriteString(textOf(p.Parts))
		case *syntax.ParamExp:
			if p.Param != nil {
				out.WriteString("$" + p.Param.Value)
			}
		default:
			out.WriteString("$(…)")
		}
	}
	return out.String()
}
