package workflow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// TestHostile reads what is made to take long: references in circles and chains,
// thousands of steps that each look at all before, one expression of its largest.
func TestHostile(t *testing.T) {
	var chains strings.Builder
	chains.WriteString("on: pull_request_target\nenv:\n")
	for i := range 200 {
		fmt.Fprintf(&chains, "  V%d: \"${{ env.V%d }} ${{ github.head_ref }}\"\n", i, i+1)
	}
	chains.WriteString("jobs:\n  a:\n    env:\n")
	for i := range 200 {
		fmt.Fprintf(&chains, "      V%d: \"${{ env.V%d }} ${{ env.V%d }}\"\n", i, i+1, i+2)
	}
	chains.WriteString("    steps:\n")
	for i := range 3000 {
		fmt.Fprintf(&chains, "    - id: s%d\n      run: |\n        echo \"x=$V%d ${{ steps.s%d.outputs.x }}\" >> $GITHUB_OUTPUT\n"+
			"        echo \"Y%d=1\" >> $GITHUB_ENV\n        echo ${{ env.Y%d }} ${{ env.V3 }}\n", i, i%200, i-1, i, i/2)
	}
	for reason, text := range map[string]string{
		"chains": chains.String(),
		"expressions": "on: push\njobs: {a: {if: \"" + strings.Repeat("a.b || ", 2500) + "c.d\", steps: [{run: \"" +
			strings.Repeat("${{ github.event.issue.title }} ", 20000) + "\"}]}}",
		"lines": "on: push\njobs: {a: {steps: [{run: \"" + strings.Repeat("echo $A$B$C=$D npm -x \\n", 40000) + "\"}]}}",
	} {
		start := time.Now()
		all, err := Parse(source.Memory(nil), source.NewFile(usual, []byte(text)))
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %d resources, %v", reason, len(all), err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %d bytes took %v", reason, len(text), took)
		} else {
			t.Logf("%s: %d bytes took %v", reason, len(text), took)
		}
	}
}
