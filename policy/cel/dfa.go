package cel

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
)

// dfa is a regular expression as an automaton that is in one state at a time. It
// only tells whether there is a match, in time that depends on nothing but the
// length of the text; regexp needs about thirty times as long for the patterns of
// image references. States are made when a text first leads to them.
//
// What regexp calls a program is the nondeterministic automaton: a state here is
// the set of instructions that one may be at, before those that consume nothing
// are followed, with the kind of the character before it, on which ^, $ and \b
// depend. Texts that are not ASCII, and patterns that need too many states, are
// left to regexp.
type dfa struct {
	prog    *syntax.Prog
	classes [asciiSize]uint8 // of characters that no instruction tells apart
	members []rune           // one of each class
	start   *dfaState

	mu     sync.Mutex
	states map[string]*dfaState
}

const (
	asciiSize    = 128
	mostStates   = 500
	mostProgram  = 2000 // instructions
	noCharacter  = -1   // before the text, and behind it
	wordSample   = 'a'  // for all characters of words
	otherSample  = ' '
	accepting    = 1
	notAccepting = 2
)

type dfaState struct {
	threads  []uint32 // instructions, sorted
	before   rune     // a sample of the kind of character before
	accepts  bool     // whatever follows
	atEnd    atomic.Uint32
	next     []atomic.Pointer[dfaState] // by class
	deadEnd  bool                       // nothing that follows can be accepted
	overflow bool                       // there are too many states
}

// newDFA returns nil for a pattern that is left to regexp.
func newDFA(parsed *syntax.Regexp) *dfa {
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > mostProgram {
		return nil
	}
	d := &dfa{prog: prog, states: map[string]*dfaState{}}
	d.classify()
	d.start = d.state(nil, noCharacter)
	return d
}

// classify divides the characters by those with which a range of the program, or
// a kind of character, begins.
func (d *dfa) classify() {
	var begins [asciiSize + 1]bool
	mark := func(low, high rune) {
		if low < asciiSize {
			begins[low] = true
		}
		if high < asciiSize {
			begins[high+1] = true
		}
	}
	for i := range d.prog.Inst {
		in := &d.prog.Inst[i]
		if in.Op != syntax.InstRune && in.Op != syntax.InstRune1 && in.Op != syntax.InstRuneAny && in.Op != syntax.InstRuneAnyNotNL {
			continue
		}
		if len(in.Rune) == 1 { // it may stand for other cases, too
			for r := range rune(asciiSize) {
				if in.MatchRune(r) {
					mark(r, r)
				}
			}
			continue
		}
		for j := 0; j+1 < len(in.Rune); j += 2 {
			mark(in.Rune[j], in.Rune[j+1])
		}
	}
	for _, kind := range [][2]rune{{'\n', '\n'}, {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}} {
		mark(kind[0], kind[1])
	}
	for r := range rune(asciiSize) {
		if r == 0 || begins[r] {
			d.members = append(d.members, r)
		}
		d.classes[r] = uint8(len(d.members) - 1)
	}
}

// matches reports whether the text has a match in it, or that this is unknown.
func (d *dfa) matches(text string) (matches, known bool) {
	at := d.start
	for i := range len(text) {
		c := text[i]
		if c >= asciiSize {
			return false, false
		}
		class := d.classes[c]
		next := at.next[class].Load()
		if next == nil {
			next = d.step(at, class)
		}
		switch {
		case next.accepts:
			return true, true
		case next.overflow:
			return false, false
		case next.deadEnd:
			return false, true
		}
		at = next
	}
	return d.acceptsAtEnd(at), true
}

func (d *dfa) acceptsAtEnd(s *dfaState) bool {
	answer := s.atEnd.Load()
	if answer == 0 {
		answer = notAccepting
		if _, accepts := d.follow(s, noCharacter); accepts {
			answer = accepting
		}
		s.atEnd.Store(answer)
	}
	return answer == accepting
}

// step returns the state behind a character.
func (d *dfa) step(from *dfaState, class uint8) *dfaState {
	r := d.members[class]
	at, accepts := d.follow(from, r)
	var next *dfaState
	if accepts {
		next = &dfaState{accepts: true}
	} else {
		var threads []uint32
		for _, pc := range at {
			if in := &d.prog.Inst[pc]; in.MatchRunePos(r) >= 0 {
				threads = append(threads, in.Out)
			}
		}
		slices.Sort(threads)
		next = d.state(slices.Compact(threads), sampleOf(r))
	}
	from.next[class].Store(next)
	return next
}

// follow returns the instructions that consume a character and can be reached from
// a state when r is the next one, and whether the text matches already.
func (d *dfa) follow(s *dfaState, r rune) (at []uint32, accepts bool) {
	flags := syntax.EmptyOpContext(s.before, r)
	seen := make([]bool, len(d.prog.Inst))
	stack := append([]uint32{uint32(d.prog.Start)}, s.threads...) // a match may begin anywhere
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := &d.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			at = append(at, pc)
		}
	}
	return at, false
}

// state returns the one state of these threads, behind such a character.
func (d *dfa) state(threads []uint32, before rune) *dfaState {
	key := make([]byte, 0, 4*len(threads)+4)
	for _, pc := range append(threads, uint32(before)) {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.states[string(key)]; known != nil {
		return known
	}
	if len(d.states) == mostStates {
		return &dfaState{overflow: true}
	}
	s := &dfaState{threads: threads, before: before, next: make([]atomic.Pointer[dfaState], len(d.members))}
	s.deadEnd = len(threads) == 0 && before != noCharacter && d.prog.StartCond()&syntax.EmptyBeginText != 0
	d.states[string(key)] = s
	return s
}

// sampleOf returns a character that is like r for all that looks back.
func sampleOf(r rune) rune {
	switch {
	case r == '\n':
		return r
	case syntax.IsWordChar(r):
		return wordSample
	}
	return otherSample
}
