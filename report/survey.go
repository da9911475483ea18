package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/integrity"
)

// shownPeople is how many people are named for one code.
const shownPeople = 5

// tally is what a dry run found of one code and decision.
type tally struct {
	Code     integrity.Code     `json:"code"`
	Decision integrity.Decision `json:"decision"`
	Title    string             `json:"title"`
	Commits  int                `json:"commits"`
	First    string             `json:"first,omitempty"`
	Last     string             `json:"last,omitempty"`
	Who      []person           `json:"who"` // the signer where one is proven, and the author that the commit names otherwise

	message, hint string // of the first
	claimed       bool   // some of whom are only what commits say
}

type person struct {
	Identity string `json:"identity"`
	Commits  int    `json:"commits"`
}

// tallies sums the problems up, those that weigh most first.
func (v *Verification) tallies() []*tally {
	type kind struct {
		code     integrity.Code
		decision integrity.Decision
	}
	signers := map[string]string{}
	for _, s := range v.Verified {
		signers[s.Commit] = s.Signer.Identity
	}
	all := []*tally{}
	of := map[kind]*tally{}
	counted := map[kind]map[string]bool{}
	people := map[kind]map[string]int{}
	for i, p := range v.Problems {
		k := kind{p.Code, p.Decision}
		t := of[k]
		if t == nil {
			t = &tally{Code: p.Code, Decision: p.Decision, Title: v.Findings[i].Rule.Title, First: p.Commit, message: p.Message, hint: p.Hint}
			of[k], counted[k], people[k] = t, map[string]bool{}, map[string]int{}
			all = append(all, t)
		}
		if p.Commit == "" || counted[k][p.Commit] {
			continue
		}
		counted[k][p.Commit] = true
		t.Commits++
		t.First, t.Last = cmp.Or(t.First, p.Commit), p.Commit
		people[k][cmp.Or(signers[p.Commit], v.Commits[p.Commit].Author, "nobody")]++
		t.claimed = t.claimed || signers[p.Commit] == ""
	}
	for k, t := range of {
		t.Who = []person{}
		for who, n := range people[k] {
			t.Who = append(t.Who, person{who, n})
		}
		slices.SortFunc(t.Who, func(a, b person) int {
			return cmp.Or(cmp.Compare(b.Commits, a.Commits), cmp.Compare(a.Identity, b.Identity))
		})
	}
	slices.SortStableFunc(all, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(b.Decision, a.Decision), cmp.Compare(b.Commits, a.Commits), cmp.Compare(a.Code, b.Code))
	})
	return all
}

// survey says what would have been refused of a history, and how to begin.
func (p *Printer) survey(v *Verification, quiet bool) {
	for _, t := range v.tallies() {
		if quiet {
			break
		}
		p.Printf("%s: %s", p.Paint(t.Decision.String()+" "+string(t.Code), Bold, decisionStyle(t.Decision)), v.extent(t))
		who := names(t.Who)
		if t.claimed {
			who = "in the name of " + who
		}
		for _, row := range [][2]string{{"rule:", t.Title}, {"first:", t.message}, {"who:", who}, {"fix:", t.hint}} {
			if row[1] != "" {
				p.hang(fmt.Sprintf("  %-6s ", row[0]), 9, row[1])
			}
		}
		p.Printf("")
	}
	refused, told := v.affected()
	text := fmt.Sprintf("Of %s %d would have been refused or held", Plural(v.Number, "commit", "commits"), refused)
	if told > 0 {
		text += fmt.Sprintf(", and %d reported", told)
	}
	p.hang("", 0, text+"; the decision would be "+v.Decision.String()+".", Bold)
	if v.Undecided() {
		p.hang(p.Paint("Incomplete", Bold, Red)+": ", len("Incomplete: "), "something could not be found out; there may be more.")
	}
	for _, note := range v.Notes {
		indent := len(note) - len(strings.TrimLeft(note, " *"))
		p.hang(note[:indent], indent, note[indent:])
	}
}

// affected counts the commits that are refused or held, and those that are only
// reported.
func (v *Verification) affected() (refused, told int) {
	worst := map[string]integrity.Decision{}
	for _, p := range v.Problems {
		if p.Commit != "" {
			worst[p.Commit] = max(worst[p.Commit], p.Decision)
		}
	}
	for _, d := range worst {
		if d.Passes() {
			told++
		} else {
			refused++
		}
	}
	return refused, told
}

// extent says how many commits a tally is about, and which are the first and last.
func (v *Verification) extent(t *tally) string {
	dated := func(id string) string {
		text := fmt.Sprintf("%.12s", id)
		if c, ok := v.Commits[id]; ok {
			text += " (" + c.When.UTC().Format(time.DateOnly) + ")"
		}
		return text
	}
	switch t.Commits {
	case 0:
		return "the history as a whole"
	case 1:
		return "1 commit, " + dated(t.First)
	}
	return fmt.Sprintf("%d commits, from %s to %s", t.Commits, dated(t.First), dated(t.Last))
}

// names lists people with their numbers of commits, those with most first.
func names(people []person) string {
	var parts []string
	for _, one := range people[:min(len(people), shownPeople)] {
		parts = append(parts, fmt.Sprintf("%s (%d)", one.Identity, one.Commits))
	}
	if more := len(people) - shownPeople; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}
