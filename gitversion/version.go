package gitversion

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Product is a program that speaks Git's protocol.
type Product string

// The products that are told apart. Other holds all that cannot be judged.
const (
	Git     Product = "git"
	JGit    Product = "jgit"
	GoGit   Product = "go-git"
	LibGit2 Product = "libgit2"
	GitLFS  Product = "git-lfs"
	Gitea   Product = "gitea"
	Gogs    Product = "gogs"
	GitHub  Product = "github" // the service: it keeps itself up to date
	Other   Product = "other"
)

// Number is a version's numbers: major, minor, patch, and for Windows the build.
type Number [4]int

// Compare orders numbers.
func (n Number) Compare(other Number) int { return slices.Compare(n[:], other[:]) }

func (n Number) String() string { return fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2]) }

// Version is what a program says it is.
type Version struct {
	Product   Product
	Number    Number // zero if it is not told
	Candidate bool   // of a release, which may lack what the release fixes
	Vendor    string // who built it, such as apple, windows, debian; "" if it is not told
	Text      string // as it was given, at most 100 bytes of it
}

// IsKnown reports whether there is a number to judge.
func (v Version) IsKnown() bool { return v.Number != Number{} }

// String names the product and its number, never what the other side chose to say.
func (v Version) String() string {
	switch {
	case !v.IsKnown():
		return string(v.Product) + " of unknown version"
	case v.Vendor == "windows":
		return fmt.Sprintf("%s %s.windows.%d", v.Product, v.Number, v.Number[3])
	case v.Vendor != "":
		return fmt.Sprintf("%s %s (%s)", v.Product, v.Number, v.Vendor)
	}
	return fmt.Sprintf("%s %s", v.Product, v.Number)
}

// ErrNoVersion is returned for text that names no program that speaks Git.
var ErrNoVersion = errors.New("there is no version of a Git program in it")

const maxText = 100

// products are what agents and programs call themselves, the most particular first.
var products = []struct {
	prefix  string
	product Product
}{
	{"git version ", Git}, {"git-lfs/", GitLFS}, {"go-git/", GoGit}, {"jgit/", JGit}, {"jgit ", JGit},
	{"libgit2 ", LibGit2}, {"libgit2/", LibGit2}, {"gitea version ", Gitea}, {"gitea/", Gitea}, {"gitea ", Gitea},
	{"gogs version ", Gogs}, {"gogs/", Gogs}, {"gogs ", Gogs}, {"git/", Git},
}

// others call themselves Git, and are not.
var others = []string{"isomorphic-git", "dulwich", "gitoxide", "github", "gitlab", "bitbucket", "azure", "codecommit"}

// Parse reads what `git version` prints, a package's version, an agent capability or
// a user agent. Text that names no program gives ErrNoVersion; a program that does
// not tell its number is no error.
func Parse(text string) (Version, error) {
	text = strings.TrimSpace(text)
	text = text[:min(len(text), maxText)]
	v := Version{Text: text}
	lower := strings.TrimPrefix(strings.ToLower(text), "agent=")
	if _, library, ok := strings.Cut(lower, "(libgit2 "); ok {
		lower = "libgit2 " + library
	}
	rest, named := lower, false
	for _, p := range products {
		if after, ok := strings.CutPrefix(lower, p.prefix); ok {
			v.Product, rest, named = p.product, after, true
			break
		}
	}
	if !named {
		v.Product = Git
		if epoch, after, ok := strings.Cut(lower, ":"); ok && isNumber(epoch) {
			rest, v.Vendor = after, "package"
		}
	}
	number, suffix := readNumber(strings.TrimPrefix(rest, "v"))
	v.Number = number
	switch {
	case number == Number{} && !named:
		return Version{Product: Other, Text: text}, ErrNoVersion
	case number == Number{}:
		if name := leading(rest, others); v.Product == Git && name == "github" {
			v.Product = GitHub
		} else if v.Product == Git {
			v.Product = Other
		}
		return v, nil
	}
	v.suffix(suffix)
	return v, nil
}

// suffix reads what comes after the number: candidates, builds and vendors.
func (v *Version) suffix(s string) {
	if after, ok := strings.CutPrefix(s, ".windows."); ok {
		v.Vendor = "windows"
		v.Number[3], _ = digits(after)
		return
	}
	if v.Product == JGit { // such as .202309050840-r, or -m1 for a milestone
		v.Candidate = strings.Contains(s, "-m") || strings.Contains(s, "-rc")
		return
	}
	v.Candidate = strings.HasPrefix(s, ".rc") || strings.HasPrefix(s, "-rc") || strings.HasPrefix(s, "~rc") || strings.HasPrefix(s, "-alpha") || strings.HasPrefix(s, "-beta")
	for _, vendor := range []struct{ mark, name string }{
		{"apple", "apple"}, {"+deb", "debian"}, {"~deb", "debian"}, {"ubuntu", "ubuntu"}, {".el", "rhel"}, {".fc", "fedora"},
		{".amzn", "amazon"}, {".gl", "gitlab"}, {"-r", "alpine"},
	} {
		if strings.Contains(s, vendor.mark) && !v.Candidate {
			v.Vendor = vendor.name
			return
		}
	}
	if revision, ok := strings.CutPrefix(s, "-"); ok && v.Vendor == "" && revision != "" && revision[0] >= '0' && revision[0] <= '9' {
		v.Vendor = "package"
	}
}

// readNumber reads two to four numbers with points between them; a fourth is of no
// interest. What does not begin with two numbers gives zero.
func readNumber(s string) (n Number, rest string) {
	for i := range 4 {
		value, size := digits(s)
		if size == 0 {
			break
		}
		if i < 3 {
			n[i] = value
		}
		s = s[size:]
		if i == 0 && !strings.HasPrefix(s, ".") {
			return Number{}, s
		}
		if after, ok := strings.CutPrefix(s, "."); ok && i < 3 && after != "" && after[0] >= '0' && after[0] <= '9' {
			s = after
		} else if i == 0 {
			return Number{}, s
		} else {
			break
		}
	}
	return n, s
}

// digits reads up to six leading digits, and says how many there are. More are no
// part of a version.
func digits(s string) (value, size int) {
	for size < len(s) && s[size] >= '0' && s[size] <= '9' {
		size++
	}
	if size == 0 || size > 6 {
		return 0, 0
	}
	value, _ = strconv.Atoi(s[:size])
	return value, size
}

func isNumber(s string) bool {
	_, size := digits(s)
	return size > 0 && size == len(s)
}

func leading(s string, names []string) string {
	for _, name := range names {
		if strings.HasPrefix(s, name) {
			return name
		}
	}
	return ""
}

// compareVersions orders versions by product and number.
func compareVersions(a, b Version) int {
	return cmp.Or(cmp.Compare(a.Product, b.Product), a.Number.Compare(b.Number), cmp.Compare(a.Vendor, b.Vendor))
}
