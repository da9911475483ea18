package dockerfile

import "strings"

// variable is what a name stands for.
type variable struct {
	value    string
	set      bool
	env      bool   // set by ENV, which arguments do not override
	argument bool   // an argument without a default, which is unset unless somebody gives it
	reason   string // why the value is not known
}

// scope is what the instructions of a stage know of variables.
type scope struct {
	own    map[string]variable
	parent *scope // the stage that this one builds upon
	depth  int    // of parents
	image  string // the base image, which may set variables
}

const maxScopes = 100

func newScope(parent *scope, base string) scope {
	s := scope{parent: parent, image: base}
	if parent != nil {
		s.depth = parent.depth + 1
	}
	return s
}

func (s *scope) set(name string, v variable) {
	if s.own == nil {
		s.own = map[string]variable{}
	}
	s.own[name] = v
}

func (s *scope) get(name string) variable {
	if s.depth > maxScopes {
		return variable{reason: "too many stages build upon each other"}
	}
	for {
		if v, ok := s.own[name]; ok {
			return v
		}
		if s.parent == nil {
			break
		}
		s = s.parent
	}
	if s.image != "" {
		return variable{reason: "the variable " + name + " may be set by the base image"}
	}
	return variable{}
}

// variable looks a name up, and counts what it is replaced by.
func (p *parser) variable(s *scope, name string) variable {
	v := s.get(name)
	if p.budget -= len(v.value); p.budget < 0 {
		return variable{reason: "the variables of the file expand to too much"}
	}
	return v
}

// declare notes an argument of a stage, or a global one.
func (p *parser) declare(s *scope, name string, value *expansion) {
	if s.get(name).env {
		return
	}
	v := variable{set: true}
	switch {
	case value != nil && value.reason != "":
		v.reason = value.reason
	case value != nil:
		v.value = value.text
	case s != &p.global && p.global.own[name] != (variable{}):
		v = p.global.own[name]
	case platformArgument(name):
		v.reason = "the argument " + name + " depends on the platform of the build"
	default:
		v.argument, v.reason = true, "the argument "+name+" has no default"
	}
	s.set(name, v)
}

// platformArgument reports whether the builder itself sets an argument.
func platformArgument(name string) bool {
	for _, prefix := range []string{"TARGET", "BUILD"} {
		switch rest, _ := strings.CutPrefix(name, prefix); rest {
		case "PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION":
			return true
		}
	}
	return name == "TARGETSTAGE"
}

// globals are the arguments that FROM knows without a declaration.
var builderArguments = []string{
	"BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT", "BUILDOSVERSION",
	"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "TARGETOSVERSION", "TARGETSTAGE",
}
