// What the library answers to values that make no sense: nil, zero and
// contradictory ones. Names, cycles and registries have files of their own.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// A printer is the provider of these tests.
type printer interface{ Print(page string) error }

// inkjet is a printer whose nil pointer is a typed nil.
type inkjet struct{ pages int }

func (p *inkjet) Print(string) error { p.pages++; return nil }

// printFunc is a printer whose nil func is a typed nil.
type printFunc func(string) error

func (f printFunc) Print(page string) error { return f(page) }

// An office is three registries under an open scope, a registry in no scope, and
// handles: all that bad input must leave as it is.
type office struct {
	printers              capability.Capability[printer]
	city, floor, desk     *capability.Registry
	spare                 *capability.Registry
	scope                 *capability.Scope
	one                   capability.Handle[printer]
	all                   capability.ChainHandle[printer]
	laser, plotter, label *inkjet
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{
		printers: capability.New[printer]("printer", "prints pages"),
		city:     capability.NewRegistry(capability.Engine, "city"),
		floor:    capability.NewRegistry(capability.Group, "floor"),
		desk:     capability.NewRegistry(capability.Pipeline, "desk"),
		spare:    capability.NewRegistry(capability.Node, "spare"),
		laser:    new(inkjet), plotter: new(inkjet), label: new(inkjet),
	}
	accepted(t, o.city.Apply(o.printers.Bind("laser", o.laser), o.printers.Bind("plotter", o.plotter).Priority(-1)))
	accepted(t, o.floor.Apply(o.printers.Bind("label", o.label).After("laser")))
	accepted(t, o.spare.Apply(o.printers.Bind("receipt", new(inkjet))))
	var err error
	o.scope, err = capability.Compose(o.desk, o.floor, o.city)
	accepted(t, err)
	accepted(t, o.scope.Resolve(o.printers.Into(&o.one), o.printers.All().Into(&o.all)))
	return o
}

// state is all that can be seen of the office.
func (o *office) state(t *testing.T) []string {
	t.Helper()
	// Snapshot tells all but the values, and that a transaction went through
	// even if it changed nothing.
	state := []string{fmt.Sprintf("%+v", *o.scope.Snapshot()), fmt.Sprintf("one %p", o.one.Get())}
	for name, p := range o.all.Get().All() {
		state = append(state, fmt.Sprintf("%s %p", name, p))
	}
	lone, err := capability.Compose(o.spare)
	accepted(t, err)
	state = append(state, fmt.Sprintf("%+v", *lone.Snapshot()))
	accepted(t, lone.Close())
	return state
}

// refuses commits the changes to the registry, between changes to the others
// that are right, and expects a refusal that leaves no trace.
func (o *office) refuses(t *testing.T, code capability.Code, r *capability.Registry, changes ...capability.Change) {
	t.Helper()
	before := o.state(t)
	err := unpanicked(t, func() error {
		return capability.Commit(
			o.city.Stage(o.printers.Bind("braille", new(inkjet)), o.printers.Rebind("laser", new(inkjet)), o.printers.Mask()),
			r.Stage(changes...),
			o.desk.Stage(o.printers.Bind("photo", new(inkjet)).Before("laser"), o.printers.Select("photo", "laser")),
			o.spare.Stage(o.printers.Unbind("receipt"), o.printers.Bind("ticket", new(inkjet))),
		)
	})
	refused(t, err, code)
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("the refused commit left a trace (-want +got):\n%s", diff)
	}
	// The same office still takes what is right.
	if err := o.spare.Apply(o.printers.Rebind("receipt", new(inkjet))); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
}

// unpanicked returns the error of f, and fails if f panics instead.
func unpanicked(t *testing.T, f func() error) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
		}
	}()
	return f()
}

func accepted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
}

// refused checks that err is an Error of that code with a text that any terminal
// may show.
func refused(t *testing.T, err error, code capability.Code) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted, want %q", code)
		return
	}
	var e *capability.Error
	if !errors.As(err, &e) {
		t.Errorf("%T is no *Error: %v", err, err)
		return
	}
	if diff := cmp.Diff(code, e.Code); diff != "" {
		t.Errorf("code (-want +got):\n%s\nof %v", diff, err)
	}
	if !errors.Is(err, code) {
		t.Errorf("errors.Is does not find %q in: %v", code, err)
	}
	text := err.Error()
	if !utf8.ValidString(text) {
		t.Errorf("the text is not UTF-8: %q", text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("byte %d of the text is not printable: %q", i, text)
	}
}

// panicsWith calls f, which has to panic with an Error of that code.
func panicsWith(t *testing.T, code capability.Code, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		err, ok := recover().(error)
		if !ok {
			t.Fatal("no panic with an error")
		}
		refused(t, err, code)
	}()
	f()
}

// apart runs the body in a process of its own and fails if that does not pass
// within the time: a stack overflow cannot be recovered from, and an endless
// loop cannot be stopped. It is for the first line of a test.
func apart(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	const inside = "CAPABILITY_TEST_APART"
	if os.Getenv(inside) == t.Name() {
		body(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if len(out) > 2000 {
		out = out[:2000]
	}
	if ctx.Err() != nil {
		t.Fatalf("not done after 20 s:\n%s", out)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// TestNilProviders binds what cannot be called.
func TestNilProviders(t *testing.T) {
	var none *inkjet
	var noFunc printFunc
	var noPrinter printer
	functions := capability.New[func(string) error]("print_func", "prints pages")
	pointers := capability.New[*inkjet]("inkjet", "an inkjet printer")
	queues := capability.New[chan string]("queue", "takes pages")
	around := capability.New[capability.Middleware[printFunc]]("around_print", "does something around printing")
	anything := capability.New[any]("anything", "whatever it is")
	for name, change := range map[string]func(o *office) capability.Change{
		"interface":                func(o *office) capability.Change { return o.printers.Bind("x", nil) },
		"interface-variable":       func(o *office) capability.Change { return o.printers.Bind("x", noPrinter) },
		"typed-pointer":            func(o *office) capability.Change { return o.printers.Bind("x", none) },
		"typed-func":               func(o *office) capability.Change { return o.printers.Bind("x", noFunc) },
		"func":                     func(o *office) capability.Change { return functions.Bind("x", nil) },
		"pointer":                  func(o *office) capability.Change { return pointers.Bind("x", none) },
		"channel":                  func(o *office) capability.Change { return queues.Bind("x", nil) },
		"middleware":               func(o *office) capability.Change { return around.Bind("x", nil) },
		"any":                      func(o *office) capability.Change { return anything.Bind("x", nil) },
		"any-of-pointer":           func(o *office) capability.Change { return anything.Bind("x", none) },
		"rebind-interface":         func(o *office) capability.Change { return o.printers.Rebind("laser", nil) },
		"rebind-typed-pointer":     func(o *office) capability.Change { return o.printers.Rebind("laser", none) },
		"in-changes":               func(o *office) capability.Change { return capability.Changes{o.printers.Bind("x", nil)} },
		"refined-before-it-failed": func(o *office) capability.Change { return o.printers.Bind("x", nil).Priority(3).After("laser") },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.refuses(t, capability.ErrInvalid, o.floor, change(o))
		})
	}
}

// TestEmptyProviders binds values that are zero or empty but not nil.
func TestEmptyProviders(t *testing.T) {
	limits := capability.New[map[string]int]("limit", "how many pages a user may print")
	trays := capability.New[[]string]("tray", "the papers of a printer")
	sizes := capability.New[int]("size", "how many pages a print may have")
	r := capability.NewRegistry(capability.Engine, "city")
	accepted(t, r.Apply(limits.Bind("none", nil), trays.Bind("none", nil), sizes.Bind("none", 0)))
	scope, err := capability.Compose(r)
	accepted(t, err)
	l, err := limits.Handle(scope)
	accepted(t, err)
	tr, err := trays.Handle(scope)
	accepted(t, err)
	s, err := sizes.Handle(scope)
	accepted(t, err)
	if l.Get() != nil || tr.Get() != nil || s.Get() != 0 {
		t.Errorf("got %v, %v and %v, want the zero values that were bound", l.Get(), tr.Get(), s.Get())
	}
}

// TestZeroValues uses what was never made.
func TestZeroValues(t *testing.T) {
	var (
		key       capability.Capability[printer]
		query     capability.Query[printer]
		chains    capability.Query[capability.Chain[printer]]
		handle    capability.Handle[printer]
		all       capability.ChainHandle[printer]
		registry  capability.Registry
		noneReg   *capability.Registry
		scope     capability.Scope
		noneScope *capability.Scope
	)
	for name, try := range map[string]func(o *office) error{
		"resolve-key":           func(o *office) error { return o.scope.Resolve(key.Into(&handle)) },
		"resolve-key-named":     func(o *office) error { return o.scope.Resolve(key.Named("laser").Into(&handle)) },
		"resolve-key-all":       func(o *office) error { return o.scope.Resolve(key.All().Into(&all)) },
		"check-key":             func(o *office) error { return o.scope.Check(key.Into(&handle)) },
		"handle-of-key":         func(o *office) error { _, err := key.Handle(o.scope); return err },
		"resolve-query":         func(o *office) error { return o.scope.Resolve(query.Into(&handle)) },
		"resolve-chain-query":   func(o *office) error { return o.scope.Resolve(chains.Into(&all)) },
		"handle-of-query":       func(o *office) error { _, err := query.Handle(o.scope); return err },
		"resolve-nil-need":      func(o *office) error { return o.scope.Resolve(o.printers.Into(&handle), nil) },
		"check-nil-need":        func(o *office) error { return o.scope.Check(nil) },
		"into-nil":              func(o *office) error { return o.scope.Resolve(o.printers.Into(nil)) },
		"all-into-nil":          func(o *office) error { return o.scope.Resolve(o.printers.All().Into(nil)) },
		"handle-in-nil-scope":   func(o *office) error { _, err := o.printers.Handle(nil); return err },
		"handle-in-zero-scope":  func(o *office) error { _, err := o.printers.Handle(&scope); return err },
		"zero-scope-resolve":    func(o *office) error { return scope.Resolve(o.printers.Into(&handle)) },
		"zero-scope-check":      func(o *office) error { return scope.Check() },
		"zero-scope-with":       func(o *office) error { _, err := scope.With(o.spare); return err },
		"zero-scope-close":      func(*office) error { return scope.Close() },
		"nil-scope-resolve":     func(o *office) error { return noneScope.Resolve(o.printers.Into(&handle)) },
		"nil-scope-check":       func(*office) error { return noneScope.Check() },
		"nil-scope-with":        func(o *office) error { _, err := noneScope.With(o.spare); return err },
		"nil-scope-close":       func(*office) error { return noneScope.Close() },
		"zero-registry-apply":   func(o *office) error { return registry.Apply(o.printers.Bind("x", o.laser)) },
		"zero-registry-compose": func(o *office) error { _, err := capability.Compose(&registry, o.city); return err },
		"zero-registry-with":    func(o *office) error { _, err := o.scope.With(&registry); return err },
		"zero-registry-close":   func(o *office) error { return registry.Close(t.Context()) },
		"nil-registry-apply":    func(o *office) error { return noneReg.Apply(o.printers.Bind("x", o.laser)) },
		"nil-registry-stage":    func(o *office) error { return capability.Commit(o.city.Stage(), noneReg.Stage()) },
		"nil-registry-compose":  func(o *office) error { _, err := capability.Compose(o.city, nil); return err },
		"nil-registry-with":     func(o *office) error { _, err := o.scope.With(nil); return err },
		"nil-registry-close":    func(*office) error { return noneReg.Close(t.Context()) },
		"zero-edit": func(o *office) error {
			return capability.Commit(o.city.Stage(o.printers.Unbind("laser")), capability.Edit{})
		},
		"zero-edits":               func(*office) error { return capability.Commit(capability.Edit{}, capability.Edit{}) },
		"nil-need-among-good":      func(o *office) error { return o.scope.Resolve(nil, o.printers.Into(&handle), nil) },
		"zero-key-among-good":      func(o *office) error { return o.scope.Resolve(o.printers.Into(&handle), key.Into(&handle)) },
		"nil-handle-among-good":    func(o *office) error { return o.scope.Resolve(o.printers.Into(&handle), o.printers.Into(nil)) },
		"zero-registry-in-compose": func(o *office) error { _, err := capability.Compose(o.spare, &registry); return err },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			before := o.state(t)
			refused(t, unpanicked(t, func() error { return try(o) }), capability.ErrInvalid)
			if diff := cmp.Diff(before, o.state(t)); diff != "" {
				t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
			}
			if handle != (capability.Handle[printer]{}) || all != (capability.ChainHandle[printer]{}) {
				t.Error("a refused Resolve has written to a handle")
			}
		})
	}
}

// TestZeroChanges commits changes that nobody made with a key.
func TestZeroChanges(t *testing.T) {
	var key capability.Capability[printer]
	var nilBinding *capability.Binding
	var nilChanges *capability.Changes
	for name, change := range map[string]capability.Change{
		"nil":                    nil,
		"nil-in-changes":         capability.Changes{nil},
		"nil-deep-in-changes":    capability.Changes{capability.Changes{capability.Changes{}, capability.Changes{nil}}},
		"zero-binding":           capability.Binding{},
		"zero-binding-refined":   capability.Binding{}.Priority(1).Before("laser").After("plotter"),
		"bind-with-zero-key":     key.Bind("x", new(inkjet)),
		"bind-nil-with-zero-key": key.Bind("x", nil),
		"rebind-with-zero-key":   key.Rebind("laser", new(inkjet)),
		"unbind-with-zero-key":   key.Unbind("laser"),
		"mask-with-zero-key":     key.Mask("laser"),
		"select-with-zero-key":   key.Select("laser"),
		"clear-mask-zero-key":    key.Mask(),
		"clear-select-zero-key":  key.Select(),
		"nil-binding-pointer":    nilBinding,
		"nil-changes-pointer":    nilChanges,
		"embedded-nil-change":    struct{ capability.Change }{},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.refuses(t, capability.ErrInvalid, o.floor, change)
		})
	}
}

// TestNothingToDo commits and resolves nothing, which is no mistake.
func TestNothingToDo(t *testing.T) {
	o := newOffice(t)
	for name, err := range map[string]error{
		"commit":        capability.Commit(),
		"apply":         o.city.Apply(),
		"empty-changes": o.city.Apply(capability.Changes{}, capability.Changes(nil), capability.Changes{capability.Changes{}}),
		"empty-edit":    capability.Commit(o.city.Stage()),
		"resolve":       o.scope.Resolve(),
		"check":         o.scope.Check(),
		"clear-mask":    o.floor.Apply(o.printers.Mask()),
		"clear-select":  o.floor.Apply(o.printers.Select()),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestZeroReads reads what was never made, which has an answer.
func TestZeroReads(t *testing.T) {
	var key capability.Capability[printer]
	var scope *capability.Scope
	var registry *capability.Registry
	var chain capability.Chain[printer]
	var around capability.Chain[capability.Middleware[printer]]
	var decision capability.Decision[string]
	if key.Name() != "" || key.Doc() != "" || !strings.Contains(key.String(), "zero Capability") {
		t.Errorf("zero key: name %q, doc %q, text %q", key.Name(), key.Doc(), key)
	}
	for what, text := range map[string]string{
		"nil scope": scope.String(), "zero scope": new(capability.Scope).String(),
		"snapshot of a nil scope": scope.Snapshot().String(), "snapshot of a zero scope": new(capability.Scope).Snapshot().String(),
		"nil registry": registry.String(), "zero registry": new(capability.Registry).String(),
	} {
		if text == "" {
			t.Errorf("%s has no text", what)
		}
	}
	if _, ok := chain.First(); ok || chain.Len() != 0 || len(chain.Names()) != 0 || len(chain.Values()) != 0 {
		t.Error("the zero Chain has a provider")
	}
	if _, ok := chain.Find("laser"); ok {
		t.Error("the zero Chain finds a provider")
	}
	for name := range chain.All() {
		t.Errorf("the zero Chain yields %q", name)
	}
	if p := new(inkjet); capability.Wrap[printer](around, p) != printer(p) {
		t.Error("Wrap with the zero Chain is not its base")
	}
	if _, ok := decision.Get(); ok || decision.By() != "" || decision.Or("mono") != "mono" {
		t.Error("the zero Decision decides")
	}
}

// TestDocumentedPanics proves the only panics that bad input has: those of New
// and of Get of the zero Handle.
func TestDocumentedPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"zero-handle":       func() { capability.Handle[printer]{}.Get() },
		"zero-chain-handle": func() { capability.ChainHandle[printer]{}.Get() },
		"new-without-doc":   func() { capability.New[printer]("printer", "") },
		"new-zero-rule":     func() { capability.New[printer]("printer", "prints", capability.Rule{}) },
		"new-second-rule":   func() { capability.New[printer]("printer", "prints", capability.Shadow(), capability.Rule{}) },
		"only-at-nothing":   func() { capability.New[printer]("printer", "prints", capability.OnlyAt()) },
	} {
		t.Run(name, func(t *testing.T) { panicsWith(t, capability.ErrInvalid, f) })
	}
}

// TestContradictions commits changes that each make sense but not together.
func TestContradictions(t *testing.T) {
	type page string
	namesake := capability.New[page]("printer", "a page that is called a printer")
	narrow := capability.New[printer]("badge_printer", "prints badges", capability.OnlyAt(capability.Pipeline))
	p := new(inkjet)
	for name, c := range map[string]struct {
		code    capability.Code
		in      func(o *office) *capability.Registry
		changes func(o *office) []capability.Change
	}{
		"bind-twice": {capability.ErrConflict, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Bind("x", p), o.printers.Bind("x", p)}
		}},
		"bind-again": {capability.ErrConflict, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Bind("label", p)}
		}},
		"bind-rebound": {capability.ErrConflict, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Rebind("laser", p), o.printers.Bind("laser", p)}
		}},
		"mask-rebound": {capability.ErrConflict, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Rebind("laser", p), o.printers.Mask("laser")}
		}},
		"unbind-twice": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Unbind("label"), o.printers.Unbind("label")}
		}},
		"unbind-inherited": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Unbind("laser")}
		}},
		"unbind-with-namesake": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{namesake.Unbind("label")}
		}},
		"namesake-in-registry": {capability.ErrConflict, nil, func(o *office) []capability.Change {
			return []capability.Change{namesake.Bind("x", "A4")}
		}},
		"namesake-in-scope": {capability.ErrConflict, func(o *office) *capability.Registry { return o.desk }, func(o *office) []capability.Change {
			return []capability.Change{namesake.Bind("x", "A4")}
		}},
		"rebind-with-priority": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Rebind("laser", p).Priority(0)}
		}},
		"rebind-with-before": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Rebind("laser", p).Before("plotter")}
		}},
		"rebind-with-after-nobody": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Rebind("laser", p).After()}
		}},
		"before-itself": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Bind("x", p).Before("laser", "x")}
		}},
		"after-itself": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Bind("x", p).After("x")}
		}},
		"wrong-level": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{narrow.Bind("x", p)}
		}},
		"rebind-unknown": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Rebind("lazer", p)}
		}},
		"mask-unknown": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Mask("laser", "lazer")}
		}},
		"mask-own": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Mask("label")}
		}},
		"mask-twice-the-same": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Mask("laser", "laser")}
		}},
		"select-twice-the-same": {capability.ErrInvalid, nil, func(o *office) []capability.Change {
			return []capability.Change{capability.Select("printer", "laser", "laser")}
		}},
		"select-narrower": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Select("photo")}
		}},
		"select-unknown-capability": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{capability.Select("prnter", "laser")}
		}},
		"clear-unknown-capability": {capability.ErrUnknown, nil, func(o *office) []capability.Change {
			return []capability.Change{capability.Mask("prnter")}
		}},
		"mask-all-that-is-resolved": {capability.ErrInUse, nil, func(o *office) []capability.Change {
			return []capability.Change{o.printers.Mask("laser", "plotter"), o.printers.Unbind("label"), o.printers.Select("plotter")}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			in := o.floor
			if c.in != nil {
				in = c.in(o)
			}
			if c.code == capability.ErrInUse {
				// The neighbours of refuses would provide another one.
				before := o.state(t)
				refused(t, in.Apply(c.changes(o)...), c.code)
				if diff := cmp.Diff(before, o.state(t)); diff != "" {
					t.Errorf("the refused commit left a trace (-want +got):\n%s", diff)
				}
				return
			}
			o.refuses(t, c.code, in, c.changes(o)...)
		})
	}
}

// TestNamesakesInOneResolve asks for two keys of one name at once.
func TestNamesakesInOneResolve(t *testing.T) {
	a := capability.New[printer]("copier", "copies pages")
	b := capability.New[printFunc]("copier", "copies pages as well")
	o := newOffice(t)
	before := o.state(t)
	var first capability.ChainHandle[printer]
	var second capability.ChainHandle[printFunc]
	refused(t, o.scope.Resolve(a.All().Into(&first), b.All().Into(&second)), capability.ErrConflict)
	if diff := cmp.Diff(before, o.state(t)); diff != "" {
		t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
	}
	accepted(t, o.scope.Resolve(b.All().Into(&second)))
	refused(t, o.scope.Check(a.All().Into(&first)), capability.ErrConflict)
}

// TestOneValueManyTimes binds one value under many names and keys, which is no
// mistake.
func TestOneValueManyTimes(t *testing.T) {
	o := newOffice(t)
	shared := new(inkjet)
	copiers := capability.New[printer]("copier", "copies pages")
	var changes capability.Changes
	for i := range 50 {
		changes = append(changes, o.printers.Bind(fmt.Sprint("p", i), shared).Priority(-i), copiers.Bind(fmt.Sprint("p", i), shared))
	}
	accepted(t, capability.Commit(o.desk.Stage(changes), o.floor.Stage(changes), o.spare.Stage(changes)))
	if n := o.all.Get().Len(); n != 53 {
		t.Errorf("the scope sees %d providers, want 53", n)
	}
}

// TestUnknownPeers orders around names that nobody has, which is no mistake.
func TestUnknownPeers(t *testing.T) {
	o := newOffice(t)
	want := append([]string{"photo"}, o.all.Get().Names()...)
	accepted(t, o.desk.Apply(o.printers.Bind("photo", new(inkjet)).Before("nobody", "nobody").After("no-one", "receipt").Before()))
	if diff := cmp.Diff(want, o.all.Get().Names()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestPointersToChanges commits pointers to changes, which have the methods of
// a Change: either they are refused or they do what they point to.
func TestPointersToChanges(t *testing.T) {
	o := newOffice(t)
	b := o.printers.Bind("photo", new(inkjet))
	c := capability.Changes{o.printers.Bind("badge", new(inkjet)).Priority(-1)}
	for _, change := range []capability.Change{&b, &c} {
		before := o.state(t)
		err := unpanicked(t, func() error { return o.desk.Apply(change) })
		if err == nil {
			continue
		}
		refused(t, err, capability.ErrInvalid)
		if diff := cmp.Diff(before, o.state(t)); diff != "" {
			t.Errorf("%v: the refused commit left a trace (-want +got):\n%s", reflect.TypeOf(change), diff)
		}
	}
}

// TestChangesThatHoldThemselves commits Changes without an end.
func TestChangesThatHoldThemselves(t *testing.T) {
	for name, make := range map[string]func() capability.Change{
		"once": func() capability.Change {
			c := capability.Changes{nil}
			c[0] = c
			return c
		},
		"twice": func() capability.Change {
			c := capability.Changes{nil, nil}
			c[0], c[1] = c, c
			return c
		},
		"in-turn": func() capability.Change {
			a, b := capability.Changes{nil, nil, nil}, capability.Changes{nil, nil, nil}
			for i := range a {
				a[i], b[i] = b, a
			}
			return a
		},
		"by-pointer": func() capability.Change {
			c := capability.Changes{nil}
			c[0] = &c
			return c
		},
		"embedded": func() capability.Change {
			c := capability.Changes{nil}
			c[0] = struct{ capability.Change }{c}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			apart(t, func(t *testing.T) {
				o := newOffice(t)
				o.refuses(t, capability.ErrInvalid, o.floor, make())
			})
		})
	}
}

// TestChangesWithinTheLimits nests Changes as deep, and gives as many lists of them, as is
// allowed, and one more.
func TestChangesWithinTheLimits(t *testing.T) {
	nested := func(n int) capability.Change {
		var c capability.Change = capability.Mask("printer")
		for range n {
			c = capability.Changes{c}
		}
		return c
	}
	for what, c := range map[string]struct{ most, more capability.Change }{
		"depth": {nested(16), nested(17)},
		"lists": { // that of Apply is one, too, as is that of all
			capability.Changes(slices.Repeat([]capability.Change{nested(1)}, 1<<16-2)),
			capability.Changes(slices.Repeat([]capability.Change{nested(1)}, 1<<16-1)),
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := capability.NewRegistry(capability.Engine, "city")
			accepted(t, r.Apply(c.most))
			refused(t, r.Apply(c.more), capability.ErrInvalid)
		})
	}
}

// TestNamesakes brings two capabilities of one name into a scope, from either side, and
// with others that are nobody's namesake.
func TestNamesakes(t *testing.T) {
	type world struct {
		scope             *capability.Scope
		engine, eu, order *capability.Registry
	}
	key, namesake := capability.New[int]("page", "a page of a book"), capability.New[string]("page", "a boy at court")
	var extras [3]capability.Capability[int]
	for i := range extras {
		extras[i] = capability.New[int](fmt.Sprint("extra", i), "has a name of its own")
	}
	for name, c := range map[string]struct {
		code  capability.Code
		first func(w world) error
		then  func(w world) error
	}{
		"below": {capability.ErrConflict,
			func(w world) error { return w.engine.Apply(namesake.Bind("a", "")) },
			func(w world) error { return w.order.Apply(key.Bind("a", 1)) }},
		"above": {capability.ErrConflict,
			func(w world) error { return w.order.Apply(namesake.Bind("a", "")) },
			func(w world) error { return w.engine.Apply(key.Bind("a", 1)) }},
		"above-with-another": {capability.ErrConflict,
			func(w world) error { return w.order.Apply(namesake.Bind("a", "")) },
			func(w world) error { return w.engine.Apply(extras[0].Bind("a", 1), key.Bind("a", 1)) }},
		"resolved": {capability.ErrConflict,
			func(w world) error { return second(namesake.All().Handle(w.scope)) },
			func(w world) error { return w.engine.Apply(key.Bind("a", 1)) }},
		"resolved-with-another": {capability.ErrConflict,
			func(w world) error { return second(namesake.All().Handle(w.scope)) },
			func(w world) error { return w.engine.Apply(extras[0].Bind("a", 1), key.Bind("a", 1)) }},
		"asked-for": {capability.ErrConflict,
			func(w world) error { return w.eu.Apply(namesake.Bind("a", "")) },
			func(w world) error { return second(key.All().Handle(w.scope)) }},
		"list-by-name": {"",
			func(w world) error {
				return errors.Join(w.eu.Apply(key.Bind("a", 1)), w.order.Apply(capability.Mask("page", "a")))
			},
			func(w world) error { return w.engine.Apply(key.Bind("a", 1)) }},
		"list-by-name-with-others": {"",
			func(w world) error {
				return errors.Join(w.engine.Apply(key.Bind("a", 1)), w.order.Apply(extras[2].Bind("a", 1)))
			},
			func(w world) error {
				return w.eu.Apply(extras[0].Bind("a", 1), extras[1].Bind("a", 1), capability.Mask("page", "a"))
			}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world{engine: capability.NewRegistry(1, "engine"), eu: capability.NewRegistry(2, "eu"), order: capability.NewRegistry(3, "order")}
			w.scope = must1(capability.Compose(w.engine, w.eu, w.order))
			accepted(t, c.first(w))
			err := unpanicked(t, func() error { return c.then(w) })
			if c.code == "" {
				accepted(t, err)
				return
			}
			refused(t, err, c.code)
			if n := mistakes(err); n != 1 {
				t.Errorf("%d mistakes were found, want 1: %v", n, err)
			}
		})
	}
}
