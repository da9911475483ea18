package helm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/holdfast-dev/holdfast/render"
)

// validateValues checks the values of the chart and its subcharts against their
// schemas, as Helm does, except that schemas refer to nothing outside themselves.
func validateValues(l *loaded, top common.Values) ([]render.Problem, bool) {
	values, err := top.Table("Values")
	if err != nil {
		return nil, true
	}
	var problems []render.Problem
	var check func(c *chart.Chart, values map[string]any)
	check = func(c *chart.Chart, values map[string]any) {
		if c.Schema != nil {
			for _, message := range checkSchema(c.Schema, values) {
				problems = append(problems, render.Problem{
					Path:    l.fileOf(c, "values.schema.json").Path,
					Message: "the values of the chart " + c.Name() + " do not meet its schema: " + message,
				})
			}
		}
		for _, d := range c.Dependencies() {
			if sub, ok := values[d.Name()].(map[string]any); ok {
				check(d, sub)
			}
		}
	}
	check(l.chart, values)
	return problems, len(problems) == 0
}

// checkSchema returns what is wrong with the values, by path and without the
// values themselves, which may be secret.
func checkSchema(schema []byte, values map[string]any) []string {
	const url = "file:///values.schema.json"
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return []string{"the schema is not valid JSON: " + err.Error()}
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noReferences{})
	if err := compiler.AddResource(url, doc); err != nil {
		return []string{err.Error()}
	}
	compiled, err := compiler.Compile(url)
	if err != nil {
		return []string{"the schema cannot be used: " + strings.ReplaceAll(err.Error(), url, "values.schema.json")}
	}
	err = compiled.Validate(values)
	if err == nil {
		return nil
	}
	invalid, ok := err.(*jsonschema.ValidationError) //nolint:errorlint // returned unwrapped
	if !ok {
		return []string{err.Error()}
	}
	var messages []string
	leaves(invalid, &messages)
	slices.Sort(messages)
	return slices.Compact(messages)
}

func leaves(e *jsonschema.ValidationError, messages *[]string) {
	for _, cause := range e.Causes {
		leaves(cause, messages)
	}
	if len(e.Causes) == 0 {
		*messages = append(*messages, strings.Join(append([]string{"Values"}, e.InstanceLocation...), ".")+": "+explain(e.ErrorKind))
	}
}

// explain words an error without showing the value.
func explain(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Pattern:
		return fmt.Sprintf("does not match the pattern %q", k.Want)
	case *kind.Format:
		return fmt.Sprintf("is not a valid %s", k.Want)
	case *kind.Enum, *kind.Const, *kind.Type, *kind.Required, *kind.AdditionalProperties, *kind.DependentRequired:
		return k.LocalizedString(message.NewPrinter(language.English))
	}
	return "does not meet " + strings.Join(k.KeywordPath(), ".")
}

// noReferences refuses references to other documents.
type noReferences struct{}

func (noReferences) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside of the schema; nothing is fetched while rendering", url)
}
