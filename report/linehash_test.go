package report

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// definition computes the hashes as they are defined, without rolling: the hash
// of a line is the sum of uᵢ·37⁹⁹⁻ⁱ modulo 2⁶⁴ over the 100 units from its first
// one on. Blanks and tabs do not count, every line ending is one line feed, the
// end of the text is the unit 0xFFFF, and zeros follow.
func definition(text string) []string {
	var units []uint16
	var starts []int
	start := true
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	text = strings.NewReplacer(" ", "", "\t", "").Replace(text)
	for _, u := range append(utf16.Encode([]rune(text)), 0xFFFF) {
		if start {
			starts = append(starts, len(units))
		}
		units = append(units, u)
		start = u == '\n'
	}
	hashes, seen := []string{""}, map[string]int{}
	for _, s := range starts {
		sum := new(big.Int)
		for i := range hashWindow {
			sum.Mul(sum, big.NewInt(37))
			if s+i < len(units) {
				sum.Add(sum, big.NewInt(int64(units[s+i])))
			}
		}
		sum.Mod(sum, new(big.Int).Lsh(big.NewInt(1), 64))
		seen[sum.Text(16)]++
		hashes = append(hashes, fmt.Sprintf("%s:%d", sum.Text(16), seen[sum.Text(16)]))
	}
	return hashes
}

func TestLineHashes(t *testing.T) {
	tests := map[string]string{
		"empty":                       "",
		"one line":                    "a: 1",
		"final newline":               "a: 1\n",
		"blank lines":                 "\n\n\n",
		"indented":                    "  a\nb\n  \t\tc\n d",
		"CRLF":                        "a: 1\r\nb: 2\r\n",
		"lone CR":                     "a: 1\rb: 2\r\rc",
		"beyond the basic plane":      "a: \U0001F600\nb: 値\n",
		"longer than the window":      strings.Repeat("x", 250) + "\n" + strings.Repeat("y", 99) + "\nz",
		"exactly the window":          strings.Repeat("x", 99) + "\n" + strings.Repeat("y", 100),
		"many equal lines":            strings.Repeat("same: line\n", 40),
		"byte order mark, no newline": "\uFEFFa: 1",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(definition(text), lineHashes([]byte(text))); diff != "" {
				t.Errorf("not as defined:\n%s", diff)
			}
		})
	}
}

// Known vectors hold the algorithm where it is: a change would make GitHub
// close every alert and open another.
func TestLineHashVectors(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    {"", "c129715d7a2bc9a3:1"},
		"  a\nb\n  \t\tc\n d": {"", "271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"},
	} {
		if diff := cmp.Diff(want, lineHashes([]byte(text))); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestLineHashesOfEqualLines(t *testing.T) {
	hashes := lineHashes([]byte(strings.Repeat("same: line\n", 40)))
	base, _, _ := strings.Cut(hashes[1], ":")
	if hashes[1] != base+":1" || hashes[2] != base+":2" {
		t.Errorf("equal lines have %q and %q", hashes[1], hashes[2])
	}
}
