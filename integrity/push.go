package integrity

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
)

// RefUpdate is what a push does to one ref. Ids are full, and of zeros where there is
// no object: before a ref is made, and after it is deleted.
type RefUpdate struct{ Ref, Old, New string }

// Creates reports whether there was no such ref before.
func (u RefUpdate) Creates() bool { return isZero(u.Old) }

// Deletes reports whether there is no such ref any more.
func (u RefUpdate) Deletes() bool { return isZero(u.New) }

func isZero(id string) bool { return strings.Trim(id, "0") == "" }

// maxRefName bounds a line of a push, beside its ids, in bytes.
const maxRefName = 4096

// ParseRefUpdates reads lines of an old id, a new id and a ref, as hooks of git are
// given, of which there may be most. No ref may stand there twice.
func ParseRefUpdates(r io.Reader, most int) ([]RefUpdate, error) {
	var updates []RefUpdate
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRefName+2*64)
	for lines.Scan() {
		if len(updates) == most {
			return nil, &git.LimitError{What: "refs in one push", Limit: int64(most)}
		}
		u, err := parseRefUpdate(lines.Text())
		if err != nil {
			return nil, err
		}
		updates = append(updates, u)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return updates, eachOnce(updates)
}

func eachOnce(updates []RefUpdate) error {
	seen := map[string]bool{}
	for _, u := range updates {
		if seen[u.Ref] {
			return fmt.Errorf("the ref %s stands there twice", quoted(u.Ref))
		}
		seen[u.Ref] = true
	}
	return nil
}

func parseRefUpdate(line string) (RefUpdate, error) {
	fields := strings.SplitN(line, " ", 3)
	if len(fields) != 3 {
		return RefUpdate{}, fmt.Errorf("%s is not an old id, a new id and a ref", quoted(line))
	}
	u := RefUpdate{Old: fields[0], New: fields[1], Ref: fields[2]}
	return u, u.Check()
}

// Check fails unless ids are full, the ref has a name, and there is something to do.
func (u RefUpdate) Check() error {
	switch {
	case !isObjectID(u.Old) || !isObjectID(u.New) || len(u.Old) != len(u.New):
		return fmt.Errorf("%s and %s are not two full object ids", quoted(u.Old), quoted(u.New))
	case u.Ref == "":
		return errors.New("the name of a ref is missing")
	case u.Creates() && u.Deletes():
		return fmt.Errorf("the ref %s is neither before nor after the push", quoted(u.Ref))
	}
	return nil
}

// isObjectID reports whether s is the full id of an object, in lower case.
func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

const hintRefName = "Choose another name, and push again."

// RefNames judges the name of a ref that is made, beside those that are there: whether
// programs and people may take it for something else.
func RefNames(ref string, others []string) []Problem {
	space, name := "", ""
	for _, s := range []string{"refs/heads/", "refs/tags/"} {
		if rest, ok := strings.CutPrefix(ref, s); ok {
			space, name = s, rest
		}
	}
	refuse := func(format string, args ...any) []Problem {
		return []Problem{problem(RefName, hintRefName, "the name %s "+format, append([]any{quoted(ref)}, args...)...)}
	}
	if err := git.CheckRef(ref); err != nil {
		var bad *git.RefError
		errors.As(err, &bad)
		return refuse("%s", bad.Reason)
	}
	if space == "" {
		for _, s := range []string{"refs/heads/", "refs/tags/", "refs/replace/"} {
			if len(ref) > len(s) && ref[:len(s)] != s && strings.EqualFold(ref[:len(s)], s) {
				return refuse("differs from those of %s by upper and lower case only", strings.TrimSuffix(s, "/"))
			}
		}
		return nil
	}
	first, _, _ := strings.Cut(name, "/")
	switch {
	case isSpecialRef(name):
		return refuse("is that of a ref which has a meaning of its own")
	case strings.HasPrefix(name, "-"):
		return refuse("begins as an option does")
	case isObjectID(strings.ToLower(name)):
		return refuse("is an object id: programs would take it for that object")
	case !printable(name):
		return refuse("holds characters that do not print")
	case slices.Contains([]string{"refs", "heads", "tags", "remotes"}, strings.ToLower(first)) && first != name:
		return refuse("can be taken for a ref outside of %s", strings.TrimSuffix(space, "/"))
	}
	return append(besideOthers(space, name, others), looks(ref, name)...)
}

// isSpecialRef reports names such as HEAD, in whatever case: file systems differ.
func isSpecialRef(name string) bool {
	name = strings.ToUpper(name)
	return name == "@" || name == "HEAD" || strings.HasSuffix(name, "_HEAD") && !strings.Contains(name, "/")
}

func looks(ref, name string) []Problem {
	if !mixedScripts(strings.NewReplacer("/", " ", "-", " ", ".", " ", "_", " ").Replace(name)) {
		return nil
	}
	return []Problem{problem(IDConfusable, "Read it in its escaped form here, and compare it with the one it looks like.",
		"the name %s mixes alphabets within a word", quoted(ref))}
}

// besideOthers compares a name with those of other refs, of which one may be taken for it.
func besideOthers(space, name string, others []string) []Problem {
	ref := space + name
	twin := map[string]string{"refs/heads/": "refs/tags/", "refs/tags/": "refs/heads/"}[space] + name
	var problems []Problem
	for _, other := range others {
		if other != ref && strings.EqualFold(other, ref) {
			p := problem(RefName, "Names are compared byte by byte here; some file systems keep only one of both.",
				"the name %s differs from %s by upper and lower case only", quoted(ref), quoted(other))
			p.Decision = Warn
			problems = append(problems, p)
		}
		if other == twin {
			p := problem(RefRetarget, "Write full names, such as refs/heads/main, wherever either is meant.",
				"a branch and a tag have one name, %s, of which programs choose one", quoted(name))
			p.Decision = Warn
			problems = append(problems, p)
		}
	}
	return problems
}

// MayMake judges by the trust file who makes a ref, for which it may have a rule. A
// branch is made by whoever signed its tip, a tag by who signed the tag: tag is the
// signature's commit or nil.
func MayMake(ref string, tip *git.Commit, signers *Signers, at time.Time) []Problem {
	if signers == nil || signers.policy == nil {
		return nil
	}
	allowed := signers.policy.Ref(ref).Who
	if len(allowed) == 0 {
		return nil
	}
	if strings.HasPrefix(ref, "refs/tags/") { // a commit does not say who tagged it
		return []Problem{problem(AuthzPath, "Sign the tag (git tag -s), so that it says who made it.",
			"the tag %s is not signed, and %s says that it is for %s", quoted(ref), signers.policy.File(), strings.Join(allowed, ", "))}
	}
	signer, p := verifySignature(tip.Payload, tip.Signature, signers, at)
	if p != nil {
		return about(tip.ID, []Problem{*p})
	}
	if signers.identity(signer).In(allowed) {
		return nil
	}
	return about(tip.ID, []Problem{problem(AuthzPath, "Have the branch made by one of them.",
		"%s may not make %s: that is for %s", quoted(signer.Identity), quoted(ref), strings.Join(allowed, ", "))})
}

// SignedPush is what is known of a push beside its certificate.
type SignedPush struct {
	Certificate        []byte // the blob
	Nonce, NonceStatus string // as git tells its hooks
	Pushees            []string
	Updates            []RefUpdate // all of the push
}

const hintPush = "Push again with --signed, to the address that the server is known by."

// Verify judges who signed a push, and whether it was this one.
func (s SignedPush) Verify(signers *Signers, at time.Time) (Signer, []Problem) {
	c, err := parsePushCertificate(s.Certificate)
	if err != nil {
		return Signer{}, []Problem{problem(SigBad, hintPush, "the push certificate is not accepted: %s", err)}
	}
	signer, p := verifySignature(c.payload, c.signature, signers, at)
	if p != nil {
		p.Message = "the push certificate: " + p.Message
		if p.Code == SigMissing {
			p.Hint = hintPush
		}
		return Signer{}, []Problem{*p}
	}
	var problems []Problem
	add := func(format string, args ...any) {
		problems = append(problems, problem(SigBad, hintPush, format, args...))
	}
	if s.NonceStatus != "OK" || c.nonce == "" || c.nonce != s.Nonce {
		add("the push certificate may be that of an earlier push: its nonce is %s, and not one that the server gave to this push", quoted(strings.ToLower(s.NonceStatus)))
	}
	if !slices.ContainsFunc(s.Pushees, func(one string) bool { return trimURL(one) == trimURL(c.pushee) }) {
		add("the push certificate is for %s, which is not this repository", quoted(c.pushee))
	}
	for _, u := range s.Updates {
		if !slices.Contains(c.updates, u) {
			add("the push certificate does not list that %s goes from %s to %s", quoted(u.Ref), short(u.Old), short(u.New))
		}
	}
	if len(c.updates) > len(s.Updates) {
		add("the push certificate lists %d refs, and the push has %d", len(c.updates), len(s.Updates))
	}
	if signers.policy != nil {
		for _, u := range s.Updates {
			problems = append(problems, asList(signers.mayPush(u.Ref, signer, at))...)
		}
	}
	return signer, problems
}

// mayPush judges by the trust file whether somebody may change a ref.
func (s *Signers) mayPush(ref string, signer Signer, at time.Time) *Problem {
	who, p := s.identify(signer, at)
	if p != nil {
		return p
	}
	allowed := s.policy.Ref(ref).Who
	if len(allowed) == 0 || who.In(allowed) {
		return nil
	}
	refused := problem(AuthzPath, "Have it pushed by one of them.", "%s may not push to %s: that is for %s", who.Name, quoted(ref), strings.Join(allowed, ", "))
	return &refused
}

func trimURL(url string) string { return strings.TrimRight(url, "/") }

// pushCertificate is what somebody signed when pushing.
type pushCertificate struct {
	pushee, nonce      string
	updates            []RefUpdate
	payload, signature []byte
}

const pushVersion = "certificate version 0.1"

// parsePushCertificate reads the format of git's pack protocol: headers, an empty line,
// the updates of refs, and a signature of all that.
func parsePushCertificate(blob []byte) (*pushCertificate, error) {
	at := bytes.Index(blob, []byte("\n-----BEGIN "))
	if at < 0 {
		at = len(blob) - 1
	}
	c := &pushCertificate{}
	if at < 0 {
		return nil, errors.New("it is empty")
	}
	c.payload, c.signature = blob[:at+1], blob[at+1:]
	head, body, ok := strings.Cut(string(c.payload), "\n\n")
	if !ok {
		return nil, errors.New("no empty line ends its headers")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != pushVersion {
		return nil, fmt.Errorf("it begins with %s, not with %q", quoted(lines[0]), pushVersion)
	}
	seen := map[string]bool{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, " ")
		switch name {
		case "pusher", "push-option":
		case "pushee":
			c.pushee = value
		case "nonce":
			c.nonce = value
		default:
			return nil, fmt.Errorf("the header %s is not known", quoted(line))
		}
		if seen[name] && name != "push-option" {
			return nil, fmt.Errorf("the header %s stands there twice", quoted(name))
		}
		seen[name] = true
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		u, err := parseRefUpdate(line)
		if err != nil {
			return nil, err
		}
		c.updates = append(c.updates, u)
	}
	return c, eachOnce(c.updates)
}
