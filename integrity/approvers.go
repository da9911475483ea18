package integrity

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// DefaultApproversPath is where a repository says who may accept risks.
const DefaultApproversPath = ".holdfast/approvers"

// Approvers are who may accept risks, and up to which severity. They are as
// trusted as the signers of the same commit. They are those of the file, and who has
// the role waiver in the trust file. Where nobody is named, every signer may accept
// risks up to medium.
type Approvers struct {
	most map[string]finding.Severity // by e-mail; nil if nobody is named
}

// May reports whether a signer may accept a risk of a severity.
func (a *Approvers) May(s Signer, severity finding.Severity) bool {
	if a == nil || a.most == nil {
		return s.Identity != "" && severity <= finding.Medium
	}
	for _, email := range s.emails {
		if most, ok := a.most[email]; ok && severity <= most {
			return true
		}
	}
	return false
}

// LoadApprovers reads the file at path, or at the default path if that is empty.
// A tree without the file names nobody. Errors are as those of LoadSigners.
func LoadApprovers(tree source.Tree, path string) (*Approvers, error) {
	path = cmp.Or(path, DefaultApproversPath)
	a := &Approvers{}
	data, err := readRegular(tree, path)
	if err == nil {
		a, err = ParseApprovers(path, data)
	}
	if err != nil && !source.IsNotExist(err) {
		return nil, err
	}
	if data, err = readRegular(tree, trust.Path); source.IsNotExist(err) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	rules, err := trust.Parse(trust.Path, data)
	if err != nil {
		return nil, err
	}
	for _, who := range rules.Identities {
		if !who.Has(trust.Waiver) {
			continue
		}
		if a.most == nil {
			a.most = map[string]finding.Severity{}
		}
		for _, email := range who.Emails {
			a.most[email] = finding.Critical
		}
	}
	return a, nil
}

func readRegular(tree source.Tree, path string) ([]byte, error) {
	if _, err := statRegular(tree, path); err != nil {
		return nil, err
	}
	return tree.ReadFile(path)
}

// ParseApprovers parses lines of "e-mail severity", with comments after #. The
// error joins all mistakes, each a SyntaxError.
func ParseApprovers(path string, data []byte) (*Approvers, error) {
	if len(data) > maxSignersFile {
		return nil, &FileError{path, fmt.Errorf("has %d bytes, more than the limit of %d", len(data), maxSignersFile)}
	}
	file := source.NewFile(path, data)
	a := &Approvers{most: map[string]finding.Severity{}}
	var errs []error
	offset := 0
	for line := range bytes.Lines(data) {
		text, _, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), "#")
		if fields := splitFields(offset, text); len(fields) > 0 && len(errs) < maxMistakes {
			if at, err := a.add(fields); err != nil {
				pos := file.Position(at)
				errs = append(errs, &SyntaxError{File: path, Line: pos.Line, Column: pos.Column, Message: err.Error()})
			}
		}
		offset += len(line)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return a, nil
}

// add enters a line. With an error comes its place.
func (a *Approvers) add(fields []field) (int, error) {
	email := fields[0]
	switch {
	case len(fields) != 2:
		return email.offset, errors.New("write an e-mail and the highest severity, such as alice@example.com high")
	case !strings.Contains(email.text, "@") || !printable(email.text) || strings.ContainsAny(email.text, "*?!,\"\\"):
		return email.offset, fmt.Errorf("%s is not one e-mail address", quoted(email.text))
	}
	severity, err := finding.ParseSeverity(fields[1].text)
	if err != nil {
		return fields[1].offset, err
	}
	if _, twice := a.most[email.text]; twice {
		return email.offset, fmt.Errorf("%s stands here twice", quoted(email.text))
	}
	a.most[email.text] = severity
	return 0, nil
}
