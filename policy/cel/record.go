package cel

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"github.com/holdfast-dev/holdfast/resource"
)

// place is where a value of the resource is, or would be.
type place struct {
	parent *place // nil for the root
	step   resource.Step
	absent bool
}

func (p *place) path() resource.Path { return p.fill(make(resource.Path, p.depth())) }

func (p *place) depth() (n int) {
	for at := p; at.parent != nil; at = at.parent {
		n++
	}
	return n
}

func (p *place) fill(path resource.Path) resource.Path {
	for at, n := p, len(path); n > 0; at = at.parent {
		n--
		path[n] = at.step
	}
	return path
}

// recorder remembers the last value that was read, and all if that is not nil. What
// it makes of a resource is in few pieces of memory.
type recorder struct {
	last *place
	all  []*place

	places  pieces[place]
	objects pieces[recordedObject]
	lists   pieces[recordedList]
	blamed  []*place
	steps   resource.Path // what is left of a piece for paths, which are kept by others
}

const piece = 64 // of what a recorder makes, at a time, at first

// emptied forgets all, and keeps the memory.
func (r *recorder) emptied() *recorder {
	*r = recorder{places: r.places[:0], objects: r.objects[:0], lists: r.lists[:0], blamed: r.blamed[:0], steps: r.steps}
	return r
}

// path returns the path of a place, in a piece of memory with others.
func (r *recorder) path(at *place) resource.Path {
	n := at.depth()
	if len(r.steps) < n {
		r.steps = make(resource.Path, max(piece, n))
	}
	path := at.fill(r.steps[:n:n])
	r.steps = r.steps[n:]
	return path
}

// pieces hands out memory for one thing at a time, of which there is more the next time
// if it was not enough.
type pieces[T any] []T

func (p *pieces[T]) keep(one T) *T {
	if len(*p) == cap(*p) {
		*p = make([]T, 0, max(piece, 2*cap(*p)))
	}
	*p = append(*p, one)
	return &(*p)[len(*p)-1]
}

// below returns the place that is a step below another.
func (r *recorder) below(parent *place, step resource.Step) *place {
	return r.places.keep(place{parent: parent, step: step})
}

func (r *recorder) read(at *place) {
	if r.last = at; r.all != nil {
		r.all = append(r.all, at)
	}
}

// recorded returns v as a CEL value that tells the recorder of every read. What
// asks only for a size, or searches a list, has read the list itself.
func recorded(v *resource.Value, at *place, rec *recorder) ref.Val {
	return view(nil).recorded(v, at, rec)
}

type recordedObject struct {
	*object
	at   *place
	rec  *recorder
	view view // nil for what is in the resource as it is
}

type recordedList struct {
	*list
	at   *place
	rec  *recorder
	view view
}

// view knows whence the parts of a value are that was made of the resource. Those
// that it does not know are where the whole is.
type view map[*resource.Value]*place

// below returns where a value is that is a step below another.
func (w view) below(at *place, step resource.Step, v *resource.Value, rec *recorder) *place {
	switch {
	case w == nil:
		return rec.below(at, step)
	case w[v] != nil:
		return w[v]
	}
	return at
}

// recorded returns a part of the view.
func (w view) recorded(v *resource.Value, at *place, rec *recorder) ref.Val {
	switch {
	case v.Unknown() != "":
		return valueOf(v)
	case v.Kind == resource.Map:
		return rec.objects.keep(recordedObject{(*object)(v), at, rec, w})
	case v.Kind == resource.List:
		return rec.lists.keep(recordedList{(*list)(v), at, rec, w})
	}
	return scalarOf(v)
}

func (o *recordedObject) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	v := o.value().Get(string(name))
	at := o.view.below(o.at, resource.Key(string(name)), v, o.rec)
	o.rec.read(at)
	if absent(v) {
		at.absent = o.view == nil
		return nil, false
	}
	return o.view.recorded(v, at, o.rec), true
}

func (o *recordedObject) Get(key ref.Val) ref.Val      { return getKey(o, key) }
func (o *recordedObject) Contains(key ref.Val) ref.Val { return containsKey(o, key) }

func (o *recordedObject) Iterator() traits.Iterator {
	return &keys{fields: o.Fields, seen: func(key string) { o.rec.read(o.view.below(o.at, resource.Key(key), o.value().Get(key), o.rec)) }}
}

func (l *recordedList) Get(index ref.Val) ref.Val {
	i, err := position(l.Items, index)
	if err != nil {
		return err
	}
	at := l.view.below(l.at, resource.Index(i), l.Items[i], l.rec)
	l.rec.read(at)
	return l.view.recorded(l.Items[i], at, l.rec)
}

func (l *recordedList) Add(other ref.Val) ref.Val { return concat(l, other) }

func (l *recordedList) Iterator() traits.Iterator { return &items{of: l, n: len(l.Items)} }

// placeOf returns where a recorded map or list is, or nil.
func placeOf(v ref.Val) *place {
	switch v := v.(type) {
	case *recordedObject:
		return v.at
	case *recordedList:
		return v.at
	}
	return nil
}

// selection is an attribute such as c.?resources.?limits.?cpu. Its evaluation
// ends at the first absent field; the place it is about is the whole of it.
type selection struct {
	interpreter.InterpretableAttribute
}

func completeSelections(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if _, done := i.(*selection); done {
		return i, nil
	}
	if attr, ok := i.(interpreter.InterpretableAttribute); ok {
		return &selection{attr}, nil
	}
	return i, nil
}

// Exec implements interpreter.InterpretableV2.
func (s *selection) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	found, _ := frame.ResolveName(recorderName)
	rec, ok := found.(*recorder)
	if !ok {
		return s.InterpretableAttribute.Exec(frame)
	}
	before := rec.last
	out := s.InterpretableAttribute.Exec(frame)
	if rec.last != before && rec.last.absent {
		rec.last = s.rest(rec.last)
	}
	return out
}

// Eval implements interpreter.Interpretable.
func (s *selection) Eval(vars interpreter.Activation) ref.Val {
	return s.Exec(interpreter.AsFrame(vars))
}

// rest extends an absent place by the fields that were to be selected from it.
func (s *selection) rest(at *place) *place {
	attr, ok := s.Attr().(interpreter.NamespacedAttribute)
	if !ok {
		return at
	}
	found := false
	for _, q := range attr.Qualifiers() {
		constant, ok := q.(interpreter.ConstantQualifier)
		if !ok {
			return at
		}
		name, ok := constant.Value().(types.String)
		switch {
		case !ok:
			return at
		case found:
			at = &place{parent: at, step: resource.Key(string(name)), absent: true}
		case string(name) == at.step.Name:
			found = true
		}
	}
	return at
}
