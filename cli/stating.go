package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/trust"
)

// stating is what the commands share that make signed statements.
type stating struct {
	*app
	key, expires, push string

	repo    *git.Local
	signers *integrity.Signers
	policy  *trust.Trust
	now     time.Time
}

func (s *stating) register(cmd *cobra.Command, expires string) {
	f := cmd.Flags()
	f.StringVar(&s.key, "key", "", "`file` of your private SSH key, or of the public one if the SSH agent has the other; by default that with which Git signs your commits")
	f.StringVar(&s.expires, "expires", expires, "`time` for which it counts, such as 7d or 36h, at most 90d")
	f.StringVar(&s.push, "push", "", "publish it to a `remote`, such as origin")
}

// open opens the repository around the current directory; the caller closes it.
func (s *stating) open(ctx context.Context) error {
	root := workTree(mustAbs("."))
	if root == "" {
		return errors.New("this is no work tree of Git")
	}
	var err error
	if s.repo, err = git.OpenLocal(git.LocalOptions{WorkTree: root}); err != nil {
		return err
	}
	if s.key == "" {
		if s.key = s.repo.SigningKey(ctx); s.key == "" {
			return withHint(errors.Join(errors.New("there is no key to sign with"), s.repo.Close()), "name your SSH key with --key, such as ~/.ssh/id_ed25519")
		}
	}
	return nil
}

// trustOf reads whom a commit trusts: by that the statement is judged.
func (s *stating) trustOf(ctx context.Context, commit string) error {
	tree, err := s.repo.Tree(ctx, commit)
	if err != nil {
		return err
	}
	if s.signers, err = integrity.LoadSigners(tree, "", ""); err != nil {
		return err
	}
	s.policy = s.signers.Policy()
	if s.policy == nil || s.policy.Repository == "" {
		return withHint(fmt.Errorf("commit %.12s has no %s that names the repository, and without it no statement counts", commit, trust.Path),
			"write one: holdfast trust init")
	}
	return nil
}

// until is when a statement ends that is made now.
func (s *stating) until() (time.Time, error) {
	d, err := validity(s.expires)
	if err != nil {
		return time.Time{}, withHint(err, "write a number of days or hours, such as 7d or 36h")
	}
	if d > integrity.MaxValidity {
		return time.Time{}, withHint(fmt.Errorf("%s is too long: statements count for at most %d days", s.expires, integrity.MaxValidity/(24*time.Hour)),
			"state it again when it is needed")
	}
	s.now = time.Now().UTC().Truncate(time.Second)
	return s.now.Add(d), nil
}

func validity(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n > 0 && n <= 10_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
		return 0, fmt.Errorf("%q is no time span", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Minute {
		return 0, fmt.Errorf("%q is no time span", text)
	}
	return d.Truncate(time.Second), nil
}

// sign signs a statement with the user's key, which ssh-keygen reads or asks the agent
// for, and makes sure that it will count.
func (s *stating) sign(ctx context.Context, st integrity.Statement) (blob []byte, who *trust.Identity, err error) {
	if err := st.Check(); err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-Y", "sign", "-n", st.Kind.Namespace(), "-f", s.key)
	cmd.Stdin = bytes.NewReader(st.Text())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		reason := err.Error()
		if lines := strings.Split(strings.TrimSpace(stderr.String()), "\n"); lines[0] != "" {
			reason = lines[len(lines)-1]
		}
		return nil, nil, withHint(fmt.Errorf("it could not be signed with %s: %s", report.Plain(s.key), report.Plain(reason)),
			"name your SSH key with --key, such as ~/.ssh/id_ed25519; OpenPGP keys do not sign statements")
	}
	blob = append(st.Text(), stdout.Bytes()...)
	if who, err = integrity.Stated(blob, s.signers, s.now); err != nil {
		return nil, nil, withHint(fmt.Errorf("it would not count: %w", err), "nothing was written; sign with a key that %s knows", s.policy.File())
	}
	return blob, who, nil
}

// maxPushes bounds how often somebody else may have been faster.
const maxPushes = 3

// publish puts statements on the ref, and pushes it if that is wanted.
func (s *stating) publish(ctx context.Context, blobs [][]byte, message string) error {
	files := map[string][]byte{}
	for _, blob := range blobs {
		files[integrity.StatementName(blob)] = blob
	}
	p := s.printer()
	if s.push == "" {
		if _, err := s.repo.Append(ctx, integrity.StatementsRef, "", files, message); err != nil {
			return err
		}
		p.Printf("Written to %s; publish it with: git push origin %[1]s", integrity.StatementsRef)
		return p.Err()
	}
	for try := 1; ; try++ {
		theirs, err := s.repo.Obtain(ctx, s.push, integrity.StatementsRef)
		if err != nil {
			return err
		}
		if _, err := s.repo.Append(ctx, integrity.StatementsRef, theirs, files, message); err != nil {
			return err
		}
		err = s.repo.Push(ctx, s.push, integrity.StatementsRef)
		if err == nil {
			p.Printf("Published to %s of %s.", integrity.StatementsRef, report.Plain(s.push))
			return p.Err()
		}
		if _, rejected := errors.AsType[*git.RejectedError](err); !rejected || try == maxPushes {
			return withHint(err, "the statement is kept in %s here", integrity.StatementsRef)
		}
	}
}

// fullRef makes the full name of a branch.
func fullRef(name string) string {
	if strings.HasPrefix(name, "refs/") {
		return name
	}
	return "refs/heads/" + name
}
