package git_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// modules are files as people and attackers write them.
var modules = []string{
	"[submodule \"a\"]\n\tpath = vendor/a\n\turl = https://example.com/a.git\n",
	"[submodule \"a\"]path=x\nurl = \"--upload-pack=evil\"\n",
	"[submodule \"a\\\"b\"]\n\turl = x \\\n y ; comment\n\tbranch\n",
	"[submodule.Old]\r\n\tpath = x\r\n",
	"\ufeff[core]\n; x\n# y\n\tignoreCase = true # yes\n",
	"[a]\nb = \"x # y\"\t\n c = \\n\\t\\b\\\\\\\"\n",
	"[a b]\n", "[a \"b\nc\"]\n", "[a]\n1 = 2\n", "[a]\nb c\n", "[a]\nb = \\x\n", "[a]\nb = \"x\n", "x = y\n", "[a", "[a]\nb =   \n", "[A \"B\"]\nC-d=E\n", "[a]\nb = x\r", "[ \"a\"]\nb\n",
	"[a.b \"c\"]\nd = e\n", "[a.]\nb = c\n", "[.a]\nb = c\n", "[]\na = b\n", "[a]b\n", "[a]]\n", "[a]\nb = \"\" x \"\"  \n", "[a]\nb == c\n", "[a]\n-b = c\n", "[a]\nb- = c\n", "[a]\nb\t\v= c\n", "a = 0 \\", "a = 0 \\\n \n",
}

func TestConfigAgreesWithGit(t *testing.T) {
	for _, text := range modules {
		agree(t, text)
	}
}

// FuzzParseConfig holds that a file means here what it means to git.
func FuzzParseConfig(f *testing.F) {
	for _, text := range modules {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1<<12 {
			agree(t, text)
		}
	})
}

func agree(t *testing.T, text string) {
	t.Helper()
	values, err := git.ParseConfig(source.NewFile(".gitmodules", []byte(text)))
	cmd := exec.Command("git", "config", "--file", "-", "--null", "--list")
	cmd.Stdin = strings.NewReader(text)
	cmd.Env = []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C"}
	out, gitErr := cmd.Output()
	if strings.Contains(text, "\x00") && err != nil {
		return // git takes it for the end of a string
	}
	if (err == nil) != (gitErr == nil) {
		t.Fatalf("%q: %v, and git says %v", text, err, gitErr)
	}
	if err != nil {
		return
	}
	var want bytes.Buffer
	for _, v := range values {
		if v.Bare {
			fmt.Fprintf(&want, "%s\x00", v.Name)
		} else {
			fmt.Fprintf(&want, "%s\n%s\x00", v.Name, v.Value)
		}
	}
	// Before 2.45, git made a space of each tab within a value.
	if blank := strings.NewReplacer("\t", " ", "\r", " "); blank.Replace(want.String()) != blank.Replace(string(out)) {
		t.Errorf("%q: %q, and git says %q", text, want.String(), out)
	}
}
