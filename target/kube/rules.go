package kube

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/target"
)

//go:embed health/*.yaml
var healthFiles embed.FS

// longestEvaluation bounds one CEL expression, in cel-go's cost units.
const longestEvaluation = 1_000_000

// healthFile is a file of rules. Its examples are its tests.
type healthFile struct {
	Kinds     []string        `yaml:"kinds"` // group/Kind; "*" for all groups that end like *.example.org
	Rules     []healthRule    `yaml:"rules"` // the first whose condition holds counts
	Otherwise target.State    `yaml:"otherwise"`
	Examples  []healthExample `yaml:"examples"`
}

type healthRule struct {
	When    string       `yaml:"when"` // CEL over object; one that fails, say for a missing field, does not hold
	State   target.State `yaml:"state"`
	Message string       `yaml:"message"` // CEL; empty for none
	Final   bool         `yaml:"final"`   // waiting alone does not change the state

	when, message cel.Program
}

type healthExample struct {
	Name   string         `yaml:"name"`
	State  target.State   `yaml:"state"`
	Final  bool           `yaml:"final"`
	Object map[string]any `yaml:"object"`
}

// rulebook has the rules of all kinds. It reads the files when it is first
// asked, and compiles the rules of a kind when one of that kind comes.
type rulebook struct {
	open func() (map[string]*compiledRules, error)
}

type compiledRules struct {
	file healthFile
	once sync.Once
	err  error
}

func builtinRules() *rulebook { return newRulebook(healthFiles) }

func newRulebook(files fs.FS) *rulebook {
	return &rulebook{open: sync.OnceValues(func() (map[string]*compiledRules, error) { return readRules(files) })}
}

func readRules(files fs.FS) (map[string]*compiledRules, error) {
	byKind := map[string]*compiledRules{}
	names, err := fs.Glob(files, "health/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		d := yaml.NewDecoder(strings.NewReader(string(text)))
		d.KnownFields(true)
		var file healthFile
		if err := d.Decode(&file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rules := &compiledRules{file: file}
		for _, kind := range file.Kinds {
			if byKind[kind] != nil {
				return nil, fmt.Errorf("%s: there are other rules for %s already", name, kind)
			}
			byKind[kind] = rules
		}
	}
	return byKind, nil
}

// assess returns the state of an object by the rules of its kind. It is not ok
// if no rule holds.
func (b *rulebook) assess(live map[string]any) (state target.State, message string, final, ok bool) {
	byKind, err := b.open()
	if err != nil {
		return target.Unknown, err.Error(), false, true
	}
	rules := rulesFor(byKind, live)
	if rules == nil {
		return "", "", false, false
	}
	rules.once.Do(func() { rules.err = rules.compile() })
	if rules.err != nil {
		return target.Unknown, rules.err.Error(), false, true
	}
	variables := map[string]any{"object": live}
	for _, r := range rules.file.Rules {
		if out, _, err := r.when.Eval(variables); err == nil && out == types.True {
			return r.State, r.say(variables), r.Final, true
		}
	}
	return rules.file.Otherwise, "", false, rules.file.Otherwise != ""
}

func rulesFor(byKind map[string]*compiledRules, live map[string]any) *compiledRules {
	group, kind := groupKind(live)
	if rules := byKind[group+"/"+kind]; rules != nil {
		return rules
	}
	for g := group; ; {
		_, parent, ok := strings.Cut(g, ".")
		if !ok {
			return nil
		}
		if rules := byKind["*."+parent+"/*"]; rules != nil {
			return rules
		}
		g = parent
	}
}

func (r healthRule) say(variables map[string]any) string {
	if r.message == nil {
		return ""
	}
	out, _, err := r.message.Eval(variables)
	if err != nil {
		return ""
	}
	s, _ := out.Value().(string)
	return s
}

func (c *compiledRules) compile() error {
	env, err := healthEnv()
	if err != nil {
		return err
	}
	for i := range c.file.Rules {
		r := &c.file.Rules[i]
		if !slices.Contains([]target.State{target.Healthy, target.Progressing, target.Degraded, target.Suspended, target.Unknown}, r.State) {
			return fmt.Errorf("health rule %q of %s: %q is no state", r.When, c.file.Kinds[0], r.State)
		}
		if r.when, err = program(env, r.When, cel.BoolType); err != nil {
			return fmt.Errorf("health rule %q of %s: %w", r.When, c.file.Kinds[0], err)
		}
		if r.Message == "" {
			continue
		}
		if r.message, err = program(env, r.Message, cel.StringType); err != nil {
			return fmt.Errorf("health message %q of %s: %w", r.Message, c.file.Kinds[0], err)
		}
	}
	return nil
}

func program(env *cel.Env, text string, want *cel.Type) (cel.Program, error) {
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if !ast.OutputType().IsExactType(want) && !ast.OutputType().IsExactType(cel.DynType) {
		return nil, fmt.Errorf("it is a %s, and has to be a %s", ast.OutputType(), want)
	}
	return env.Program(ast, cel.CostLimit(longestEvaluation))
}

// healthEnv is CEL with the variable object, optional values, and
// object.condition("Ready"), which has status, reason and message as strings,
// all empty where there is no such condition.
func healthEnv() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("object", cel.DynType),
		cel.OptionalTypes(),
		cel.Function("condition", cel.MemberOverload("object_condition",
			[]*cel.Type{cel.DynType, cel.StringType}, cel.MapType(cel.StringType, cel.StringType),
			cel.BinaryBinding(celCondition))),
	)
}

func celCondition(object, name ref.Val) ref.Val {
	m, ok := object.(traits.Mapper)
	if !ok {
		return types.NewErr("condition is a function of objects")
	}
	live, _ := m.Value().(map[string]any)
	c := conditionOf(live, fmt.Sprint(name.Value()))
	return types.DefaultTypeAdapter.NativeToValue(map[string]string{"status": c.status, "reason": c.reason, "message": c.message})
}

type condition struct{ status, reason, message string }

// conditionOf returns a condition of the status of an object, or an empty one.
func conditionOf(live map[string]any, name string) condition {
	list, _ := at(live, "status", "conditions").([]any)
	for _, item := range list {
		if c, ok := item.(map[string]any); ok && stringAt(c, "type") == name {
			return condition{stringAt(c, "status"), stringAt(c, "reason"), stringAt(c, "message")}
		}
	}
	return condition{}
}
