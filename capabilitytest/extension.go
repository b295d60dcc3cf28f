// The suite of extensions.

package capabilitytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
	"github.com/typedcap/capability/internal/inside"
)

// ExtensionOptions say what an extension needs to be tested. The zero value is for one
// that requires nothing and is placed at engine level.
type ExtensionOptions struct {
	// Level is where instances are placed; 0 stands for [capability.Engine].
	Level capability.Level

	// With returns instances that export what the tested one requires, without a place.
	With func() []extension.Instance

	// Provide is bound for what the tested one requires and no instance exports.
	Provide []capability.Binding

	// Use resolves in the scope what is exported and uses it, as a consumer does. It is
	// called by several goroutines at once, also while the instance is replaced, so it
	// returns an error instead of ending the test, and returns soon. Nil stands for
	// nothing.
	Use func(*capability.Scope) error

	// Tolerate are texts in names of funcs. Goroutines, and scopes and registries when they
	// are opened, that have one on their stack are tolerated, as with [NoLeaks]: those of
	// others that cannot be ended.
	Tolerate []string
}

// TestExtension tests whether an extension keeps the rules of package extension: its set
// is valid, it starts, can be used when it says that it is ready and is so still when it has
// been used, is replaced by another instance while it is used, and stops when it is told
// to, also in the middle of a start, be it in New or in Run; then no goroutine, scope or
// registry is left, and it can be started again.
//
// open returns an instance of a configuration that works, of the same name each time and
// without a place. Two of them run at the same time, as they do in any Replace. open and
// With may end the test, with Fatal or Skip. Each mistake is an error of the test that
// says which rule was broken and what to do.
//
// What is provided is bound where the tested one sees it whatever its level, and whatever
// OnlyAt says. Instances of With are placed at its level or, if they or their exports may
// not be there, at the next broader one from 0 on where they may.
//
// Scopes and registries cannot be told from those that other tests open at the same time
// without a test func on the stack: while other suites run, or several tests look for
// leaks, these are logged. Those that open, With and their like open by themselves are the
// test's.
func TestExtension(t TB, open func() extension.Instance, o ExtensionOptions) {
	t.Helper()
	testExtension(&suite{t: t, patience: patience, tolerate: o.Tolerate}, open, o)
}

func testExtension(s *suite, open func() extension.Instance, o ExtensionOptions) {
	s.t.Helper()
	const rule = "end what New and Run start, and close what they open, before Run returns, or in the OnRetire of an export"
	x := &extensionSuite{suite: s, ExtensionOptions: o, open: open}
	s.alone(rule, func() { x.life("the first time") })
	s.alone(rule, func() { x.life("a second time, after it had been stopped") })
	s.alone(rule, x.replaced)
	for _, when := range []func(*house) bool{nil, x.inNew, x.inRun} {
		s.alone(rule, func() { x.interrupted(when) })
	}
}

type extensionSuite struct {
	*suite
	ExtensionOptions
	open func() extension.Instance
}

// A house is a host with registries of its own.
type house struct {
	*extension.Host
	set        []extension.Instance   // to start, the tested one last
	registries []*capability.Registry // the narrowest, which is where the tested one is placed, first
	over       bool                   // it was closed
}

// house returns a house that runs nothing yet.
func (x *extensionSuite) house() *house {
	h := &house{Host: extension.NewHost(extension.Options{
		Limits:    extension.Limits{Start: x.patience, Drain: x.patience, Stop: x.patience},
		Consumers: x.patience,
	})}
	var with []extension.Instance
	if x.With != nil {
		with = x.With()
	}
	tested := x.open()
	levels := []capability.Level{x.level()}
	for _, i := range with {
		levels = append(levels, x.levelOf(i))
	}
	h.registries = append(h.registries, capability.NewRegistry(levels[0], "suite"))
	for _, l := range slices.Backward(slices.Compact(slices.Sorted(slices.Values(levels[1:])))) {
		if l != levels[0] {
			h.registries = append(h.registries, capability.NewRegistry(l, "suite-"+strings.ReplaceAll(l.String(), " ", "-")))
		}
	}
	if len(x.Provide) > 0 {
		// Broader than all, and not bound by OnlyAt.
		provided := inside.Private(int(min(levels[0], 0)-1), "provided").(*capability.Registry)
		h.registries = append(h.registries, provided)
		for _, b := range x.Provide {
			if err := provided.Apply(bare(b)); err != nil {
				x.wrong("what is provided cannot be bound: %v", err)
			}
		}
	}
	for n, i := range with {
		at := slices.IndexFunc(h.registries, func(r *capability.Registry) bool { return r.Level() == levels[n+1] })
		h.set = append(h.set, i.At(h.registries[at:]...))
	}
	h.set = append(h.set, tested.At(h.registries...))
	return h
}

func (x *extensionSuite) level() capability.Level {
	if x.Level == 0 {
		return capability.Engine
	}
	return x.Level
}

// levelOf returns the level where an instance of With may be placed: the narrowest that is
// not narrower than that of the tested one.
func (x *extensionSuite) levelOf(i extension.Instance) capability.Level {
	for l := x.level(); l >= 0; l-- {
		at := capability.NewRegistry(l, "suite")
		r := extension.Validate([]extension.Instance{i.At(at)})
		_ = at.Close(context.Background()) // nothing uses it
		if !slices.ContainsFunc(r.Errors, func(err error) bool { return errors.Is(err, capability.ErrInvalid) }) {
			return l
		}
	}
	return x.level() // where the set is not valid, and the error says why
}

// start starts the set, and reports whether that went well.
func (x *extensionSuite) start(h *house, when string) bool {
	if x.failed {
		return false
	}
	if r := extension.Validate(h.set); len(r.Errors) > 0 {
		x.wrong("the set is not valid: %v", r.Err())
		return false
	}
	if err := h.Start(context.Background(), h.set...); err != nil {
		x.wrong("it cannot be started %s: %v", when, err)
		x.close(h)
		return false
	}
	return true
}

// stop stops the house, a moment after it was used, and looks at what is left.
func (x *extensionSuite) stop(h *house) {
	time.Sleep(moment)
	if err := h.Ready(); err != nil {
		x.wrong("it was ready, and is not any more: go on in Run until its context ends, or return nil when there is no more to do: %v", err)
	}
	if err := h.Stop(context.Background()); err != nil {
		x.wrong("it is told to stop and does not do so well: Run returns when its context ends, with nil or the error of the context, and closes what it has opened: %v", err)
	}
	x.close(h)
}

func (x *extensionSuite) close(h *house) {
	h.over = true
	ctx, cancel := context.WithTimeout(context.Background(), x.patience)
	defer cancel()
	for _, r := range h.registries {
		if err := r.Close(ctx); err != nil {
			x.wrong("something is left when it has stopped: close the scopes that New and Run compose, and return from what uses exports: %v", err)
			return
		}
	}
}

// leave ends all that runs in the house if that was not closed: the test has ended, or what
// comes of it does not matter any more.
func (h *house) leave() {
	if h.over {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // whoever does not end soon is not waited for
	_ = h.Stop(ctx)
	for _, r := range h.registries {
		_ = r.Close(ctx)
	}
}

// use uses the exports, in a scope of its own.
func (x *extensionSuite) use(h *house) (err error) {
	if x.Use == nil {
		return nil
	}
	scope, err := capability.Compose(h.registries...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scope.Close()) }()
	return x.Use(scope)
}

// used returns the first error of uses, and whether all have returned in time.
func (x *extensionSuite) used(uses []<-chan error) (err error, all bool) {
	late := time.After(x.patience)
	for _, use := range uses {
		select {
		case e := <-use:
			err = cmp.Or(err, e)
		case <-late:
			x.wrong("a use has not returned for %v: answer whoever uses an export until its OnRetire, or call ready later; Use returns soon", x.patience)
			return err, false
		}
	}
	return err, true
}

// misused tells of an error of a use.
func (x *extensionSuite) misused(rule string, err error) {
	if p, ok := errors.AsType[*capability.PanicError](err); ok {
		x.wrong("Use, or what it has called, has not returned: return errors, also in Use, which cannot end the test as it is called by goroutines of its own: %v", p)
		return
	}
	x.wrong("%s: %v", rule, err)
}

// life starts an instance, uses it and stops it.
func (x *extensionSuite) life(when string) {
	h := x.house()
	defer h.leave()
	if !x.start(h, when) {
		return
	}
	var uses []<-chan error
	for range 4 {
		uses = append(uses, sheltered(func() error { return x.use(h) }))
	}
	err, all := x.used(uses)
	if err != nil {
		x.misused("it is ready and cannot be used, by four goroutines at once: call ready when exports work, and make them safe for concurrent use", err)
	}
	if all {
		x.stop(h)
	}
}

// replaced puts another instance in the place of one that is used.
func (x *extensionSuite) replaced() {
	h := x.house()
	defer h.leave()
	if !x.start(h, "to be replaced") {
		return
	}
	other := x.open()
	over := make(chan struct{})
	var uses []<-chan error
	for range 4 {
		uses = append(uses, sheltered(func() error {
			for {
				if err := x.use(h); err != nil {
					return err
				}
				select {
				case <-over:
					return nil
				case <-time.After(time.Millisecond):
				}
			}
		}))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*x.patience)
	replaced := h.Replace(ctx, other)
	cancel()
	close(over)
	err, all := x.used(uses)
	if replaced != nil {
		x.wrong("it cannot be replaced by another instance, which runs at the same time for a while: share nothing exclusive between two, or let the exports hand it over: %v", replaced)
	}
	if err != nil {
		x.misused("a use fails while it is replaced: keep exports working until their OnRetire, not until the context of Run ends", err)
	}
	if all {
		x.stop(h)
	}
}

// interrupted ends the context of a start when the tested one begins to start or, if when is
// not nil, when that is true.
func (x *extensionSuite) interrupted(when func(*house) bool) {
	h := x.house()
	defer h.leave()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := sheltered(func() error {
		defer cancel() // nothing is to be seen any more
		return h.Start(ctx, h.set...)
	})
	for range h.Status().Watch(ctx) {
		if h.starting() {
			break
		}
	}
	for when != nil && h.starting() && !when(h) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-started:
		if errors.Is(err, capability.ErrInUse) || err != nil && !errors.Is(err, context.Canceled) {
			x.wrong("a start that is interrupted does not end well: return from New soon, do what takes long in Run, and return from that when its context ends, also before it is ready: %v", err)
		}
	case <-time.After(3 * x.patience):
		x.wrong("a start that is interrupted does not end: return from New soon, and do what takes long in Run, which has a context")
		return
	}
	x.stop(h)
}

// starting reports whether the tested instance is the only one that is starting.
func (h *house) starting() bool {
	at := slices.IndexFunc(h.Status().Get(), func(s extension.Status) bool { return s.State == extension.Starting })
	return at >= 0 && at == len(h.set)-1
}

// inNew reports whether New is being called, or was: that is seen in the stacks.
func (x *extensionSuite) inNew(*house) bool {
	return x.goroutines("extension.(*unit).construct.func") > 0 || x.goroutines("extension.(*unit).once.func") > 0
}

// inRun reports whether the Run of each that runs is being called.
func (x *extensionSuite) inRun(h *house) bool {
	n := 0
	for _, s := range h.Status().Get() {
		if s.Kind != "passive" && (s.State == extension.Starting || s.State == extension.Ready || s.State == extension.Degraded) {
			n++
		}
	}
	return n > 0 && x.goroutines("extension.(*unit).once.func") >= n
}

// goroutines returns how many goroutines of the suite are in that func.
func (x *extensionSuite) goroutines(in string) int {
	sum := 0
	for _, group := range groups(x.label) {
		var n int
		if _, err := fmt.Sscan(group, &n); err == nil && strings.Contains(group, in) {
			sum += n
		}
	}
	return sum
}

// bare returns a binding that may be applied again and again.
func bare(b capability.Binding) capability.Change {
	return Layer{Bindings: []capability.Binding{b}}.Changes("")[0]
}
