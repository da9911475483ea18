package workflow

import (
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/render/shell"
	"github.com/holdfast-dev/holdfast/resource"
)

// script is the text of a `run`.
type script struct {
	template *template
	lines    []line
	writes   []write
	flows    []flow // of the lines, once they are asked for
}

// line is what a shell takes for one: without the line breaks that a backslash
// hides, and no comment. Start and end are offsets in the text.
type line struct {
	text       string
	start, end int
}

// write is what a line hands to later steps. The variable is empty when it cannot
// be told.
type write struct {
	file     string // GITHUB_ENV, GITHUB_PATH or GITHUB_OUTPUT
	variable string
	line     int
}

var patterns = sync.OnceValue(func() (p struct {
	file, assigned, setOutput, variable, local, clean, event, view *regexp.Regexp
}) {
	p.file = regexp.MustCompile(`(?:>>?|tee(?: -a| --append)?|Out-File|Add-Content)[^;|&]*?\$\{?(?:env:|Env:)?(GITHUB_(?:ENV|PATH|OUTPUT))\b|\$\{?(?:env:|Env:)(GITHUB_(?:ENV|PATH|OUTPUT))\b|environ\S*?(GITHUB_(?:ENV|PATH|OUTPUT))\b`)
	p.assigned = regexp.MustCompile(`^(?:(?:echo|printf|Write-Output)\s+(?:-\w+\s+)*)?["'(]*([A-Za-z_][A-Za-z0-9_-]*)(=|<<)`)
	p.setOutput = regexp.MustCompile(`::set-output name=([A-Za-z0-9_-]+)::`)
	p.variable = regexp.MustCompile(`\$\{?(?:env:|Env:)?([A-Za-z_][A-Za-z0-9_]*)|%([A-Za-z_][A-Za-z0-9_]*)%`)
	p.local = regexp.MustCompile(`^(?:export |local |declare |readonly |\$)?([A-Za-z_][A-Za-z0-9_]*)\s?=`)
	p.clean = regexp.MustCompile(`\btr -(d|dc|cd)\b|\bbase64\b|\b(sha\d*|md5)sum\b|\bwc\b|@base64|@sh\b|%q|=~|\$\{#|\bjq -[a-zA-Z]*R|ConvertTo-Json`)
	p.event = regexp.MustCompile(`\.(title|body|message|ref|head_branch|label|description|email|page_name)\b`)
	p.view = regexp.MustCompile(`\bgh (pr|issue) view\b.*\b(title|body|headRefName|comments|commits)\b`)
	return p
})

// scriptOf returns the script of a step, which is empty for those that run none.
func (r *reader) scriptOf(j *job, i int) *script {
	s := j.steps[i]
	if s.script != nil {
		return s.script
	}
	s.script = &script{}
	run := s.raw.Get("run")
	if run.Text() == "" {
		return s.script
	}
	t := r.template(run)
	if t == nil {
		t = &template{text: run.Str, place: &placer{file: r.file, value: run}}
	}
	s.script.template = t
	s.script.lines = linesOf(t.text)
	s.script.writes = writesOf(s.script.lines)
	return s.script
}

func linesOf(text string) (all []line) {
	for at := 0; at < len(text); {
		start := at
		end := start
		for {
			n := strings.IndexByte(text[at:], '\n')
			if n < 0 {
				at, end = len(text), len(text)
				break
			}
			end = at + n
			at = end + 1
			if !strings.HasSuffix(text[start:end], "\\") && !strings.HasSuffix(text[start:end], " `") {
				break
			}
		}
		for start < end && (text[start] == ' ' || text[start] == '\t') {
			start++
		}
		end = start + len(strings.TrimRight(text[start:end], " \t\r"))
		if start == end || text[start] == '#' {
			continue
		}
		one := text[start:end]
		if strings.Contains(one, "\n") {
			one = strings.Join(strings.Fields(strings.NewReplacer("\\\n", " ", "`\n", " ").Replace(one)), " ")
		}
		all = append(all, line{one, start, end})
	}
	return all
}

// writesOf finds what the lines of a script hand to later steps.
func writesOf(lines []line) (all []write) {
	open := ""  // the variable of a value of several lines
	group := -1 // the line of an opening brace
	for i, l := range lines {
		if l.text == "{" || l.text == "(" {
			group = i
		}
		if !strings.Contains(l.text, "GITHUB_") && !strings.Contains(l.text, "::set-output") {
			continue
		}
		if m := patterns().setOutput.FindStringSubmatch(l.text); m != nil {
			all = append(all, write{"GITHUB_OUTPUT", m[1], i})
			continue
		}
		m := patterns().file.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		file := m[1] + m[2] + m[3]
		first := i
		if strings.HasPrefix(l.text, "}") || strings.HasPrefix(l.text, ")") {
			first = max(group+1, 0)
		}
		for at := first; at <= i; at++ {
			if at == i && first < i {
				break
			}
			if name := patterns().assigned.FindStringSubmatch(lines[at].text); name != nil && open == "" {
				all = append(all, write{file, name[1], at})
				if name[2] == "<<" {
					open = name[1]
				}
				continue
			}
			all = append(all, write{file, open, at})
			if isDelimiter(lines[at].text) {
				open = ""
			}
		}
	}
	return all
}

// isDelimiter reports whether a line writes the end of a value of several lines.
func isDelimiter(text string) bool {
	rest, ok := strings.CutPrefix(text, "echo ")
	word, _, _ := strings.Cut(strings.Trim(rest, `"' `), " ")
	word = strings.Trim(word, `"'`)
	return ok && word != "" && (strings.Contains(strings.ToUpper(word), "EOF") || strings.Contains(strings.ToLower(word), "delim") || word == strings.ToUpper(word) && !strings.Contains(word, "$"))
}

func (r *reader) writeFlow(w write, in *scope) flow {
	return r.lineFlows(in.job, in.step)[w.line]
}

// lineFlows returns what flows into each line of a script, by expressions and by
// variables, also those that lines before it set.
func (r *reader) lineFlows(j *job, i int) []flow {
	s := r.scriptOf(j, i)
	if s.flows != nil || len(s.lines) == 0 {
		return s.flows
	}
	s.flows = make([]flow, len(s.lines))
	locals := map[string]flow{}
	in := &scope{job: j, step: i, own: true}
	for n, l := range s.lines {
		if patterns().clean.MatchString(l.text) {
			continue
		}
		f := r.flowBetween(s.template, l.start, l.end, in)
		for _, m := range patterns().variable.FindAllStringSubmatch(l.text, 100) {
			f = f.join(r.shellVariable(m[1]+m[2], l.text, locals, in))
		}
		if patterns().view.MatchString(l.text) {
			f = f.join(flow{taint: "gh " + patterns().view.FindStringSubmatch(l.text)[1] + " view"})
		}
		if m := patterns().local.FindStringSubmatch(l.text); m != nil {
			locals[m[1]] = f
		}
		s.flows[n] = f
	}
	return s.flows
}

func (r *reader) shellVariable(name, line string, locals map[string]flow, in *scope) flow {
	if f, ok := locals[name]; ok {
		return f
	}
	switch name {
	case "GITHUB_HEAD_REF":
		return flow{taint: "github.head_ref", head: "github.head_ref", mutable: true, via: "$" + name}
	case "GITHUB_EVENT_PATH":
		if patterns().event.MatchString(line) {
			return flow{taint: "github.event", via: "$" + name}
		}
		return flow{}
	}
	return r.variable(name, in).through("$" + name)
}

// scriptFlow joins what flows into the lines of a script.
func (r *reader) scriptFlow(j *job, i int) (out flow) {
	for _, f := range r.lineFlows(j, i) {
		out = out.join(f)
	}
	return out
}

// run returns the script of a step with the shell that runs it.
func (r *reader) run(j *job, i int) *resource.Value {
	s := j.steps[i]
	raw := s.raw.Get("run")
	out := resource.NewMap(raw.Span).Put("text", raw)
	shellOf := s.raw.Get("shell")
	for _, of := range []*resource.Value{j.raw, r.root} {
		if shellOf == nil {
			shellOf = of.Get("defaults").Get("run").Get("shell")
		}
	}
	out.Put("shell", shellOf)
	lines := resource.NewList(raw.Span)
	sc := r.scriptOf(j, i)
	for _, l := range sc.lines {
		lines.Items = append(lines.Items, resource.NewText(l.text, sc.template.place.span(l.start, l.end)))
	}
	out.Put("lines", lines)
	return out.Put("commands", r.commands(j, s, shellOf))
}

// commands returns the simple commands of a script for a POSIX shell or bash.
func (r *reader) commands(j *job, s *step, of *resource.Value) *resource.Value {
	interpreter, _, _ := strings.Cut(of.Text(), " ")
	windows := false
	for _, label := range texts(j.raw.Get("runs-on")) {
		windows = windows || strings.HasPrefix(label, "windows-")
	}
	out := resource.NewList(s.raw.Get("run").Span)
	if interpreter == "" && windows || interpreter != "" && interpreter != "bash" && interpreter != "sh" || s.script == nil || s.script.template == nil {
		return out
	}
	t := s.script.template
	// A script that cannot be read to its end is judged as far as it can.
	out.Items, _ = shell.Commands(shell.Script{Text: t.blank(), Span: t.place.span})
	if len(t.exprs) > 0 {
		t.restore(out)
	}
	return out
}

// writes returns what a step hands to later ones, with who chooses it.
func (r *reader) writes(in *scope) *resource.Value {
	s := r.scriptOf(in.job, in.step)
	if len(s.writes) == 0 {
		return nil
	}
	out := resource.NewList(s.template.place.value.Span)
	for _, w := range s.writes {
		l := s.lines[w.line]
		at := s.template.place.span(l.start, l.end)
		one := resource.NewMap(at).Put("file", resource.NewText(w.file, at))
		if w.variable != "" {
			one.Put("name", resource.NewText(w.variable, at))
		}
		out.Items = append(out.Items, one.Put("taint", taintValue(r.writeFlow(w, in), at)))
	}
	return out
}
