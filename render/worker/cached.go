package worker

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"sync"

	"github.com/holdfast-dev/holdfast/source"
)

// Store keeps bytes under names of hexadecimal digits for as long as it likes.
// It is safe for concurrent use.
type Store interface {
	Get(name string) ([]byte, bool)
	Put(name string, data []byte)
}

// Cached returns a runner that asks another one only if no earlier run of the job,
// with the same request, saw the same files. Program tells apart programs whose
// jobs may return something else.
//
// Responses may hold what is secret, and so they are encrypted. The key is made of
// the files that were read: whoever has them could run the job, and nobody else
// can read the response, nor make up another one.
func Cached(runner Runner, store Store, program string) Runner {
	return &cached{runner, store, program}
}

type cached struct {
	runner  Runner
	store   Store
	program string
}

// mostKept is how many responses to one request are kept: those of branches, and
// of both sides of a comparison.
const mostKept = 4

// kept is a response, and the facts that it depends on besides the contents that
// were read: of these it has the paths, and the key has the rest.
type kept struct {
	deps   source.Deps
	text   []byte // the facts as they are written, which are authenticated too
	sealed []byte
}

// Run implements Runner. What went wrong is not kept: it may have been bad luck.
func (c *cached) Run(ctx context.Context, job string, tree source.Tree, request []byte) ([]byte, error) {
	name := c.name(job, tree, request)
	data, _ := c.store.Get(name)
	all := decodeKept(data)
	for _, k := range all {
		if response, ok := k.open(tree, request); ok {
			return response, nil
		}
	}
	reads := &reads{Recorder: source.Record(tree), sums: map[string][sha256.Size]byte{}}
	response, err := c.runner.Run(ctx, job, reads, request)
	if err != nil {
		return nil, err
	}
	if k, ok := reads.keep(request, response); ok {
		c.store.Put(name, encodeKept(append([]kept{k}, all[:min(len(all), mostKept-1)]...)))
	}
	return response, nil
}

func (c *cached) name(job string, tree source.Tree, request []byte) string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(c.program), []byte(job), []byte(tree.Revision().Source), request} {
		writePart(h, part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// open returns the response if all that it depends on is so in a tree. With other
// contents there is another key, which does not fit.
func (k kept) open(tree source.Tree, request []byte) ([]byte, bool) {
	sums := map[string][sha256.Size]byte{}
	for _, dep := range k.deps {
		if !isRead(dep) {
			if !(source.Deps{dep}).Match(tree) {
				return nil, false
			}
			continue
		}
		content, err := tree.ReadFile(dep.Path)
		if err != nil {
			return nil, false
		}
		sums[dep.Path] = sha256.Sum256(content)
	}
	aead, err := newAEAD(k.deps, sums, request)
	if err != nil || len(k.sealed) < aead.NonceSize() {
		return nil, false
	}
	nonce, text := k.sealed[:aead.NonceSize()], k.sealed[aead.NonceSize():]
	response, err := aead.Open(nil, nonce, text, k.text)
	return response, err == nil
}

// isRead reports whether a fact is a content that the key has. Of a file that was
// only looked at, the fact has the identity.
func isRead(dep source.Dep) bool { return dep.Kind == source.DepRead && dep.ID == "" }

// reads is a tree that notes the contents that it showed.
type reads struct {
	*source.Recorder
	mu   sync.Mutex
	sums map[string][sha256.Size]byte
	torn bool // a file was read twice and had changed
}

func (r *reads) ReadFile(name string) ([]byte, error) {
	content, err := r.Recorder.ReadFile(name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.sums[name]; ok && before != sum {
		r.torn = true
	}
	r.sums[name] = sum
	return content, nil
}

// keep returns what is kept of a response. A failure that nobody can check is no
// fact to keep it for.
func (r *reads) keep(request, response []byte) (k kept, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, dep := range r.Deps() {
		if _, read := r.sums[dep.Path]; read && dep.Kind == source.DepRead {
			dep.ID = ""
		}
		if dep.Kind == source.DepFailed && dep.ID == "" {
			return k, false
		}
		k.deps = append(k.deps, dep)
	}
	aead, err := newAEAD(k.deps, r.sums, request)
	if err != nil || r.torn {
		return k, false
	}
	if k.text, err = json.Marshal(k.deps); err != nil {
		return k, false
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // which never fails
	k.sealed = aead.Seal(nonce, nonce, response, k.text)
	return k, true
}

// newAEAD returns a cipher for what depends on a request and on the contents that
// were read.
func newAEAD(deps source.Deps, sums map[string][sha256.Size]byte, request []byte) (cipher.AEAD, error) {
	h := sha256.New()
	writePart(h, request)
	for _, dep := range deps {
		if isRead(dep) {
			sum := sums[dep.Path]
			writePart(h, []byte(dep.Path))
			writePart(h, sum[:])
		}
	}
	key, err := hkdf.Key(sha256.New, h.Sum(nil), nil, "response of a job", sha256.Size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func writePart(h hash.Hash, part []byte) {
	fmt.Fprintf(h, "%d:", len(part))
	h.Write(part)
}

func encodeKept(all []kept) (data []byte) {
	for _, k := range all {
		for _, part := range [][]byte{k.text, k.sealed} {
			data = binary.AppendUvarint(data, uint64(len(part)))
			data = append(data, part...)
		}
	}
	return data
}

// decodeKept returns what can be read of it: the rest is as if it were not there.
func decodeKept(data []byte) (all []kept) {
	part := func() (one []byte) {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > uint64(len(data)-size) {
			data = nil
			return nil
		}
		one, data = data[size:size+int(n)], data[size+int(n):]
		return one
	}
	for len(data) > 0 && len(all) < mostKept {
		k := kept{text: part()}
		k.sealed = part()
		if k.sealed == nil || json.Unmarshal(k.text, &k.deps) != nil {
			break
		}
		all = append(all, k)
	}
	return all
}
