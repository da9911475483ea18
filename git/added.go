package git

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/source"
)

// Version is a file as a commit made it, where this content came into a history
// first. Content is nil if there are more bytes than were asked for, or if the
// clone does not have it: Size is -1 then.
type Version struct {
	Commit, Path, Blob string
	Size               int64
	Content            []byte
}

// atOnce is how many objects are asked for together.
const atOnce = 256

// Versions calls each with every content that a file ever had in the commits that
// are reachable from one and not from the other: once for each content, older
// commits first. Two empty names stand for all that any ref and HEAD lead to.
// Contents above limit bytes are not read. Memory grows with the number of
// contents, by some 50 bytes for each, and not with their size.
func (l *Local) Versions(ctx context.Context, from, to string, limit int64, each func(Version) error) error {
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan []Version, 4)
	group.Go(func() error {
		defer close(batches)
		return l.m.additions(ctx, from, to, func(batch []Version) error {
			select {
			case batches <- batch:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		for batch := range batches {
			if err := l.contents(ctx, batch, limit, each); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// contents reads the contents of some versions.
func (l *Local) contents(ctx context.Context, batch []Version, limit int64, each func(Version) error) error {
	ids := make([]string, len(batch))
	for i, v := range batch {
		ids[i] = v.Blob
	}
	next := 0
	return l.m.batch.read(ctx, ids, limit, func(o object) error {
		v := batch[next]
		next++
		v.Size, v.Content = o.size, o.content
		if o.kind != "blob" {
			v.Size, v.Content = -1, nil
		}
		return each(v)
	})
}

// additions lists contents where they appear first, without reading them.
func (m *Mirror) additions(ctx context.Context, from, to string, send func([]Version) error) error {
	args := []string{"log", "--raw", "-z", "--no-abbrev", "--no-renames", "--root", "-c", "--no-ext-diff", "--no-textconv",
		"--ignore-submodules=all", "--reverse", "--date-order", "--no-decorate", "--no-color", "--format=tformat:commit %H"}
	if to == "" {
		args = append(args, "--all", "HEAD")
	} else {
		args = append(args, to)
		if from != "" {
			args = append(args, "^"+from)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := m.command(ctx, m.environment(), append(args, "--")...)
	stderr := &tail{}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = readAdditions(bufio.NewReaderSize(out, 64<<10), send)
	if err != nil {
		cancel() // nobody reads on
	}
	waited := cmd.Wait()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case waited != nil:
		return &runError{command: "log", code: cmd.ProcessState.ExitCode(), stderr: stderr.String(), text: m.remote.clean(stderr.String()), err: waited}
	}
	return nil
}

// readAdditions reads what git log writes: for each commit its name, and for each
// file modes, ids and a status, then the path. Of a merge only what differs from
// all its parents is there, with as many colons as parents.
func readAdditions(in *bufio.Reader, send func([]Version) error) error {
	seen := map[[20]byte]struct{}{}
	var batch []Version
	commit := ""
	for {
		field, err := in.ReadString(0)
		if errors.Is(err, io.EOF) && strings.TrimSpace(field) == "" {
			break
		}
		if err != nil {
			return fmt.Errorf("git log: %w", err)
		}
		field = strings.TrimLeft(strings.TrimSuffix(field, "\x00"), "\n")
		if id, ok := strings.CutPrefix(field, "commit "); ok && isID(id) {
			commit = id
			continue
		}
		if field == "" {
			continue
		}
		modes, blob, err := rawChange(field)
		if err != nil {
			return err
		}
		name, err := in.ReadString(0)
		if err != nil {
			return fmt.Errorf("git log: %w", err)
		}
		name = strings.TrimSuffix(name, "\x00")
		if mode, ok := treeMode(modes); !ok || !mode.Regular() || !unseen(seen, blob) {
			continue
		}
		batch = append(batch, Version{Commit: commit, Path: strings.ToValidUTF8(name, "\uFFFD"), Blob: blob})
		if len(batch) == atOnce {
			if err := send(batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	if len(batch) > 0 {
		return send(batch)
	}
	return nil
}

// rawChange returns the mode and the id that a file has after a change.
func rawChange(field string) (mode, id string, err error) {
	parents := len(field) - len(strings.TrimLeft(field, ":"))
	fields := strings.Fields(field[parents:])
	if parents == 0 || len(fields) != 2*(parents+1)+1 || !isID(fields[2*parents+1]) {
		return "", "", fmt.Errorf("git log: unexpected line %s", quoteName(field))
	}
	return fields[parents], fields[2*parents+1], nil
}

// unseen notes an id, of which 160 bits are enough to tell it from others.
func unseen(seen map[[20]byte]struct{}, id string) bool {
	var key [20]byte
	if _, err := hex.Decode(key[:], []byte(id[:40])); err != nil {
		return false
	}
	_, ok := seen[key]
	seen[key] = struct{}{}
	return !ok
}

// Files calls each with the content of every file of a commit that has no more
// than limit bytes.
func (l *Local) Files(ctx context.Context, commit string, limit int64, each func(Version) error) error {
	tree, err := l.Tree(ctx, commit)
	if err != nil {
		return err
	}
	var all []Version
	err = source.Walk(tree, ".", func(name string, e source.Entry) error {
		if e.Mode.Regular() {
			all = append(all, Version{Commit: commit, Path: name, Blob: e.ID})
		}
		return nil
	})
	for err == nil && len(all) > 0 {
		n := min(atOnce, len(all))
		err = l.contents(ctx, all[:n], limit, each)
		all = all[n:]
	}
	return err
}

// IsShallow reports whether the repository has only a part of its history.
func (l *Local) IsShallow(ctx context.Context) (bool, error) {
	out, err := l.m.run(ctx, l.m.environment(), "rev-parse", "--is-shallow-repository")
	return strings.TrimSpace(string(out)) == "true", err
}
