package modules

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// constraint is what a call's version asks for: all of its conditions hold.
type constraint []condition

type condition struct {
	operator string
	version  *semver.Version
	parts    int // of the version that are written
}

// operators, longer ones first.
var operators = []string{"!=", ">=", "<=", "~>", ">", "<", "="}

// parseConstraint reads conditions as Terraform does: = (or none), !=, >, >=, <, <=
// and ~>, which lets only the last part that is written grow.
func parseConstraint(text string) (constraint, error) {
	var all constraint
	if strings.TrimSpace(text) == "" {
		return all, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		c := condition{operator: "="}
		one = strings.TrimSpace(one)
		for _, op := range operators {
			if rest, ok := strings.CutPrefix(one, op); ok {
				c.operator, one = op, strings.TrimSpace(rest)
				break
			}
		}
		v, err := semver.NewVersion(one)
		if err != nil || strings.HasPrefix(one, "v") {
			return nil, fmt.Errorf("%q is not a constraint of versions", text)
		}
		number, _, _ := strings.Cut(one, "-")
		c.version, c.parts = v, strings.Count(number, ".")+1
		all = append(all, c)
	}
	return all, nil
}

// allows reports whether a version will do. One with a suffix, such as 1.0.0-beta,
// has to be asked for exactly.
func (all constraint) allows(v *semver.Version) bool {
	if v.Prerelease() != "" {
		return len(all) == 1 && all[0].operator == "=" && all[0].version.Equal(v)
	}
	for _, c := range all {
		if !c.allows(v) {
			return false
		}
	}
	return true
}

func (c condition) allows(v *semver.Version) bool {
	order := v.Compare(c.version)
	switch c.operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	if order < 0 {
		return false
	}
	switch c.parts { // ~>
	case 1:
		return true
	case 2:
		return v.Major() == c.version.Major()
	}
	return v.Major() == c.version.Major() && v.Minor() == c.version.Minor()
}

// newest returns the newest of versions that a constraint allows, as it is written.
func (all constraint) newest(versions []string) (string, bool) {
	var best *semver.Version
	written := ""
	for _, text := range versions {
		v, err := semver.NewVersion(text)
		if err != nil || !all.allows(v) || best != nil && !v.GreaterThan(best) {
			continue
		}
		best, written = v, text
	}
	return written, best != nil
}
