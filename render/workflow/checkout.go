package workflow

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var commands = sync.OnceValue(func() (p struct{ fetch, execute *regexp.Regexp }) {
	p.fetch = regexp.MustCompile(`\b(?:gh|hub) pr checkout\b|\bgit (?:fetch|pull|clone|checkout|switch|reset|merge|worktree)\b`)
	p.execute = regexp.MustCompile(`(?:^|[;&|(]\s*|\bdo |\bthen )(?:sudo |time |exec |nohup |xvfb-run |timeout \S+ |[A-Z_]+=\S+ )*(?:` +
		`(?:npm|pnpm|yarn|bun)(?:$| +(?:ci|i|install|run|test|t|build|exec|start|pack|publish|lint|dlx|x|-))|npx |corepack |` +
		`make\b|cmake |ninja\b|bazel |bazelisk |just\b|task\b|earthly |cargo (?:build|test|run|bench|clippy|install)|go (?:test|run|generate)|` +
		`mvn |(?:\./)?mvnw\b|gradle |(?:\./)?gradlew\b|sbt |ant\b|lein |dotnet (?:build|test|run|restore|publish)|msbuild |swift (?:build|test|run)|` +
		`python3? |pytest\b|tox\b|nox\b|pip3? install|poetry (?:install|run|build)|uv (?:sync|run|pip)|pipenv |pre-commit |` +
		`bundle |rake\b|ruby |perl |php |composer (?:install|update|run)|node |deno (?:run|task|test)|tsx? |jest\b|vitest\b|eslint |` +
		`docker (?:build|compose|buildx)|docker-compose |podman build|terraform (?:init|plan|apply)|tofu (?:init|plan|apply)|terragrunt |pulumi |cdk |` +
		`ansible-playbook |bash [^-]|sh [^-]|zsh |source |\. |pwsh |\./|mkdocs |hugo\b|jekyll )`)
	return p
})

// runners are actions that run code from the files that are checked out.
var runners = []string{
	"docker/build-push-action", "pre-commit/action", "cypress-io/github-action", "bahmutov/npm-install",
	"borales/actions-yarn", "actions-rs/cargo", "gradle/gradle-build-action", "devcontainers/ci", "github/super-linter",
	"super-linter/super-linter", "oxsecurity/megalinter",
}

// checkout returns what a step fetches into the workspace, or nil.
func (r *reader) checkout(in *scope) *resource.Value {
	s := in.of()
	if s.uses != nil && s.uses.Get("name").Text() == "actions/checkout" {
		return r.checkoutAction(s, in)
	}
	sc := r.scriptOf(in.job, in.step)
	for i, l := range sc.lines {
		if !commands().fetch.MatchString(l.text) {
			continue
		}
		f := r.lineFlows(in.job, in.step)[i]
		at := sc.template.place.span(l.start, l.end)
		if strings.Contains(l.text, "pr checkout") || strings.Contains(l.text, "pull/") {
			f.head, f.mutable = "a number", true
		}
		if f.head != "" {
			return fetched(f, at).Put("line", resource.NewInt(int64(i), at))
		}
	}
	return nil
}

func (r *reader) checkoutAction(s *step, in *scope) *resource.Value {
	with := s.raw.Get("with")
	f, at := flow{}, s.uses.Span
	for _, key := range []string{"ref", "repository"} {
		v := lookup(with, key)
		if v == nil {
			continue
		}
		one := r.flowOf(v, in)
		if strings.Contains(v.Str, "pull/") && r.hasNumber(v) {
			one.head, one.mutable = "a number", true
		}
		if f.head == "" && f.unknown == "" && (one.head != "" || one.unknown != "") {
			at = v.Span
		}
		f = f.join(one)
	}
	out := fetched(f, at)
	persist := lookup(with, "persist-credentials")
	switch {
	case persist == nil:
		out.Put("persist", resource.NewBool(true, s.uses.Span))
	case strings.Contains(persist.Str, open):
		out.Put("persist", resource.NewUnknown("an expression tells whether credentials persist", persist.Span))
	default:
		out.Put("persist", resource.NewBool(!strings.EqualFold(persist.Str, "false"), persist.Span))
	}
	if path := lookup(with, "path"); path.Text() != "" {
		out.Put("path", path)
	}
	return out
}

func (r *reader) hasNumber(v *resource.Value) (found bool) {
	if t := r.template(v); t != nil {
		for _, e := range t.exprs {
			e.uses(true, false, func(u use) { found = found || matches(numbers, u.name, false) || !strings.HasPrefix(u.name, "github.") })
		}
	}
	return found
}

func fetched(f flow, at source.Span) *resource.Value {
	out := resource.NewMap(at)
	if f.head == "" && f.unknown != "" {
		return out.Put("head", resource.NewUnknown(f.unknown, at)).Put("mutable", resource.NewUnknown(f.unknown, at))
	}
	return out.Put("head", resource.NewText(f.head, at)).Put("mutable", resource.NewBool(f.mutable, at))
}

// untrusted returns what a step runs of the files that outsiders have pushed.
func (r *reader) untrusted(in *scope) *resource.Value {
	s := in.of()
	dirs, unknown, found := in.fetchedBefore()
	all := resource.NewList(s.raw.Span)
	if s.uses != nil && found {
		text := s.uses.Get("text").Text()
		name := s.uses.Get("name").Text()
		if s.uses.Get("kind").Text() == "local" && inDirs(dirs, text) || contains(runners, name) {
			all.Items = append(all.Items, s.uses.Get("text"))
		}
	}
	sc := r.scriptOf(in.job, in.step)
	first := 0
	if !found {
		own := s.fetched.Get("line")
		if own == nil {
			return nil
		}
		first, dirs = int(own.Int)+1, []string{""}
	}
	where := s.raw.Get("working-directory").Text()
	for _, l := range sc.lines[min(first, len(sc.lines)):] {
		if commands().execute.MatchString(l.text) && (inDirs(dirs, l.text) || inDirs(dirs, where)) {
			all.Items = append(all.Items, resource.NewText(l.text, sc.template.place.span(l.start, l.end)))
		}
	}
	if len(all.Items) > 0 && unknown != "" {
		return resource.NewUnknown(unknown, all.Span)
	}
	return all
}

// fetchedBefore returns the directories that hold outsiders' files when the step
// starts; "" for the whole workspace.
func (in *scope) fetchedBefore() (dirs []string, unknown string, found bool) {
	for i := in.step - 1; i >= 0; i-- {
		f := in.job.steps[i].fetched
		if f == nil {
			continue
		}
		head, dir := f.Get("head"), f.Get("path").Text()
		switch {
		case head.Unknown() != "" && !found:
			dirs, unknown, found = append(dirs, dir), head.Unknown(), true
		case head.Text() != "":
			dirs, unknown, found = append(dirs, dir), "", true
		}
		if dir == "" {
			break // an earlier one is overwritten
		}
	}
	return dirs, unknown, found
}

func inDirs(dirs []string, text string) bool {
	for _, dir := range dirs {
		if dir == "" || strings.Contains(text, path.Base(dir)) {
			return true
		}
	}
	return false
}
