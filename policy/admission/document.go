package admission

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

const apiVersion = "admissionregistration.k8s.io/v1"

// ValidatingAdmissionPolicy is the part of the API's type of that name that an
// export needs, with its fields in the order in which people write them.
type ValidatingAdmissionPolicy struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"`
	Metadata   Metadata   `yaml:"metadata"`
	Spec       PolicySpec `yaml:"spec"`
}

// Metadata of both documents.
type Metadata struct {
	Name        string            `yaml:"name"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// PolicySpec is what an API server evaluates.
type PolicySpec struct {
	FailurePolicy    string           `yaml:"failurePolicy"`
	MatchConstraints MatchConstraints `yaml:"matchConstraints"`
	MatchConditions  []Named          `yaml:"matchConditions,omitempty"`
	Variables        []Named          `yaml:"variables,omitempty"`
	Validations      []Validation     `yaml:"validations"`
}

// MatchConstraints are the resources that the policy is for.
type MatchConstraints struct {
	MatchPolicy   string         `yaml:"matchPolicy"`
	ResourceRules []ResourceRule `yaml:"resourceRules"`
}

// ResourceRule is one combination of groups, versions and resources.
type ResourceRule struct {
	APIGroups   []string `yaml:"apiGroups,flow"`
	APIVersions []string `yaml:"apiVersions,flow"`
	Operations  []string `yaml:"operations,flow"`
	Resources   []string `yaml:"resources,flow"`
}

// Named is a condition or a variable.
type Named struct {
	Name       string `yaml:"name"`
	Expression string `yaml:"expression"`
}

// Validation is an expression that must be true.
type Validation struct {
	Expression        string `yaml:"expression"`
	Message           string `yaml:"message,omitempty"`
	MessageExpression string `yaml:"messageExpression,omitempty"`
}

// ValidatingAdmissionPolicyBinding puts a policy in force.
type ValidatingAdmissionPolicyBinding struct {
	APIVersion string      `yaml:"apiVersion"`
	Kind       string      `yaml:"kind"`
	Metadata   Metadata    `yaml:"metadata"`
	Spec       BindingSpec `yaml:"spec"`
}

// BindingSpec says where a policy holds, and what happens.
type BindingSpec struct {
	PolicyName        string          `yaml:"policyName"`
	ValidationActions []Action        `yaml:"validationActions,flow"`
	MatchResources    *MatchResources `yaml:"matchResources,omitempty"`
}

// MatchResources limits a binding to some namespaces.
type MatchResources struct {
	NamespaceSelector LabelSelector `yaml:"namespaceSelector"`
}

// LabelSelector selects namespaces.
type LabelSelector struct {
	MatchExpressions []Requirement `yaml:"matchExpressions"`
}

// Requirement is one condition of a selector.
type Requirement struct {
	Key      string   `yaml:"key"`
	Operator string   `yaml:"operator"`
	Values   []string `yaml:"values,flow"`
}

// YAML returns the policy and its binding as two documents.
func (e *Exported) YAML() ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	for _, doc := range []any{e.Policy, e.Binding} {
		if err := enc.Encode(doc); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), enc.Close()
}
