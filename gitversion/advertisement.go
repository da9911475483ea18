package gitversion

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Advertisement is what a server says of itself before it gives anything out.
type Advertisement struct {
	Protocol     int               // 0, 1 or 2
	Agent        string            // as it was sent; it can be anything
	Format       string            // of objects: sha1 or sha256
	Capabilities map[string]string // by name; "" for those without a value
}

// maxCapabilities bounds lines and words that are looked at, and maxAnswer the bytes.
const (
	maxCapabilities = 200
	maxAnswer       = 1 << 20
	maxPacket       = 65520 // bytes, as the protocol has it
)

// ReadAdvertisement reads what a server of git-upload-pack sends first, as little of it
// as tells the capabilities.
func ReadAdvertisement(r io.Reader) (*Advertisement, error) {
	in := bufio.NewReader(io.LimitReader(r, maxAnswer))
	line, err := readPacket(in)
	if err == nil && bytes.HasPrefix(line, []byte("# service=")) { // of HTTP; a flush follows
		if _, err = readPacket(in); err == nil {
			line, err = readPacket(in)
		}
	}
	if err != nil {
		return nil, err
	}
	s := &Advertisement{Capabilities: map[string]string{}, Format: "sha1"}
	switch text := strings.TrimSuffix(string(line), "\n"); {
	case strings.HasPrefix(text, "ERR "):
		return nil, fmt.Errorf("the server refuses: %.200q", strings.TrimPrefix(text, "ERR "))
	case text == "version 2":
		s.Protocol = 2
		err = s.readLines(in)
	case text == "version 1":
		s.Protocol = 1
		if line, err = readPacket(in); err == nil {
			err = s.readRef(string(line))
		}
	default:
		err = s.readRef(text)
	}
	return s, err
}

func (s *Advertisement) readLines(in *bufio.Reader) error {
	for range maxCapabilities {
		line, err := readPacket(in)
		if err != nil {
			return err
		}
		if line == nil {
			return nil
		}
		s.add(strings.TrimSuffix(string(line), "\n"))
	}
	return fmt.Errorf("the server sends more than %d capabilities", maxCapabilities)
}

// readRef reads the first ref, after whose NUL the capabilities are.
func (s *Advertisement) readRef(line string) error {
	ref, capabilities, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\x00")
	if id, _, _ := strings.Cut(ref, " "); !ok || len(id) != 40 && len(id) != 64 {
		return errors.New("the server sends no capabilities, and is none of Git")
	}
	words := strings.Fields(capabilities)
	for _, word := range words[:min(len(words), maxCapabilities)] {
		s.add(word)
	}
	return nil
}

func (s *Advertisement) add(capability string) {
	name, value, _ := strings.Cut(capability, "=")
	s.Capabilities[name] = value
	switch name {
	case "agent":
		s.Agent = value
	case "object-format":
		s.Format = value
	}
}

// readPacket reads one packet line; nil for those that only end something.
func readPacket(in *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("the server says nothing more: %w", err)
	}
	size, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil || size == 3 || size > maxPacket:
		return nil, errors.New("the server does not speak Git's protocol")
	case size < 4:
		return nil, nil
	}
	line := make([]byte, size-4)
	if _, err := io.ReadFull(in, line); err != nil {
		return nil, fmt.Errorf("the server says nothing more: %w", err)
	}
	return line, nil
}

// Version returns what the agent line says.
func (s *Advertisement) Version() Version {
	v, err := Parse(s.Agent)
	if err != nil {
		return Version{Product: Other, Text: v.Text}
	}
	return v
}

// sinceOf are the releases of Git that first sent a capability, or a word of one.
var sinceOf = []struct {
	name, word string
	since      Number
}{
	{"promisor-remote", "", Number{2, 49}}, {"bundle-uri", "", Number{2, 40}}, {"object-info", "", Number{2, 32}},
	{"fetch", "wait-for-done", Number{2, 32}}, {"ls-refs", "unborn", Number{2, 31}}, {"session-id", "", Number{2, 30}}, {"object-format", "", Number{2, 28}},
}

// AtLeast returns the oldest release of Git that has all that the server offers, and
// the capability that shows it; zero if there is none.
func (s *Advertisement) AtLeast() (Number, string) {
	for _, c := range sinceOf {
		value, ok := s.Capabilities[c.name]
		if ok && (c.word == "" || strings.Contains(" "+value+" ", " "+c.word+" ")) {
			return c.since, strings.TrimSuffix(c.name+"="+c.word, "=")
		}
	}
	return Number{}, ""
}
