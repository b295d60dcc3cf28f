// The suite of extensions.

package capabilitytest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
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
	// called by several goroutines at once, also while the instance is replaced. Nil
	// stands for nothing.
	Use func(*capability.Scope) error
}

// TestExtension tests whether an extension keeps the rules of package extension: its set
// is valid, it starts, can be used when it says that it is ready, is replaced by another
// instance while it is used, and stops when it is told to, also in the middle of a start;
// then no goroutine, scope or registry is left, and it can be started again.
//
// open returns an instance of a configuration that works, of the same name each time and
// without a place. Two of them run at the same time, as they do in any Replace. Each
// mistake is an error of the test that says which rule was broken and what to do.
func TestExtension(t TB, open func() extension.Instance, o ExtensionOptions) {
	t.Helper()
	testExtension(&suite{t: t, patience: patience}, open, o)
}

func testExtension(s *suite, open func() extension.Instance, o ExtensionOptions) {
	s.t.Helper()
	const goroutines = "end what New and Run start before Run returns, or in the OnRetire of an export"
	x := &extensionSuite{suite: s, ExtensionOptions: o, open: open}
	s.alone(goroutines, func() { x.life("the first time") })
	s.alone(goroutines, func() { x.life("a second time, after it had been stopped") })
	s.alone(goroutines, x.replaced)
	for _, after := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
		s.alone(goroutines, func() { x.interrupted(after) })
	}
}

type extensionSuite struct {
	*suite
	ExtensionOptions
	open func() extension.Instance
}

// A house is a host with a registry of its own.
type house struct {
	*extension.Host
	at *capability.Registry
}

func (x *extensionSuite) house() house {
	at := capability.NewRegistry(x.level(), "suite")
	for _, b := range x.Provide {
		if err := at.Apply(bare(b)); err != nil {
			x.wrong("what is provided cannot be bound: %v", err)
		}
	}
	return house{extension.NewHost(extension.Options{Limits: extension.Limits{Start: x.patience, Drain: x.patience, Stop: x.patience}}), at}
}

func (x *extensionSuite) level() capability.Level {
	if x.Level == 0 {
		return capability.Engine
	}
	return x.Level
}

// set returns the instances to start, the tested one last.
func (x *extensionSuite) set(h house) []extension.Instance {
	var set []extension.Instance
	if x.With != nil {
		for _, i := range x.With() {
			set = append(set, i.At(h.at))
		}
	}
	return append(set, x.open().At(h.at))
}

// start starts the set, and reports whether that went well.
func (x *extensionSuite) start(h house, when string) bool {
	set := x.set(h)
	if r := extension.Validate(set); len(r.Errors) > 0 {
		x.wrong("the set is not valid: %v", r.Err())
		return false
	}
	if err := h.Start(context.Background(), set...); err != nil {
		x.wrong("it cannot be started %s: %v", when, err)
		x.close(h)
		return false
	}
	return true
}

// stop stops the house and looks at what is left.
func (x *extensionSuite) stop(h house) {
	if err := h.Stop(context.Background()); err != nil {
		x.wrong("it is told to stop and does not do so well: Run returns when its context ends, with nil or the error of the context, and closes what it has opened: %v", err)
	}
	x.close(h)
}

func (x *extensionSuite) close(h house) {
	ctx, cancel := context.WithTimeout(context.Background(), x.patience)
	defer cancel()
	if err := h.at.Close(ctx); err != nil {
		x.wrong("something is left when it has stopped: close the scopes that New and Run compose, and return from what uses exports: %v", err)
	}
}

// use uses the exports in a scope of its own.
func (x *extensionSuite) use(h house) error {
	if x.Use == nil {
		return nil
	}
	scope, err := capability.Compose(h.at)
	if err != nil {
		return err
	}
	return errors.Join(sheltered(func() error { return x.Use(scope) }), scope.Close())
}

// life starts an instance, uses it and stops it.
func (x *extensionSuite) life(when string) {
	h := x.house()
	if !x.start(h, when) {
		return
	}
	errs := make([]error, 4)
	var work sync.WaitGroup
	for i := range errs {
		work.Go(func() { errs[i] = x.use(h) })
	}
	work.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		x.wrong("it is ready and cannot be used, by four goroutines at once: call ready when exports work, and make them safe for concurrent use: %v", errs[i])
	}
	x.stop(h)
}

// replaced puts another instance in the place of one that is used.
func (x *extensionSuite) replaced() {
	h := x.house()
	if !x.start(h, "to be replaced") {
		return
	}
	over := make(chan struct{})
	errs := make([]error, 4)
	var work sync.WaitGroup
	for i := range errs {
		work.Go(func() {
			for errs[i] == nil {
				errs[i] = x.use(h)
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*x.patience)
	err := h.Replace(ctx, x.open())
	cancel()
	close(over)
	work.Wait()
	if err != nil {
		x.wrong("it cannot be replaced by another instance, which runs at the same time for a while: share nothing exclusive between two, or let the exports hand it over: %v", err)
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		x.wrong("a use fails while it is replaced: keep exports working until their OnRetire, not until the context of Run ends: %v", errs[i])
	}
	x.stop(h)
}

// interrupted ends the context of a start that has begun so long ago.
func (x *extensionSuite) interrupted(after time.Duration) {
	h := x.house()
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan error, 1)
	go func() { started <- h.Start(ctx, x.set(h)...) }()
	time.Sleep(after)
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

// bare returns a binding that may be applied again and again.
func bare(b capability.Binding) capability.Change {
	return Layer{Bindings: []capability.Binding{b}}.Changes("")[0]
}
