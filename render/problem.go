package render

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// AsProblem turns the error of a unit or file into a problem at its path, or at
// the place that the error names.
func AsProblem(path string, err error) Problem {
	if problem, ok := errors.AsType[Problem](err); ok {
		return problem
	}
	if syntax, ok := errors.AsType[*resource.SyntaxError](err); ok {
		return Problem{Path: syntax.Path, Position: syntax.Position, Message: syntax.Message}
	}
	problem := Problem{Path: path, Message: strings.TrimPrefix(err.Error(), path+": ")}
	if _, ok := errors.AsType[*source.EscapeError](err); ok {
		problem.Hint = "Replace the link by the file, or move its target below the root."
	}
	return problem
}

// IsSteady reports whether an error is about the files, so that it comes again as
// long as they are the same.
func IsSteady(err error) bool {
	if _, ok := errors.AsType[Problem](err); ok {
		return true
	}
	if _, ok := errors.AsType[*resource.SyntaxError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*source.EscapeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*source.LinkLoopError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*source.TooLargeError](err); ok {
		return true
	}
	return source.IsNotExist(err)
}

// SortProblems orders problems by their places.
func SortProblems(all []Problem) {
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
}
