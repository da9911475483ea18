package setup_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// TestPlanAndConfiguration scans a configuration and its plan: what both show is one
// finding, at the line of the configuration; what only the plan shows is there, too.
func TestPlanAndConfiguration(t *testing.T) {
	for _, plan := range []string{"live/plan.json", "live/ci/plan.json", "ci/plan.json"} {
		t.Run(plan, func(t *testing.T) { scanPlan(t, plan) })
	}
}

func scanPlan(t *testing.T, plan string) {
	tree := source.Memory(map[string]string{
		"live/main.tf": `variable "password" {
  type        = string
  description = "of the database"
  sensitive   = true
}

resource "aws_db_instance" "main" {
  engine              = "postgres"
  publicly_accessible = true
  password            = var.password
}
`,
		plan: `{"format_version": "1.2", "resource_changes": [{"address": "aws_db_instance.main", "mode": "managed", "type": "aws_db_instance",
  "change": {"actions": ["update"], "before": {"engine": "postgres", "publicly_accessible": false, "password": "correct-horse"},
    "after": {"engine": "postgres", "publicly_accessible": true, "password": "correct-horse"},
    "before_sensitive": {"password": true}, "after_sensitive": {"password": true}}},
  {"address": "aws_kms_key.old", "mode": "managed", "type": "aws_kms_key", "change": {"actions": ["delete"], "before": {}, "after": null}}]}`,
	})
	builtin, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(builtin...)
	if err != nil {
		t.Fatal(err)
	}
	scanner := scan.Scanner{Renderers: setup.Renderers(), Evaluator: engine}
	result, err := scanner.Run(context.Background(), tree, ".")
	if err != nil || result.Partial() {
		t.Fatal(err, result.Problems, result.Errors)
	}
	found := map[string][]string{}
	for _, f := range result.Findings {
		found[f.Rule.ID] = append(found[f.Rule.ID], f.Location.File.Path+" "+strings.TrimSpace(string(f.Location.File.Content[f.Location.Span.Start:f.Location.Span.End])))
		if strings.Contains(string(f.Location.File.Content), "correct-horse") {
			t.Errorf("%s shows the password", f.Rule.ID)
		}
	}
	for id, want := range map[string]string{
		"HF-AWS-102": "live/main.tf true", // in both
		"HF-TF-208":  "live/main.tf true", // of the plan, at the line of the configuration
		"HF-TF-203":  plan + ` "aws_kms_key.old"`,
	} {
		if got := found[id]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is at %q, want %q", id, got, want)
		}
	}
	if want := plan + " is a plan of Terraform: 1 to update, 1 to delete"; len(result.About) != 1 || result.About[0] != want {
		t.Errorf("it is said: %q", result.About)
	}
	if result.Verdicts[policy.Error] > 0 {
		t.Error("policies have errors")
	}
}
