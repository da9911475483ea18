package resource

import (
	"math"
	"strconv"
	"strings"
)

// resolvePlain gives a scalar without quotes its value by the rules of YAML 1.1
// as kubectl reads it: yes, on and y are booleans, 0644 is octal, timestamps are
// strings. A Float with a whole value becomes an Int, since that is what is left
// of it in JSON.
func resolvePlain(v *Value, s string) {
	v.Kind, v.Str = String, s
	if s == "" {
		v.Kind = Null
		return
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+':
		if f, ok := special(s); ok {
			v.setFloat(f)
			return
		}
		resolveNumber(v, s)
	case c == '.':
		if f, ok := special(s); ok {
			v.setFloat(f)
		} else if f, err := strconv.ParseFloat(s, 64); err == nil {
			v.setFloat(f)
		}
	case len(s) > len("false"):
	default:
		resolveWord(v, s)
	}
}

func resolveWord(v *Value, s string) {
	switch s {
	case "~", "null", "Null", "NULL":
		v.Kind, v.Str = Null, ""
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		v.Kind, v.Bool = Bool, true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		v.Kind = Bool
	}
}

// special reads the floats that JSON has no notation for.
func special(s string) (float64, bool) {
	switch s {
	case ".nan", ".NaN", ".NAN":
		return math.NaN(), true
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1), true
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1), true
	}
	return 0, false
}

func notFinite(f float64) bool { return math.IsInf(f, 0) || math.IsNaN(f) }

func resolveNumber(v *Value, s string) {
	if n, ok := shortDecimal(s); ok {
		v.Kind, v.Int = Int, n
		return
	}
	if !mayBeNumber(s) {
		return
	}
	plain := s
	if strings.IndexByte(s, '_') >= 0 {
		plain = strings.ReplaceAll(s, "_", "")
	}
	if n, err := strconv.ParseInt(plain, 0, 64); err == nil {
		v.Kind, v.Int = Int, n
	} else if n, err := strconv.ParseUint(plain, 0, 64); err == nil {
		v.Kind, v.Amend().Float = Float, float64(n)
	} else if isFloat(plain) {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			v.setFloat(f)
		}
	} else if rest, ok := strings.CutPrefix(plain, "0b"); ok {
		if n, err := strconv.ParseInt(rest, 2, 64); err == nil {
			v.Kind, v.Int = Int, n
		}
	}
}

// shortDecimal reads what most numbers are: a few digits without a leading zero.
func shortDecimal(s string) (int64, bool) {
	if len(s) > 18 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

// mayBeNumber excludes quantities, versions, dates and addresses without the
// cost of an error.
func mayBeNumber(s string) bool {
	dots := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c == '_' || c == '+' || c == '-':
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == 'x' || c == 'X' || c == 'o' || c == 'O':
		case c == '.':
			if dots++; dots > 1 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isInteger reports whether s is a whole number in one of the notations of
// YAML 1.1, and not a float with a whole value.
func isInteger(s string) bool {
	plain := strings.ReplaceAll(s, "_", "")
	if _, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(plain, 0, 64)
	return err == nil
}

// isFloat reports whether s has the form [-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?
func isFloat(s string) bool {
	s = s[signLen(s):]
	whole := digits(s)
	s = s[whole:]
	if len(s) > 0 && s[0] == '.' {
		fraction := digits(s[1:])
		if whole+fraction == 0 {
			return false
		}
		s = s[1+fraction:]
	} else if whole == 0 {
		return false
	}
	if len(s) > 0 && s[0]|0x20 == 'e' {
		s = s[1:]
		s = s[signLen(s):]
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return s == ""
}

func signLen(s string) int {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return 1
	}
	return 0
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// setFloat makes v a number, an Int when JSON would show it as one.
func (v *Value) setFloat(f float64) {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<63 {
		if n, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err == nil {
			v.Kind, v.Int = Int, n
			return
		}
	}
	v.Kind, v.Amend().Float = Float, f
}

// keyString returns the key that a scalar becomes in JSON, where all keys are
// strings. Null and numbers out of range become none.
func keyString(v *Value) (key string, ok bool) {
	switch v.Kind {
	case String:
		return v.Str, true
	case Bool:
		return strconv.FormatBool(v.Bool), true
	case Int, Float:
		return numberKey(v.Str)
	}
	return "", false
}

func numberKey(s string) (string, bool) {
	plain := s
	if s[0] != '.' {
		plain = strings.ReplaceAll(s, "_", "")
	}
	if n, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return strconv.FormatInt(n, 10), true
	}
	if _, ok := special(s); ok {
		return "", false
	}
	if _, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return "", false
	}
	if f, err := strconv.ParseFloat(plain, 64); err == nil {
		return strconv.FormatFloat(f, 'g', -1, 32), math.Abs(f) <= math.MaxFloat32
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(plain, "0b"), 2, 64)
	return strconv.FormatInt(n, 10), err == nil
}
