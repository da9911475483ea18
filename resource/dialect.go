package resource

import (
	"strconv"
	"strings"
)

// Dialect is how plain scalars of YAML get their values.
type Dialect uint8

const (
	// YAML11 is what kubectl reads: yes, on and y are booleans, 0644 is octal.
	YAML11 Dialect = iota
	// YAML12 is the core schema of YAML 1.2: yes, on and y are strings, 0644 is
	// 644 and 0o644 is octal. Keys are strings as they are written.
	YAML12
)

// resolve gives a scalar without quotes its value.
func (d Dialect) resolve(v *Value, s string) {
	if d == YAML12 {
		resolveCore(v, s)
		return
	}
	resolvePlain(v, s)
}

// key returns the key that a scalar is.
func (d Dialect) key(v *Value) (string, bool) {
	if d == YAML12 {
		known := v.Kind != Null && v.Kind < List && (v.Kind != Float || !notFinite(v.Float()))
		return v.Str, known
	}
	return keyString(v)
}

// resolveCore gives a scalar its value by the core schema of YAML 1.2. Floats
// with a whole value become an Int, as they do for resolvePlain.
func resolveCore(v *Value, s string) {
	v.Kind, v.Str = String, s
	if s == "" {
		v.Kind = Null
		return
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		resolveCoreNumber(v, s)
	case len(s) <= len("false"):
		switch s {
		case "~", "null", "Null", "NULL":
			v.Kind, v.Str = Null, ""
		case "true", "True", "TRUE":
			v.Kind, v.Bool = Bool, true
		case "false", "False", "FALSE":
			v.Kind = Bool
		}
	}
}

func resolveCoreNumber(v *Value, s string) {
	if f, ok := special(s); ok {
		v.setFloat(f)
		return
	}
	base, text := 10, s
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		base, text = 16, rest
	} else if rest, ok := strings.CutPrefix(s, "0o"); ok {
		base, text = 8, rest
	}
	if base != 10 && signLen(text) > 0 {
		return
	}
	if n, err := strconv.ParseInt(text, base, 64); err == nil {
		v.Kind, v.Int = Int, n
	} else if base == 10 && isFloat(s) {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			v.setFloat(f)
		}
	}
}
