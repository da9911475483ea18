package integrity

import (
	"fmt"
	"strconv"
	"strings"
)

// Decision is what may happen with a commit or tag. Decisions are ordered: of
// several the highest counts. The zero value is no decision and passes nothing.
type Decision uint8

// The decisions, from the best to the worst.
const (
	Allow Decision = iota + 1
	Warn           // may be deployed, somebody should look
	Hold           // the last good revision stays until a person decides
	Deny           // the last good revision stays until the repository is repaired
)

// Passes reports whether what was judged may be deployed.
func (d Decision) Passes() bool { return d == Allow || d == Warn }

func (d Decision) String() string {
	switch d {
	case Allow:
		return "allow"
	case Warn:
		return "warn"
	case Hold:
		return "hold"
	case Deny:
		return "deny"
	}
	return "undecided"
}

// MarshalText writes the decision as its name.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Code names a kind of problem. Codes are stable; people search for them.
type Code string

// What can be wrong with a signature, a key, an identity, an object, a history,
// a tag or the list of signers.
const (
	SigMissing   Code = "SIG_MISSING"
	SigBad       Code = "SIG_BAD"
	SigAmbiguous Code = "SIG_AMBIGUOUS"

	KeyUnknown Code = "KEY_UNKNOWN"
	KeyExpired Code = "KEY_EXPIRED"
	KeyRevoked Code = "KEY_REVOKED"
	KeyWeak    Code = "KEY_WEAK"

	IDAuthor     Code = "ID_AUTHOR"
	IDCommitter  Code = "ID_COMMITTER"
	IDConfusable Code = "ID_CONFUSABLE"
	TimeAnomaly  Code = "TIME_ANOMALY"
	ObjMalformed Code = "OBJ_MALFORMED"
	TreePath     Code = "TREE_PATH"
	TreeLimit    Code = "TREE_LIMIT"
	// A link that leads out of the repository, or stands where protection should.
	TreeSymlink   Code = "TREE_SYMLINK"
	TreeSubmodule Code = "TREE_SUBMODULE" // what no signature of this repository covers
	TreeAttr      Code = "TREE_ATTR"      // attributes by which others see another content

	// HashCollision is an object that was made to share its id with another.
	HashCollision Code = "HASH_COLLISION"

	HistRewrite Code = "HIST_REWRITE"
	HistLimit   Code = "HIST_LIMIT" // more to verify than the limit
	RefRollback Code = "REF_ROLLBACK"
	RefTeleport Code = "REF_TELEPORT"
	RefDeleted  Code = "REF_DELETED"
	RefRetarget Code = "REF_RETARGET" // a name leads to another ref than before
	RefName     Code = "REF_NAME"     // a name that programs take for something else
	RepoShallow Code = "REPO_SHALLOW" // our copy lacks the history that is asked about
	MergeShape  Code = "MERGE_SHAPE"
	MergeEvil   Code = "MERGE_EVIL"  // holds what neither parent has
	MergeDrops  Code = "MERGE_DROPS" // has not what one parent changed
	// A person had to choose, since git could not.
	MergeConflict Code = "MERGE_CONFLICT"

	Freeze        Code = "FREEZE"         // nothing new is served, though there is something
	Equivocation  Code = "EQUIVOCATION"   // others are served something else
	StateRollback Code = "STATE_ROLLBACK" // our own record is older than what is known of it

	TagMoved     Code = "TAG_MOVED"
	TagDowngrade Code = "TAG_DOWNGRADE"
	TagName      Code = "TAG_NAME"
	TagDeleted   Code = "TAG_DELETED"
	TagTarget    Code = "TAG_TARGET"

	SafeguardRemoved Code = "SAFEGUARD_REMOVED" // what protects is weaker than before
	Regression       Code = "REGRESSION"        // what was fixed is back

	AuthzPath      Code = "AUTHZ_PATH"      // who signed may not change the file
	AuthzThreshold Code = "AUTHZ_THRESHOLD" // too few others approved
	AuthzForge     Code = "AUTHZ_FORGE"     // a forge's key signed more than a merge
	TrustSelfgrant Code = "TRUST_SELFGRANT" // rights granted by who had none to grant

	PolicyInvalid Code = "POLICY_INVALID"
	TrustShrink   Code = "TRUST_SHRINK"  // what protected is taken away
	TrustMissing  Code = "TRUST_MISSING" // a list that was asked for is not there
	PayloadDenied Code = "PAYLOAD_DENIED"
	Unverified    Code = "UNVERIFIED" // could not be found out: object missing, time-out, broken repository
)

// decisions holds every code's decision. A code that is not in it is denied.
var decisions = map[Code]Decision{
	IDConfusable:  Warn,
	TimeAnomaly:   Warn,
	MergeShape:    Warn,
	MergeConflict: Warn,

	HistRewrite: Hold,
	HistLimit:   Hold,
	RefRollback: Hold,
	RefTeleport: Hold,
	RefDeleted:  Hold,
	RefRetarget: Hold,
	RepoShallow: Hold,
	Unverified:  Hold,

	Freeze:        Hold,
	Equivocation:  Hold,
	StateRollback: Hold,

	Regression:   Hold,
	TrustShrink:  Hold,
	TrustMissing: Hold,
}

// Decision returns what the code leads to.
func (c Code) Decision() Decision {
	if d, ok := decisions[c]; ok {
		return d
	}
	return Deny
}

// Problem is one reason not to trust something. Message and Hint are sentences
// for people; whatever they quote from a repository is escaped.
type Problem struct {
	Code     Code
	Decision Decision
	Commit   string // full id of the commit or tag object; empty if it is about no single one
	Path     string // of the file that it is about, in Commit; empty if it is about none, or about all
	Line     int    // in Path, from 1; 0 if it is not known
	Message  string // what is wrong
	Hint     string // what to do next
}

// String returns the problem on two lines: what is wrong, and what to do.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", p.Decision, p.Code)
	if p.Commit != "" {
		fmt.Fprintf(&b, " %s", short(p.Commit))
	}
	fmt.Fprintf(&b, ": %s", p.Message)
	if p.Hint != "" {
		fmt.Fprintf(&b, "\n  %s", p.Hint)
	}
	return b.String()
}

// problem returns a problem that is not yet about a commit.
func problem(code Code, hint, format string, args ...any) Problem {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ") // of errors that are lists
	return Problem{Code: code, Decision: code.Decision(), Message: text, Hint: hint}
}

// in says which file of the commit a problem is about, and where in it.
func (p Problem) in(path string, line int) Problem {
	p.Path, p.Line = path, line
	return p
}

// worst returns the highest decision, Allow if there are no problems.
func worst(problems []Problem) Decision {
	d := Allow
	for _, p := range problems {
		d = max(d, p.Decision)
	}
	return d
}

// about sets the commit of problems that have none.
func about(commit string, problems []Problem) []Problem {
	for i := range problems {
		if problems[i].Commit == "" {
			problems[i].Commit = commit
		}
	}
	return problems
}

// short abbreviates an object id for people.
func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// quoted makes text from a repository safe to print. Everything outside ASCII
// is escaped, so that lookalikes show, and the length is bounded.
func quoted(s string) string {
	const limit = 120
	if len(s) > limit {
		return strconv.QuoteToASCII(s[:limit]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
