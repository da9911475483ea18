package terraform

import (
	"context"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/source"
)

const direct = `
variable "unset" {}
variable "on" { default = true }
variable "many" { default = 3 }
variable "name" { default = "x" }
variable "zones" { default = ["a", "b", "c"] }
variable "settings" { default = { a = 1, b = [{ c = "d" }, { c = "e" }] } }
resource "aws_a" "two" {
  count = 2
  arn   = "arn-${count.index}"
  tags  = { n = count.index }
}
resource "aws_a" "none" { count = 0 }
resource "aws_a" "some" { count = var.unset }
resource "aws_a" "one" { size = 3 }
resource "aws_a" "each" {
  for_each = toset(["k"])
  name     = each.key
}
`

// What is evaluated directly is what hcl makes of the same expression.
func TestDirectIsTheSame(t *testing.T) {
	run := newRun(New().(*renderer), context.Background(), source.Memory(map[string]string{"main.tf": direct}), ".")
	f := run.root(run.module(".")).frame()
	for _, text := range []string{
		`var.on ? "a" : "b"`, `var.on ? 1 : "b"`, `var.on ? null : var.zones`, `!var.on ? var.zones : null`, `var.on ? [] : var.zones`,
		`var.unset ? 1 : 2`, `var.unset ? "a" : null`, `var.unset ? var.zones : []`, `var.on ? var.unset : "a"`,
		`var.unset > 2 ? aws_a.two[0].arn : aws_a.one.size`, `"${var.name}-${var.many}"`, `"${var.unset}-x"`, `"x-${aws_a.one.id}"`,
		`{}`, `{ a = var.name, "b" = 2, "${var.name}-c" = var.unset }`, `{ (var.name) = 1, a = { b = [var.many] } }`, `{ a = 1, a = 2 }`,
		`aws_a.two[*].arn`, `aws_a.two[*].id`, `aws_a.none[*].id`, `aws_a.some[*].id`, `aws_a.one[*].size`, `aws_a.each[*].k`, `aws_a.two[*].tags.n`,
		`var.settings.b[*].c`, `var.name[*]`, `var.unset[*].a`, `[for s in var.settings.b : s][*].c`, `var.zones.*`,
		`aws_a.two[var.many - 2].arn`, `aws_a.two[var.many - 2].id`, `aws_a.some[var.many].id`, `aws_a.each[lower("K")].name`, `var.settings.b[var.many - 2].c`,
		`merge(var.settings, { z = 1 }).z`, `[var.zones[0], var.unset]`, `var.zones[var.many - 1]`, `var.on && !var.on`, `-var.many + 2 * 3`,
		`try(aws_a.none[0].id, null)`, `try(aws_a.two[1].arn, "x")`, `try(aws_a.some[0].id, "x")`, `try(var.settings.z, var.settings.a)`, `try(var.unset, 1)`,
		`try(var.zones[7], var.zones[var.many], [])`, `try(var.settings.z, "${var.name}")`, `try(aws_a.two, null)`,
	} {
		e, diags := hclsyntax.ParseExpression([]byte(text), "x.tf", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		got, ok := f.direct(e)
		vars, _, _ := f.variables(e)
		want, diags := e.Value(f.context(e, vars))
		if diags.HasErrors() || !ok || !got.RawEquals(want) {
			t.Errorf("%s is %#v (%v), want %#v (%v)", text, got, ok, want, diags)
		}
	}
}
