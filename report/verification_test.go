package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func commitID(n int) string { return fmt.Sprintf("%040x", n) }

// aVerification returns one with all that reports can say.
func aVerification() *Verification {
	problems := []integrity.Problem{
		{Code: integrity.SigMissing, Decision: integrity.Deny, Commit: commitID(2), Message: "it is not signed", Hint: "Sign it."},
		{Code: integrity.SigMissing, Decision: integrity.Deny, Commit: commitID(3), Message: "it is not signed", Hint: "Sign it."},
		{Code: integrity.AuthzPath, Decision: integrity.Deny, Commit: commitID(4), Path: "CODEOWNERS", Message: "bob may not change \"CODEOWNERS\": that is for admin", Hint: "Have it merged by one of them."},
		{Code: integrity.TimeAnomaly, Decision: integrity.Warn, Commit: commitID(4), Message: "the commit is dated 2099", Hint: "Check the clock."},
		{Code: integrity.HistLimit, Decision: integrity.Hold, Message: "too much to verify"},
	}
	v := &Verification{
		From: commitID(1), Tip: commitID(4), Base: commitID(9), Number: 3, Version: "1.2.3", Anchor: ".holdfast/trust.yaml",
		Commits: map[string]Commit{
			commitID(2): {"first \x1b[31m](http://evil)", "alice@example.com", time.Unix(1.7e9, 0)},
			commitID(3): {"second", "mallory@example.com", time.Unix(1.7e9+86400, 0)},
			commitID(4): {"third", "bob@example.com", time.Unix(1.7e9+2*86400, 0)},
		},
		Notes: []string{"There is no trust file."},
	}
	v.Result = integrity.Result{
		Decision: integrity.Deny, Accepted: commitID(2), Problems: problems,
		Verified: []integrity.Verified{{Commit: commitID(4), Signer: integrity.Signer{Identity: "bob@example.com", Key: "SHA256:x"}, Payload: strings.Repeat("0", 64)}},
		Lost:     []string{commitID(7)},
	}
	v.Findings = placed(problems)
	return v
}

// placed returns problems as findings at lines of a file that holds a password.
func placed(problems []integrity.Problem) []*finding.Finding {
	all := integrity.Findings(context.Background(), nil, "refs/heads/main", withoutCommits(problems)) // so nothing is looked up
	for i, p := range problems {
		f := all[i]
		if p.Commit == "" {
			continue
		}
		f.Subject = resource.ID{Platform: resource.Git, Kind: "Commit", Name: p.Commit}
		f.Message = "commit " + p.Commit[:12] + ": " + p.Message
		f.Identify("")
		if p.Path != "" {
			file := source.NewFile(p.Path, []byte("# owners\npassword: hunter2\n"))
			f.Location = resource.Location{File: file, Span: source.Span{Start: 9, End: 26}, Exact: true}
		}
	}
	return all
}

func withoutCommits(problems []integrity.Problem) []integrity.Problem {
	out := make([]integrity.Problem, len(problems))
	for i, p := range problems {
		out[i] = p
		out[i].Commit = ""
	}
	return out
}

// undecided returns a verification in which something could not be found out.
func undecided() *Verification {
	v := &Verification{Tip: commitID(1), Anchor: ".holdfast/allowed_signers"}
	v.Result = integrity.Result{Decision: integrity.Hold, Retry: true, Problems: []integrity.Problem{
		{Code: integrity.Unverified, Decision: integrity.Hold, Message: "an object is missing", Hint: "It is tried again."},
	}}
	v.Findings = placed(v.Problems)
	return v
}

func passing() *Verification {
	v := &Verification{Tip: commitID(1), Number: 1}
	v.Decision = integrity.Allow
	return v
}

func verificationAs(t *testing.T, name string, v *Verification) []byte {
	t.Helper()
	for _, f := range VerificationFormats() {
		if f.Name == name {
			return written(t, func(w io.Writer) error { return f.Write(w, v) })
		}
	}
	t.Fatalf("there is no format %s", name)
	return nil
}

func TestVerificationJSON(t *testing.T) {
	published, err := os.ReadFile("../docs/schema/verify-json-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	dry := aVerification()
	dry.DryRun = true
	for name, v := range map[string]*Verification{"full": aVerification(), "dry run": dry, "undecided": undecided(), "least": passing()} {
		out := verificationAs(t, "json", v)
		for _, strict := range []bool{false, true} {
			validate(t, compile(t, published, strict), out)
		}
		checkHarmless(t, name, string(out))
	}
	golden(t, "verify.json", verificationAs(t, "json", dry))
	for what, change := range map[string]func(map[string]any){
		"no decision":         func(d map[string]any) { delete(d, "decision") },
		"an unknown decision": func(d map[string]any) { d["decision"] = "maybe" },
		"a short id":          func(d map[string]any) { d["tip"] = "abc" },
	} {
		var doc map[string]any
		if err := json.Unmarshal(verificationAs(t, "json", dry), &doc); err != nil {
			t.Fatal(err)
		}
		change(doc)
		if compile(t, published, false).Validate(doc) == nil {
			t.Errorf("the schema accepts %s", what)
		}
	}
}

func TestVerificationSARIF(t *testing.T) {
	schema := compile(t, oasisSchema(t), false)
	for name, v := range map[string]*Verification{"full": aVerification(), "undecided": undecided(), "least": passing()} {
		t.Run(name, func(t *testing.T) { validate(t, schema, verificationAs(t, "sarif", v)) })
	}
	var log sarifLog
	if err := json.Unmarshal(verificationAs(t, "sarif", aVerification()), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if run.AutomationDetails.ID != "holdfast/verify/" {
		t.Errorf("the category is %q: an upload would close the alerts of another command", run.AutomationDetails.ID)
	}
	for _, rule := range run.Tool.Driver.Rules {
		if rule.Help.Text == "" || rule.Help.Markdown == "" || rule.HelpURI == "" {
			t.Errorf("rule %s teaches nothing: %+v", rule.ID, rule)
		}
	}
	for _, r := range run.Results {
		if r.RuleID == "SIG_MISSING" && !strings.HasSuffix(r.Message.Text, "it is not signed. Sign it.") {
			t.Errorf("what to do about this very commit is not told: %s", r.Message.Text)
		}
	}
	for _, name := range []string{"github", "junit", "markdown"} {
		if out := string(verificationAs(t, name, aVerification())); !strings.Contains(out, "Have it merged by one of them.") {
			t.Errorf("%s does not say what to do about this very commit:\n%s", name, out)
		}
	}
	hashes := map[string]bool{}
	for _, r := range run.Results {
		if r.Locations[0].Physical == nil {
			t.Errorf("%s has no file, for which GitHub refuses the log", r.RuleID)
		}
		hash := r.Fingerprints["primaryLocationLineHash"]
		if hash == "" || hashes[hash] {
			t.Errorf("%s has the hash %q, which is no identity", r.RuleID, hash)
		}
		hashes[hash] = true
	}
	if err := json.Unmarshal(verificationAs(t, "sarif", undecided()), &log); err != nil {
		t.Fatal(err)
	}
	if inv := log.Runs[0].Invocations[0]; inv.ExecutionSuccessful || inv.ExitCode != 2 || len(inv.Notifications) != 1 {
		t.Errorf("what could not be found out is told as %+v", inv)
	}
}

// Nothing of the changed lines is shown, and nothing of a commit acts.
func TestVerificationIsHarmless(t *testing.T) {
	for _, f := range VerificationFormats() {
		out := string(verificationAs(t, f.Name, aVerification()))
		checkHarmless(t, f.Name, out)
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s shows a line that a commit changes", f.Name)
		}
	}
	for _, dry := range []bool{false, true} {
		v := aVerification()
		v.DryRun = dry
		out := string(written(t, func(w io.Writer) error { return VerificationText(w, v, TextOptions{Width: 100, Verbose: true}) }))
		checkHarmless(t, "text", out)
	}
}

func TestVerificationText(t *testing.T) {
	for name, test := range map[string]struct {
		v    *Verification
		opts TextOptions
	}{
		"verify.txt":         {aVerification(), TextOptions{Width: 100}},
		"verify-limit.txt":   {aVerification(), TextOptions{Width: 100, Limit: 2}},
		"verify-dry.txt":     {func() *Verification { v := aVerification(); v.DryRun = true; return v }(), TextOptions{Width: 100}},
		"verify-unknown.txt": {undecided(), TextOptions{Width: 100}},
	} {
		golden(t, name, written(t, func(w io.Writer) error { return VerificationText(w, test.v, test.opts) }))
	}
	quiet := written(t, func(w io.Writer) error {
		return VerificationText(w, passing(), TextOptions{Width: 100, Quiet: true})
	})
	if string(quiet) != "No signature is proven; the decision is allow.\n" {
		t.Errorf("a quiet run says %q", quiet)
	}
}

func TestVerificationIsDeterministic(t *testing.T) {
	for _, f := range VerificationFormats() {
		first := verificationAs(t, f.Name, aVerification())
		for range 5 {
			v := aVerification()
			v.DryRun = f.Name == "json" && bytes.Contains(first, []byte("dryRun"))
			if !bytes.Equal(first, verificationAs(t, f.Name, v)) {
				t.Fatalf("%s differs from run to run", f.Name)
			}
		}
	}
}
