package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
)

// policyCoverage prints the branches that no example takes both ways.
func (a *app) policyCoverage(policies *setup.Policies, dirs []string) error {
	p := a.printer()
	tested, all := 0, 0
	for i, pack := range policies.Packs {
		dir := ""
		if len(dirs) > 0 {
			dir = dirs[i]
		}
		for _, one := range pack.Policies {
			if one.Code != nil || len(one.Examples) == 0 {
				continue // its tests are not examples
			}
			branches, err := cel.Coverage(one, setup.ReadExample)
			if err != nil {
				return err
			}
			for _, b := range branches {
				if all++; b.Tested() {
					tested++
					continue
				}
				p.Printf("%s", report.Plain(describeBranch(dir, b)))
			}
		}
	}
	p.Printf("%s", share(tested, all))
	return p.Err()
}

func share(tested, all int) string {
	if all == 0 {
		return "Coverage: there are no branches."
	}
	return fmt.Sprintf("Coverage: examples take %d of %s both ways (%d %%).", tested, report.Plural(all, "branch", "branches"), tested*100/all)
}

func describeBranch(dir string, b cel.Branch) string {
	at := b.File.Position(b.Offset)
	what := "never asked"
	switch {
	case b.True:
		what = "never false"
	case b.False:
		what = "never true"
	}
	return fmt.Sprintf("%s:%d: %s: %s: %s", filepath.Join(dir, b.File.Path), at.Line, b.Policy.ID, what, strings.Join(strings.Fields(b.Text), " "))
}
