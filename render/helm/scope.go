package helm

import (
	"regexp"
	"slices"
	"strings"
)

// scoped is an action with what its dot and its variables stand for.
type scoped struct {
	start, end int
	body       string
	scope      *scope
}

// scope is an enclosing with or range, or what follows a declaration.
type scope struct {
	outer  *scope
	dots   [][]string // chains of .Values that the dot may be
	holder string     // the variable that is declared, if any
	held   [][]string // chains of .Values that it may be
}

// each is the step of a chain to every item of a list or value of a map.
const each = "*"

// ofChart begins a chain that leads to a key of Chart.yaml.
const ofChart = "Chart.yaml"

// chainPattern finds what an expression takes its value from: a field chain,
// which begins at the dot, at $ or at a variable.
var (
	chainPattern = regexp.MustCompile(`(\$\w*)?((?:\.[A-Za-z_]\w*)+)|(\$\w+)|(?:^|[\s(])(\.)(?:$|[\s)])`)
	quotedText   = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	rangeVars    = regexp.MustCompile(`^\s*(?:\$\w+\s*,\s*)?(\$\w+)\s*:=`)
	assignment   = regexp.MustCompile(`^\s*(\$\w+)\s*:?=`)
	// indexed is a chain that goes on with keys in quotes.
	indexed = regexp.MustCompile(`\b(?:index|get)\s+([$.][\w.]*)((?:\s+"[^"\\]*")+)`)
)

// scopes returns the actions of a template, each with its scope.
func scopes(src string) []scoped {
	tokens, _ := lex(src)
	var all []scoped
	var open []*scope // the scope outside of each open block
	var now *scope
	for _, t := range tokens {
		if !t.action || t.comment {
			continue
		}
		all = append(all, scoped{start: t.start, end: t.end, body: t.body, scope: now})
		rest := func(word string) string { return strings.TrimLeft(t.body, spaces)[len(word):] }
		switch word := t.keyword(); word {
		case "with", "range":
			open = append(open, now)
			now = enter(now, rest(word), word == "range")
		case "define", "block":
			open = append(open, now)
			now = nil // its dot is whatever it is called with
		case "if":
			open = append(open, now)
			now = declare(now, rest(word))
		case "else":
			if n := len(open); n > 0 {
				now = otherwise(open[n-1], rest(word))
			}
		case "end":
			if n := len(open); n > 0 {
				now, open = open[n-1], open[:n-1]
			}
		case "":
			now = declare(now, t.body)
		}
	}
	return all
}

// otherwise returns the scope behind an else.
func otherwise(outer *scope, body string) *scope {
	body = strings.TrimLeft(body, spaces)
	if rest, ok := strings.CutPrefix(body, "with "); ok {
		return enter(outer, rest, false)
	}
	return declare(outer, strings.TrimPrefix(body, "if "))
}

// declare returns the scope behind an action, which may set a variable.
func declare(now *scope, body string) *scope {
	m := assignment.FindStringSubmatch(body)
	if m == nil {
		return now
	}
	s := &scope{outer: now, holder: m[1], held: chains(body[len(m[0]):], now)}
	if now != nil {
		s.dots = now.dots
	}
	return s
}

func enter(outer *scope, body string, loop bool) *scope {
	s := &scope{outer: outer}
	if m := rangeVars.FindStringSubmatch(body); m != nil {
		s.holder = m[1]
		body = body[len(m[0]):]
	}
	for _, chain := range chains(body, outer) {
		if loop {
			chain = append(slices.Clone(chain), each)
		}
		s.dots = append(s.dots, chain)
	}
	if len(s.dots) == 0 {
		s.dots = [][]string{nil} // a dot that is not known
	}
	s.held = s.dots
	return s
}

// maxChains bounds the chains that one expression may stand for: variables can be
// made of variables.
const maxChains = 50

// chains returns the chains below .Values that an expression mentions.
func chains(body string, in *scope) [][]string {
	var all [][]string
	for _, m := range indexed.FindAllStringSubmatch(body, -1) {
		for _, chain := range chains(m[1], in) {
			for _, key := range quotedText.FindAllString(m[2], -1) {
				chain = append(slices.Clone(chain), strings.Trim(key, `"`))
			}
			all = append(all, chain)
		}
	}
	body = quotedText.ReplaceAllString(body, `""`)
	for _, m := range chainPattern.FindAllStringSubmatch(body, -1) {
		fields := strings.Split(strings.TrimPrefix(m[2], "."), ".")
		if m[2] == "" {
			fields = nil
		}
		switch base := m[1] + m[3]; {
		case slices.Contains(fields, "Values"): // whatever holds it, there is only one
			all = append(all, append([]string{}, fields[slices.Index(fields, "Values")+1:]...))
		case len(fields) == 2 && fields[0] == "Chart":
			all = append(all, []string{ofChart, strings.ToLower(fields[1][:1]) + fields[1][1:]})
		case base == "$":
		case base == "":
			if in != nil {
				all = append(all, below(in.dots, fields)...)
			}
		default:
			for s := in; s != nil; s = s.outer {
				if s.holder == base {
					all = append(all, below(s.held, fields)...)
					break
				}
			}
		}
	}
	return all[:min(len(all), maxChains)]
}

func below(dots [][]string, fields []string) [][]string {
	var all [][]string
	for _, dot := range dots {
		if dot != nil {
			all = append(all, append(slices.Clone(dot), fields...))
		}
	}
	return all
}
