package git

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// ConfigValue is one variable of a file in the format of git-config, such as
// .gitmodules.
type ConfigValue struct {
	Name  string // section.subsection.key; section and key are in lower case
	Value string
	Bare  bool // there is no value, which stands for true
	Line  int  // from 1
}

// Split returns the parts of the name. A subsection may hold dots.
func (v ConfigValue) Split() (section, subsection, key string) {
	section, rest, found := strings.Cut(v.Name, ".")
	if !found {
		return "", "", v.Name
	}
	if i := strings.LastIndexByte(rest, '.'); i >= 0 {
		return section, rest[:i], rest[i+1:]
	}
	return section, "", rest
}

// ParseConfig reads a file in the format of git-config, and includes nothing. It
// accepts what git accepts, but for bytes of zero; a mistake is an error that names its
// line.
func ParseConfig(file *source.File) ([]ConfigValue, error) {
	if i := bytes.IndexByte(file.Content, 0); i >= 0 {
		return nil, fmt.Errorf("%s:%d: a byte of zero, at which git stops to read", file.Path, file.Position(i).Line)
	}
	p := &configParser{text: strings.TrimPrefix(string(file.Content), "\ufeff"), line: 1}
	values, err := p.parse()
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file.Path, p.line, err)
	}
	return values, nil
}

// configParser reads byte by byte, as git does.
type configParser struct {
	text string
	at   int
	line int

	section string // with the subsection, and a dot at its end
}

// configEnd stands for the end of the text.
const configEnd = -1

// next returns the next byte. A line break of two bytes counts as one.
func (p *configParser) next() int {
	if p.at >= len(p.text) {
		p.at++
		return configEnd
	}
	c := p.text[p.at]
	p.at++
	if c == '\r' && p.at < len(p.text) && p.text[p.at] == '\n' {
		c = '\n'
		p.at++
	}
	if c == '\n' {
		p.line++
	}
	return int(c)
}

func (p *configParser) parse() (values []ConfigValue, err error) {
	comment := false
	for {
		c := p.next()
		switch {
		case c == configEnd:
			return values, nil
		case c == '\n':
			comment = false
		case comment || isConfigSpace(c):
		case c == '#' || c == ';':
			comment = true
		case c == '[':
			if err := p.header(); err != nil {
				return nil, err
			}
		case !isLetter(c):
			return nil, fmt.Errorf("%s begins no section and no variable", quoteName(string(rune(c))))
		default:
			v, err := p.variable(c)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
	}
}

// header reads what follows the opening bracket of a section.
func (p *configParser) header() error {
	var name strings.Builder
	for {
		switch c := p.next(); {
		case c == ']':
			if name.Len() == 0 {
				return errors.New("a section has no name")
			}
			p.section = name.String() + "."
			return nil
		case isConfigSpace(c):
			p.section = name.String() + "."
			return p.subsection(c)
		case isLetter(c) || isDigit(c) || c == '-' || c == '.':
			name.WriteByte(lower(c))
		default:
			return errors.New("the name of a section does not end")
		}
	}
}

// subsection reads a name in quotes after a blank.
func (p *configParser) subsection(c int) error {
	for isConfigSpace(c) {
		if c == '\n' {
			return errors.New("a line ends within the name of a section")
		}
		c = p.next()
	}
	if c != '"' {
		return errors.New("the name of a subsection stands in double quotes")
	}
	var name strings.Builder
	for {
		c := p.next()
		switch c {
		case '\\':
			c = p.next()
		case '"':
			if p.next() != ']' {
				return errors.New("a subsection is followed by a bracket")
			}
			p.section += name.String() + "."
			return nil
		}
		if c == '\n' || c == configEnd {
			return errors.New("a line ends within the name of a subsection")
		}
		name.WriteByte(byte(c)) //nolint:gosec // it is a byte
	}
}

// variable reads a variable whose first letter was read.
func (p *configParser) variable(c int) (ConfigValue, error) {
	v := ConfigValue{Line: p.line}
	var name strings.Builder
	for ; isLetter(c) || isDigit(c) || c == '-'; c = p.next() {
		name.WriteByte(lower(c))
	}
	v.Name = p.section + name.String()
	for c == ' ' || c == '\t' {
		c = p.next()
	}
	switch c {
	case '\n', configEnd:
		v.Bare = true
		return v, nil
	case '=':
	default:
		return v, fmt.Errorf("the variable %s is not followed by =", quoteName(name.String()))
	}
	var err error
	v.Value, err = p.value()
	return v, err
}

func (p *configParser) value() (string, error) {
	var out []byte
	quoted, comment := false, false
	trim := 0 // bytes of out that stay when blanks at the end are left out
	for {
		c := p.next()
		switch {
		case c == '\n' || c == configEnd:
			if quoted {
				return "", errors.New("a quote does not end")
			}
			return string(out[:trim]), nil
		case comment:
		case isConfigSpace(c) && !quoted:
			if len(out) > 0 {
				out = append(out, byte(c)) //nolint:gosec // it is a byte
			}
		case !quoted && (c == ';' || c == '#'):
			comment = true
		case c == '\\':
			trim = len(out)
			c = p.next()
			switch c {
			case '\n', configEnd:
				continue
			case 't':
				c = '\t'
			case 'b':
				c = '\b'
			case 'n':
				c = '\n'
			case '\\', '"':
			default:
				return "", errors.New("a backslash has no meaning here; write two")
			}
			out = append(out, byte(c)) //nolint:gosec // it is a byte
			trim = len(out)
		case c == '"':
			quoted = !quoted
			trim = len(out)
		default:
			out = append(out, byte(c)) //nolint:gosec // it is a byte
			trim = len(out)
		}
	}
}

func isConfigSpace(c int) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r'
}

func isLetter(c int) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c int) bool  { return '0' <= c && c <= '9' }

func lower(c int) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return byte(c) //nolint:gosec // it is a byte
}
