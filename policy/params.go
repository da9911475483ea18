package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Param is a value that those who use a policy may choose: params.<name>.
type Param struct {
	Name        string
	Description string
	Value       *resource.Value // the default, until it is chosen
}

// SeverityRule gives failures another severity where an expression holds. Of
// several the first one counts.
type SeverityRule struct {
	When     string
	Severity finding.Severity
	Span     source.Span // of the expression
}

// Choose returns the policy with other values for some of its params. The
// error names params that do not exist and values of another type.
func (p *Policy) Choose(values map[string]*resource.Value) (*Policy, error) {
	chosen := *p
	chosen.Params = slices.Clone(p.Params)
	for name, value := range values {
		i := slices.IndexFunc(chosen.Params, func(param Param) bool { return param.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s has no param %q: %s", p.ID, name, suggest(name, paramNames(p)))
		}
		if want := chosen.Params[i].Value; value.Kind != want.Kind {
			return nil, fmt.Errorf("the param %s of %s is %s, not %s", name, p.ID, kindName(want), kindName(value))
		}
		chosen.Params[i].Value = value
	}
	return &chosen, nil
}

func paramNames(p *Policy) (names []string) {
	for _, param := range p.Params {
		names = append(names, param.Name)
	}
	return names
}

// ParamValues returns the params as a map.
func (p *Policy) ParamValues() *resource.Value {
	v := &resource.Value{Kind: resource.Map}
	for _, param := range p.Params {
		v.Fields = append(v.Fields, resource.Field{Key: param.Name, Value: param.Value})
	}
	return v
}

func (d *decoder) param(v *resource.Value, p *Policy) {
	var one Param
	d.object(v, "a param", fields{
		"name":        d.name("name", &one.Name),
		"description": d.text("description", &one.Description),
		"default":     func(v *resource.Value) { one.Value = v },
	}, "name", "default")
	if slices.Contains(paramNames(p), one.Name) {
		d.fail(v.Get("name").Span, "choose another name", "the param %s exists already", one.Name)
	}
	if one.Value != nil {
		p.Params = append(p.Params, one)
	}
}

func (d *decoder) severityRule(v *resource.Value, p *Policy) {
	var one SeverityRule
	d.object(v, "a severity rule", fields{
		"when":     d.expression("when", &one.When, &one.Span),
		"severity": d.severity(&one.Severity),
	}, "when", "severity")
	p.SeverityRules = append(p.SeverityRules, one)
}

// ParseParam reads "id.name=value", in which the value is YAML.
func ParseParam(text string) (id, name string, value *resource.Value, err error) {
	left, right, ok := strings.Cut(text, "=")
	id, name, dotted := strings.Cut(left, ".")
	if !ok || !dotted || name == "" {
		return "", "", nil, fmt.Errorf("%q is not a param: write id.name=value", text)
	}
	documents, err := resource.ParseYAML(source.NewFile("param.yaml", []byte(right)))
	if err != nil || len(documents) != 1 {
		return "", "", nil, fmt.Errorf("the value of %s is not YAML", left)
	}
	return id, name, documents[0].Root, nil
}
