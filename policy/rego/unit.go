package rego

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// mostTime is what one query may take. That of a usual pack takes a thousandth.
const mostTime = 5 * time.Second

// batchModule is the name of the module that asks all rules at once, and of its
// package.
const batchModule = "holdfast_batch"

// unit is what is compiled together.
type unit struct {
	compiler   *ast.Compiler
	rules      []*rule
	exceptions map[string]ast.Ref // by package
	query      ast.Body           // of the batch
	inventory  bool               // some module reads it,
	related    bool               // and some that is of no template
	began      time.Time          // what the time is, for all rules

	empty   storage.Store
	queries sync.Map // the text of a ref → ast.Body
	stores  sync.Map // weak.Pointer[resource.Set] → storage.Store
}

// batch returns a module that has what all rules find, by their refs. What is not
// defined is left out.
func (u *unit) batch() *ast.Module {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\nimport rego.v1\n\n", batchModule)
	ask := func(ref ast.Ref) {
		fmt.Fprintf(&b, "found[%s] := found if found := %s\n", strconv.Quote(ref.String()), ref)
	}
	for _, r := range u.rules {
		ask(r.ref)
		if ref, ok := u.exceptions[r.pkg]; ok {
			ask(ref)
		}
	}
	return ast.MustParseModuleWithOpts(b.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
}

// prepare makes what is used by every query.
func (u *unit) prepare(l *loader) (err error) {
	u.began, u.inventory, u.empty = time.Now(), l.inventory, inmem.New()
	if len(u.rules) > 0 {
		if u.query, err = u.compileQuery("data." + batchModule + ".found"); err != nil {
			return err
		}
	}
	for _, c := range l.templates {
		c.unit = u
		if c.query, err = u.compileQuery(c.ref.String()); err != nil {
			return err
		}
	}
	for _, r := range u.rules {
		r.unit = u
	}
	return nil
}

// result is the variable that queries give.
const result = ast.Var("result")

func (u *unit) compileQuery(of string) (ast.Body, error) {
	body, err := ast.ParseBodyWithOpts(string(result)+" = "+of, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	return u.compiler.QueryCompiler().Compile(body)
}

// ask runs a query, and returns nil if what it asks for is not defined.
func (u *unit) ask(ctx context.Context, query ast.Body, input *ast.Term, store storage.Store) (found ast.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the evaluation of Rego failed inside: %v", r)
		}
	}()
	limited, done := context.WithTimeout(ctx, mostTime)
	defer done()
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(limited, cancel.Cancel)
	defer stop()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	q := topdown.NewQuery(query).WithCompiler(u.compiler).WithStore(store).WithTransaction(txn).
		WithInput(input).WithCancel(cancel).WithTime(u.began)
	err = q.Iter(ctx, func(qr topdown.QueryResult) error {
		if t := qr[result]; t != nil {
			found = t.Value
		}
		return nil
	})
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case topdown.IsCancel(err):
		return nil, fmt.Errorf("the rules take more than %v", mostTime)
	}
	return nil, shortened(err)
}

// shortened keeps the message and the place of an error of a rule.
func shortened(err error) error {
	e, ok := errors.AsType[*topdown.Error](err)
	if !ok || e.Location == nil {
		return err
	}
	message, _, _ := strings.Cut(e.Message, "\n")
	return fmt.Errorf("%s:%d: %s", e.Location.File, e.Location.Row, strings.TrimSuffix(message, ":"))
}

// store returns the data that rules of a set see besides the input.
func (u *unit) store(set *resource.Set) storage.Store {
	if !u.inventory || set == nil {
		return u.empty
	}
	key := weak.Make(set)
	if found, ok := u.stores.Load(key); ok {
		return found.(storage.Store)
	}
	made := inmem.NewFromObjectWithOpts(map[string]any{"inventory": inventory(set)},
		inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	found, loaded := u.stores.LoadOrStore(key, made)
	if !loaded {
		runtime.AddCleanup(set, func(key weak.Pointer[resource.Set]) { u.stores.Delete(key) }, key)
	}
	return found.(storage.Store)
}

// answers are what the rules of a unit find in a resource, by their refs.
type answers struct {
	found ast.Object // nil after an error
	err   error
}

// answers asks all rules at once.
func (u *unit) answers(ctx context.Context, s *policy.Subject) *answers {
	return s.Once(u, func() any {
		input, err := inputOf(s)
		if err != nil {
			return &answers{err: err}
		}
		found, err := u.ask(ctx, u.query, input, u.store(s.Set))
		if err != nil {
			return &answers{err: err}
		}
		object, _ := found.(ast.Object)
		return &answers{found: object}
	}).(*answers)
}

// answer returns what one ref is for a resource, or nil. If the query for all of
// them ends in an error, each is asked alone, so that it is told of the right one.
func (u *unit) answer(ctx context.Context, s *policy.Subject, ref ast.Ref) (ast.Value, error) {
	if s.Alone {
		return u.one(ctx, s, ref)
	}
	all := u.answers(ctx, s)
	switch {
	case all.found != nil:
		if t := all.found.Get(ast.StringTerm(ref.String())); t != nil {
			return t.Value, nil
		}
		return nil, nil
	case all.err == nil:
		return nil, nil
	case errors.Is(all.err, policy.ErrUnknown) || ctx.Err() != nil:
		return nil, all.err
	}
	return u.one(ctx, s, ref)
}

// one asks for one ref.
func (u *unit) one(ctx context.Context, s *policy.Subject, ref ast.Ref) (ast.Value, error) {
	input, err := inputOf(s)
	if err != nil {
		return nil, err
	}
	query, ok := u.queries.Load(ref.String())
	if !ok {
		made, err := u.compileQuery(ref.String())
		if err != nil {
			return nil, err
		}
		query, _ = u.queries.LoadOrStore(ref.String(), made)
	}
	return u.ask(ctx, query.(ast.Body), input, u.store(s.Set))
}

// Judge implements policy.Code.
func (r *rule) Judge(ctx context.Context, p *policy.Policy, s *policy.Subject) ([]policy.Failure, error) {
	found, err := r.unit.answer(ctx, s, r.ref)
	if err != nil || found == nil {
		return nil, err
	}
	failures, err := failuresOf(found, p, s.Resource)
	if err != nil || len(failures) == 0 {
		return nil, err
	}
	excepted, err := r.excepted(ctx, s)
	if err == nil && excepted {
		err = policy.ErrExcepted
	}
	return failures, err
}

// excepted reports whether an exception of the package names the rule: by what
// follows its first word, which is empty for that word alone.
func (r *rule) excepted(ctx context.Context, s *policy.Subject) (bool, error) {
	ref, ok := r.unit.exceptions[r.pkg]
	if !ok {
		return false, nil
	}
	found, err := r.unit.answer(ctx, s, ref)
	if err != nil {
		return false, err
	}
	_, suffix, _ := strings.Cut(r.name, "_")
	excepted := false
	each(found, func(names ast.Value) {
		each(names, func(name ast.Value) {
			excepted = excepted || name.Compare(ast.String(suffix)) == 0
		})
	})
	return excepted, nil
}
