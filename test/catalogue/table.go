package catalogue

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Row is a line of the table: an attack or a control, and what is said of it.
type Row struct {
	ID      string
	Title   string
	Verdict string // decision and codes; why there is none if nothing proves it
	Proof   string // path of the file that proves it, from the root; empty if nothing does
}

// Scripts reads the rows of the scripts: the title from the first line, the verdict
// from those of the commands.
func Scripts(dir fs.FS) (rows []Row, err error) {
	names, err := fs.Glob(dir, "testdata/*.txtar")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		row := Row{ID: strings.TrimSuffix(path.Base(name), ".txtar"), Proof: "test/catalogue/" + name}
		head, _, _ := bytes.Cut(content, []byte("\n-- "))
		for line := range strings.Lines(string(head)) {
			line = strings.TrimSpace(line)
			if title, ok := strings.CutPrefix(line, "# "); ok && row.Title == "" {
				row.Title = title
			}
			if verdict, ok := strings.CutPrefix(line, "verdict "); ok {
				verdict, _, _ = strings.Cut(verdict, " -- ")
				row.Verdict = strings.TrimPrefix(row.Verdict+"; "+verdict, "; ")
			}
		}
		if row.Title == "" || row.Verdict == "" {
			return nil, fmt.Errorf("%s has no title, or no verdict", name)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// sections are the classes of rows by the first letter of their ids.
var sections = []struct{ letter, title string }{
	{"A", "Impersonation and signatures"},
	{"B", "Trust, policies and safeguards"},
	{"C", "History and merges"},
	{"D", "Refs, tags and local views"},
	{"E", "What trees hold"},
	{"F", "Servers, transport and state"},
	{"X", "Variants"},
	{"P", "Honest work that passes"},
}

var number = regexp.MustCompile(`^([A-Z])(\d+)(.*)$`)

func compareRows(a, b Row) int {
	x, y := number.FindStringSubmatch(a.ID), number.FindStringSubmatch(b.ID)
	if x == nil || y == nil {
		return cmp.Compare(a.ID, b.ID)
	}
	m, _ := strconv.Atoi(x[2])
	n, _ := strconv.Atoi(y[2])
	return cmp.Or(cmp.Compare(x[1], y[1]), cmp.Compare(m, n), cmp.Compare(x[3], y[3]))
}

const preface = `# Attacks on a repository, and what is said of them

Written from the tests by ` + "`UPDATE=1 go test ./test/catalogue`" + `. Each row is an attack, made with the
real programs on a repository whose trust file names two admins, a maintainer, a forge and a bot; or (P)
honest work, which has to pass. The verdict is the decision, and the codes that are told: ` + "`holdfast explain CODE`" + `
says what a code means and what to do.

* **allow**: may be deployed. **warn**: as well, and somebody should look.
* **hold**: what ran before stays until people decide. **deny**: until the repository is repaired.
`

// Table writes rows as docs/integrity.md.
func Table(rows []Row) string {
	slices.SortFunc(rows, compareRows)
	var out strings.Builder
	out.WriteString(preface)
	unproven := 0
	for _, s := range sections {
		fmt.Fprintf(&out, "\n## %s\n\n| Row | What is done | Verdict | Proof |\n|---|---|---|---|\n", s.title)
		for _, row := range rows {
			if !strings.HasPrefix(row.ID, s.letter) {
				continue
			}
			proof := "none"
			if row.Proof != "" {
				proof = fmt.Sprintf("[%s](../%s)", strings.TrimSuffix(path.Base(row.Proof), ".txtar"), row.Proof)
			} else {
				unproven++
			}
			fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", row.ID, row.Title, row.Verdict, proof)
		}
	}
	fmt.Fprintf(&out, "\n%d rows, of which %d are without proof.\n", len(rows), unproven)
	return out.String()
}
