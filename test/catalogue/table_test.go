package catalogue_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/catalogue"
)

const docs = "../../docs/integrity.md"

// TestTable holds docs/integrity.md to what the tests prove.
func TestTable(t *testing.T) {
	rows, err := catalogue.Scripts(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range catalogue.Elsewhere() {
		file, test, _ := strings.Cut(row.Proof, "#")
		content, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Errorf("%s: %v", row.ID, err)
		}
		proof := `\b` + row.ID + `\b`
		if filepath.Ext(file) == ".txtar" {
			proof = `(?m)^#.*\b` + row.ID + `\b`
		}
		if test != "" {
			proof = `(?m)^func ` + test + `\(`
		}
		if !regexp.MustCompile(proof).Match(content) {
			t.Errorf("%s does not prove the row %s: it has no %s", file, row.ID, proof)
		}
		row.Proof = file
		rows = append(rows, row)
	}
	rows = append(rows, catalogue.Unproven()...)
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.ID] {
			t.Errorf("there are two rows %s", row.ID)
		}
		seen[row.ID] = true
	}
	table := catalogue.Table(rows)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(docs, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docs)
	if err != nil || !slices.Equal(have, []byte(table)) {
		t.Errorf("%s is not what the rows say (%v); write it by UPDATE=1 go test ./test/catalogue", docs, err)
	}
}
