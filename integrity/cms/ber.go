package cms

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
)

// The tags of what signatures are made of.
const (
	tagInteger           = 0x02
	tagOctets            = 0x04
	tagNull              = 0x05
	tagOID               = 0x06
	tagSequence          = 0x30
	tagSet               = 0x31
	tagContext0Primitive = 0x80
	tagContext0          = 0xa0
	tagContext1          = 0xa1

	constructed = 0x20
	maxDepth    = 32
)

// node is one element. Raw is the whole of it, nil if it or anything in it was
// written with an indefinite length, so that it is not DER.
type node struct {
	tag      byte // 0 for none
	content  []byte
	raw      []byte
	children []node
}

func (n node) is(tag byte) error {
	if n.tag != tag {
		return fmt.Errorf("element %#x where %#x must be", n.tag, tag)
	}
	return nil
}

// parse reads the first element of data. Lengths are as short as they can be, or
// indefinite.
func parse(data []byte, depth int) (n node, rest []byte, err error) {
	if depth > maxDepth {
		return n, nil, errors.New("elements are nested too deeply")
	}
	if len(data) < 2 || data[0]&0x1f == 0x1f || data[0] == 0 {
		return n, nil, errors.New("an element is cut short, or of an unknown kind")
	}
	n.tag = data[0]
	length, used, err := elementLength(data[1:])
	if err != nil {
		return n, nil, err
	}
	start := 1 + used
	if length < 0 {
		if n.tag&constructed == 0 {
			return n, nil, errors.New("an element without parts has no length")
		}
		return indefinite(n, data[start:], depth)
	}
	if length > len(data)-start {
		return n, nil, errors.New("an element is longer than what holds it")
	}
	n.content, n.raw, rest = data[start:start+length], data[:start+length], data[start+length:]
	if n.tag&constructed == 0 {
		return n, rest, nil
	}
	for left := n.content; len(left) > 0; {
		var child node
		if child, left, err = parse(left, depth+1); err != nil {
			return n, nil, err
		}
		if child.raw == nil {
			n.raw = nil
		}
		n.children = append(n.children, child)
	}
	return n, rest, nil
}

// indefinite reads parts up to the mark that ends them.
func indefinite(n node, data []byte, depth int) (node, []byte, error) {
	for !bytes.HasPrefix(data, []byte{0, 0}) {
		child, rest, err := parse(data, depth+1)
		if err != nil {
			return n, nil, err
		}
		n.children, data = append(n.children, child), rest
	}
	return n, data[2:], nil
}

// elementLength reads a length, -1 if it is indefinite, and how many bytes it
// takes.
func elementLength(data []byte) (length, used int, err error) {
	first := int(data[0])
	switch {
	case first < 0x80:
		return first, 1, nil
	case first == 0x80:
		return -1, 1, nil
	case first > 0x83 || len(data) < 1+first&0x7f:
		return 0, 0, errors.New("a length is too large, or cut short")
	}
	for _, b := range data[1 : 1+first&0x7f] {
		length = length<<8 | int(b)
	}
	if data[1] == 0 || length < 0x80 {
		return 0, 0, errors.New("a length is not as short as it can be")
	}
	return length, 1 + first&0x7f, nil
}

// integer reads a positive number in its shortest form.
func integer(content []byte) (*big.Int, error) {
	if len(content) == 0 || content[0]&0x80 != 0 || len(content) > 1 && content[0] == 0 && content[1]&0x80 == 0 {
		return nil, errors.New("a number is negative, or not as short as it can be")
	}
	return new(big.Int).SetBytes(content), nil
}

// cursor takes elements one after the other. What is missing is the zero node,
// which end tells of.
type cursor struct {
	nodes []node
	err   error
}

// take returns the next element, which must have the tag.
func (c *cursor) take(tag byte) node {
	n := c.optional(tag)
	if n.tag == 0 && c.err == nil {
		c.err = fmt.Errorf("element %#x is missing", tag)
	}
	return n
}

// optional returns the next element if it has the tag.
func (c *cursor) optional(tag byte) node {
	if c.err != nil || len(c.nodes) == 0 || c.nodes[0].tag != tag {
		return node{}
	}
	n := c.nodes[0]
	c.nodes = c.nodes[1:]
	return n
}

// end fails if an element was missing, or is left over.
func (c *cursor) end() error {
	if c.err == nil && len(c.nodes) > 0 {
		return errors.New("elements that do not belong there")
	}
	return c.err
}
