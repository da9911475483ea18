package secret

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// History is what was found in the versions of files.
type History struct {
	Findings []*finding.Finding // one for each secret, where it came in first
	Versions int                // contents that were searched
	Bytes    int64              // in them
	Passed   []Passed           // versions that were not searched, sorted by path
}

// Passed is a version that was not searched.
type Passed struct{ Path, Commit, Reason string }

// known is a secret of the history.
type known struct {
	order   int // of the version where it came in
	version git.Version
	found   *finding.Finding
	head    string // path of a file at HEAD that has it; "" for none
}

// History searches every content that any file had in the commits that are
// reachable from one and not from the other, once, as git.Local.Versions lists
// them. Only what is found is kept, without the secrets.
func (d *Detector) History(ctx context.Context, repo *git.Local, from, to string) (*History, error) {
	h := &history{detector: d, atHead: map[string]string{}, secrets: map[[sha256.Size]byte]*known{}}
	head, err := repo.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head != "" {
		if err := h.listHead(ctx, repo, head); err != nil {
			return nil, err
		}
	}
	err = h.each(ctx, func(ctx context.Context, do func(git.Version) error) error {
		return repo.Versions(ctx, from, to, MaxSize, do)
	}, h.look)
	if err == nil && from != "" && head != "" && len(h.secrets) > 0 {
		// What a file at HEAD has may be older than the range.
		err = h.each(ctx, func(ctx context.Context, do func(git.Version) error) error {
			return repo.Files(ctx, head, MaxSize, do)
		}, h.lookAtHead)
	}
	if err != nil {
		return nil, err
	}
	return h.result(ctx, repo)
}

// history is a search that is under way.
type history struct {
	detector *Detector
	atHead   map[string]string // paths by blob

	mu      sync.Mutex
	secrets map[[sha256.Size]byte]*known // by rule and secret, of which only the hash is kept
	done    History
}

func (h *history) listHead(ctx context.Context, repo *git.Local, head string) error {
	tree, err := repo.Tree(ctx, head)
	if err != nil {
		return err
	}
	return source.Walk(tree, ".", func(name string, e source.Entry) error {
		if _, other := h.atHead[e.ID]; e.Mode.Regular() && !other {
			h.atHead[e.ID] = name
		}
		return nil
	})
}

// each looks at versions with all processors, while the next ones are read. No
// more of them than twice that are held.
func (h *history) each(ctx context.Context, list func(context.Context, func(git.Version) error) error, look func(int, git.Version)) error {
	group, ctx := errgroup.WithContext(ctx)
	type numbered struct {
		order   int
		version git.Version
	}
	queue := make(chan numbered, runtime.GOMAXPROCS(0))
	group.Go(func() error {
		defer close(queue)
		order := 0
		return list(ctx, func(v git.Version) error {
			order++
			select {
			case queue <- numbered{order, v}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for n := range queue {
				look(n.order, n.version)
			}
			return nil
		})
	}
	return group.Wait()
}

func (h *history) look(order int, v git.Version) {
	reason := ""
	switch {
	case v.Size < 0:
		reason = "not in this clone"
	case v.Content == nil && v.Size > 0:
		reason = TooLarge
	default:
		reason = Unsearchable(v.Content)
	}
	if reason != "" {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.done.Passed = append(h.done.Passed, Passed{v.Path, v.Commit, reason})
		return
	}
	all, hits := h.detector.Findings(source.NewFile(v.Path, v.Content))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done.Versions++
	h.done.Bytes += int64(len(v.Content))
	head := h.atHead[v.Blob]
	for i, hit := range hits {
		key := keyOf(hit, v.Content)
		k := h.secrets[key]
		if k == nil {
			k = &known{order: order + 1}
			h.secrets[key] = k
		}
		if order < k.order {
			all[i].Location = blank(all[i].Location)
			k.order, k.found, k.version = order, all[i], git.Version{Commit: v.Commit, Path: v.Path, Blob: v.Blob}
		}
		if head != "" && (k.head == "" || head < k.head) {
			k.head = head
		}
	}
}

func (h *history) lookAtHead(_ int, v git.Version) {
	for _, hit := range h.detector.Find(v.Path, v.Content) {
		key := keyOf(hit, v.Content)
		h.mu.Lock()
		if k := h.secrets[key]; k != nil && (k.head == "" || v.Path < k.head) {
			k.head = v.Path
		}
		h.mu.Unlock()
	}
}

func keyOf(h Hit, content []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(h.Rule.ID+"\x00"), content[h.Span.Start:h.Span.End]...))
}

// blank is the same place in a file that has nothing but the lines before it, so
// that neither the content nor the secret is kept.
func blank(loc resource.Location) resource.Location {
	at := loc.Position()
	line := loc.File.Line(at.Line)
	shown := utf8.RuneCount(loc.File.Content[loc.Span.Start:max(loc.Span.Start, min(loc.Span.End, line.End))])
	start := at.Line - 1 + at.Column - 1
	content := append(bytes.Repeat([]byte("\n"), at.Line-1), bytes.Repeat([]byte(" "), at.Column-1)...)
	content = append(content, bytes.Repeat([]byte("*"), shown)...)
	return resource.Location{File: source.NewFile(loc.File.Path, content), Span: source.Span{Start: start, End: start + shown}, Exact: true}
}

// result tells of each secret who brought it in, and whether it is still there.
func (h *history) result(ctx context.Context, repo *git.Local) (*History, error) {
	commits := map[string]*git.Commit{}
	for _, k := range h.secrets {
		c := commits[k.version.Commit]
		if c == nil {
			var err error
			if c, err = repo.Commit(ctx, k.version.Commit); err != nil {
				return nil, err
			}
			commits[c.ID] = c
		}
		k.found.Message += "; " + introduced(c) + ", " + stillThere(k)
		h.done.Findings = append(h.done.Findings, k.found)
	}
	finding.Sort(h.done.Findings)
	slices.SortFunc(h.done.Passed, func(a, b Passed) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Commit, b.Commit), cmp.Compare(a.Reason, b.Reason))
	})
	return &h.done, nil
}

func introduced(c *git.Commit) string {
	who := strings.TrimSpace(c.Author.Name)
	if c.Author.Email != "" {
		who = strings.TrimSpace(who + " <" + c.Author.Email + ">")
	}
	return fmt.Sprintf("%s added it in commit %.12s on %s", cmp.Or(who, "somebody"), c.ID, c.Author.When.Format(time.DateOnly))
}

func stillThere(k *known) string {
	switch k.head {
	case "":
		return "and it is not at HEAD any more"
	case k.version.Path:
		return "and it is still at HEAD"
	}
	return "and it is still at HEAD, in " + k.head
}
