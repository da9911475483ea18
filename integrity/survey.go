package integrity

import (
	"errors"
	"io/fs"

	"github.com/holdfast-dev/holdfast/source"
)

// KeysOf returns whom a tree lists, without the rules of its trust file: where a
// survey starts, of a history that had no list for a part of its life. A tree
// without a list lists nobody.
func KeysOf(tree source.Tree) (*Signers, error) {
	signers, err := LoadSigners(tree, "", "")
	if errors.Is(err, fs.ErrNotExist) {
		return &Signers{path: DefaultSignersPath}, nil
	}
	if err != nil {
		return nil, err
	}
	keys := *signers
	keys.policy = nil
	return &keys, nil
}
