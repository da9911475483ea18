package gitlab

import (
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/render/script"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// chosen are the variables whose text is chosen by whoever pushes a commit or
// opens a merge request. Names of branches and tags can hold all that a shell
// needs: $, `, ;, & and |.
const chosen = `CI_COMMIT_(?:MESSAGE|TITLE|DESCRIPTION|BRANCH|REF_NAME|TAG|TAG_MESSAGE|AUTHOR)|CI_MERGE_REQUEST_(?:TITLE|DESCRIPTION|SOURCE_BRANCH_NAME|LABELS|MILESTONE)|CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME|GITLAB_USER_NAME|CI_BUILD_REF_NAME`

// patterns find text that a shell, or another program, reads as a script.
var patterns = sync.OnceValue(func() (p struct {
	sinks    []sink
	chosen   *regexp.Regexp
	unquoted *regexp.Regexp
	variable *regexp.Regexp
}) {
	p.sinks = []sink{
		{"eval", regexp.MustCompile(`(?:^|[;&|({]\s*|\s)eval\s[^;]*`)},
		{"shell", regexp.MustCompile(`\b(?:ba|da|z|k|a)?sh\s+(?:-\w+\s+)*-\w*c\s+"(?:[^"\\]|\\.)*"?`)},
		{"shell", regexp.MustCompile(`\b(?:ba|da|z|k|a)?sh\s+(?:-\w+\s+)*-\w*c\s+\$[^\s;]+`)},
		{"ssh", regexp.MustCompile(`\bssh\s[^;|&"]*"(?:[^"\\]|\\.)*"?`)},
		{"code", regexp.MustCompile(`\b(?:python[0-9.]*|node|ruby|perl|php|mysql|psql)\s(?:[^;|&"]*\s)?-(?:c|e|r)\s*"(?:[^"\\]|\\.)*"?`)},
	}
	p.chosen = regexp.MustCompile(`^(?:` + chosen + `)$`)
	p.unquoted = regexp.MustCompile(`(?:^|\s)\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?(?:\s|$|;)`)
	p.variable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)
	return p
})

type sink struct {
	name    string
	pattern *regexp.Regexp
}

// tainted reports whether the text of a variable is chosen by others, at first or
// at second hand.
func (r *reader) tainted(name string, own *resource.Value, depth int) bool {
	if patterns().chosen.MatchString(name) {
		return true
	}
	value, ok := r.known(own)(name)
	if !ok || depth > maxNesting || !strings.Contains(value, "$") {
		return false
	}
	for _, m := range patterns().variable.FindAllStringSubmatch(value, 20) {
		if m[1] != name && r.tainted(m[1], own, depth+1) {
			return true
		}
	}
	return false
}

// injections finds the variables in the lines of a script that are read as one.
func (r *reader) injections(text *script.Text, lines []script.Line, own *resource.Value) (all []*resource.Value) {
	whole := text.String()
	seen := map[int]bool{}
	add := func(name, sink string, at int) {
		if seen[at] || !r.tainted(name, own, 0) {
			return
		}
		seen[at] = true
		span := text.Span(at, at+len(name))
		all = append(all, resource.NewMap(span).
			Put("variable", resource.NewText(name, span)).Put("sink", resource.NewText(sink, span)))
	}
	for _, l := range lines {
		raw := whole[l.Start:l.End]
		if !strings.Contains(raw, "$") {
			continue
		}
		for _, s := range patterns().sinks {
			for _, span := range s.pattern.FindAllStringIndex(raw, 20) {
				for _, m := range patterns().variable.FindAllStringSubmatchIndex(raw[span[0]:span[1]], 50) {
					at := span[0] + m[2]
					if escaped(raw, span[0]+m[0]) {
						continue
					}
					add(raw[at:span[0]+m[3]], s.name, l.Start+at)
				}
			}
		}
		if strings.Contains(raw, "[[") || strings.HasPrefix(raw, "case ") {
			continue // words are not split there
		}
		for _, m := range patterns().unquoted.FindAllStringSubmatchIndex(raw, 50) {
			if !quoted(raw, m[2]) {
				add(raw[m[2]:m[3]], "unquoted", l.Start+m[2])
			}
		}
	}
	return all
}

// escaped reports whether the dollar at an offset is for an inner shell, which
// finds the variable in its environment.
func escaped(text string, at int) bool { return at > 0 && text[at-1] == '\\' || single(text[:at]) }

// single reports whether a text ends within single quotes.
func single(text string) bool {
	in := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && in != '\'':
			i++
		case in == 0 && (c == '\'' || c == '"'):
			in = c
		case c == in:
			in = 0
		}
	}
	return in == '\''
}

// quoted reports whether an offset is within quotes.
func quoted(text string, at int) bool {
	in := byte(0)
	for i := 0; i < at && i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && in != '\'':
			i++
		case in == 0 && (c == '\'' || c == '"'):
			in = c
		case c == in:
			in = 0
		}
	}
	return in != 0
}

// deploying are programs and their first words that change something outside.
var deploying = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:kubectl|oc) .*\b(?:apply|create|replace|patch|delete|rollout|set|scale)\b` +
		`|^(?:helm|helm3) .*\b(?:upgrade|install|rollback)\b|^helmfile .*\b(?:apply|sync)\b` +
		`|^(?:terraform|tofu|terragrunt|gitlab-terraform) .*\b(?:apply|destroy)\b|^pulumi .*\bup\b|^(?:serverless|sls|cdk|sam|fly|flyctl|eb|vercel|netlify) .*\bdeploy\b` +
		`|^ansible-playbook |^aws (?:s3 (?:sync|cp)|ecs update-service|lambda update-function-code|cloudformation deploy)` +
		`|^gcloud .*\bdeploy\b|^az .*\b(?:deployment|up)\b|^heroku |^(?:docker|podman) stack deploy|^cap .*\bdeploy\b`)
})

// conditions adds what the job is for, and when it runs.
func (r *reader) conditions(out, raw *resource.Value, at source.Span) {
	deploys := raw.Get("environment") != nil
	place := at
	for _, c := range out.Get("commands").Items {
		line := c.Get("name").Text()
		for _, word := range entries(c.Get("args")) {
			line += " " + word.Str
		}
		if deploying().MatchString(line) && !strings.Contains(line, "--dry-run") {
			deploys, place = true, c.Span
			break
		}
	}
	if action := raw.Get("environment").Get("action").Text(); action != "" && action != "start" && raw.Get("environment") != nil {
		deploys = deploys && place != at
	}
	out.Put("deploys", resource.NewBool(deploys, place))
	out.Put("requests", r.requests(raw, at))
	out.Put("narrowed", r.narrowed(raw, at))
}

// requests says whether a job can run for a merge request.
func (r *reader) requests(raw *resource.Value, at source.Span) *resource.Value {
	ofRequests := func(rule *resource.Value) bool {
		condition := rule.Get("if").Text()
		return (strings.Contains(condition, "merge_request_event") && !strings.Contains(condition, "!= \"merge_request_event\"") && !strings.Contains(condition, "!= 'merge_request_event'") ||
			strings.Contains(condition, "CI_MERGE_REQUEST_") && !strings.Contains(condition, "== null")) && rule.Get("when").Text() != "never"
	}
	for _, rule := range entries(raw.Get("rules")) {
		if rule.Unknown() != "" {
			return resource.NewUnknown(rule.Unknown(), at)
		}
		if ofRequests(rule) {
			return resource.NewBool(true, rule.Get("if").Span)
		}
	}
	for _, ref := range entries(refsOf(raw.Get("only"))) {
		if ref.Str == "merge_requests" {
			return resource.NewBool(true, ref.Span)
		}
	}
	if raw.Get("rules") == nil && raw.Get("only") == nil {
		for _, rule := range entries(r.root.Get("workflow").Get("rules")) {
			if ofRequests(rule) {
				return resource.NewBool(true, at)
			}
		}
	}
	return resource.NewBool(false, at)
}

func refsOf(v *resource.Value) *resource.Value {
	if isMap(v) {
		return v.Get("refs")
	}
	return v
}

// narrowed says whether a job runs for some branches or tags only: each of its
// rules that starts it by itself names some.
func (r *reader) narrowed(raw *resource.Value, at source.Span) *resource.Value {
	if raw.Get("rules") == nil && raw.Get("only") == nil {
		rules := entries(r.root.Get("workflow").Get("rules"))
		return resource.NewBool(len(rules) > 0 && allNarrow(rules), at)
	}
	rules := entries(raw.Get("rules"))
	for _, rule := range rules {
		if rule.Unknown() != "" {
			return resource.NewUnknown(rule.Unknown(), at)
		}
	}
	if raw.Get("rules") != nil {
		return resource.NewBool(allNarrow(rules), at)
	}
	only := raw.Get("only")
	if !isMap(only) {
		return resource.NewBool(narrowRefs(entries(only)), at)
	}
	return resource.NewBool(narrowRefs(entries(only.Get("refs"))) && only.Get("refs") != nil || only.Get("variables") != nil, at)
}

func narrowRefs(all []*resource.Value) bool {
	for _, ref := range all {
		switch ref.Str {
		case "branches", "merge_requests", "external_pull_requests", "pushes":
			return false
		}
	}
	return len(all) > 0
}

func allNarrow(rules []*resource.Value) bool {
	for _, rule := range rules {
		if rule.Get("when").Text() == "never" {
			continue
		}
		condition := rule.Get("if").Text()
		if !strings.Contains(condition, "CI_COMMIT_BRANCH") && !strings.Contains(condition, "CI_COMMIT_REF") &&
			!strings.Contains(condition, "CI_COMMIT_TAG") && !strings.Contains(condition, "CI_DEFAULT_BRANCH") &&
			!strings.Contains(condition, "CI_PIPELINE_SOURCE") && !strings.Contains(condition, "CI_MERGE_REQUEST_TARGET") {
			return false
		}
	}
	return true
}
