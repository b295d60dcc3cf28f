// Package extension starts, replaces and stops the long-lived parts of a program, and
// binds what they export when it can be used.
//
// An extension has two sides that live apart. Its lifecycle, which is Run, belongs to the
// [Host]. What others call are handles that its constructor makes and exports: values of
// their own, which hold what they need and nothing of how it is run. Nothing is cloned,
// so there is nothing that has to be shared with care.
//
//	var Limiter = extension.Active[Quota]{
//		Manifest: extension.Manifest{
//			Name: "limiter", Version: "1.2.0", URL: "https://example.org/limiter",
//			Doc: "lets so many calls pass each second",
//			Requires: []extension.Key{Clock},
//		},
//		Exports: []extension.Key{Limit},
//		New: func(q Quota, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
//			left := new(atomic.Int64)
//			return []capability.Binding{Limit.Bind(d.Name, &taker{left})}, &refiller{left, q}, nil
//		},
//	}
//
// What is declared so is a value, which can be checked and described before anything
// runs. An [Instance] is an extension with a name of its own, a configuration and a
// place among the registries; its exports are bound under its name, so that consumers
// pick one with Named or Select:
//
//	host := extension.NewHost(extension.Options{})
//	err := host.Start(ctx,
//		Limiter.Instance("per-second", Quota{100}).At(engine),
//		Gateway.Instance("gateway", Port(8080)).At(engine),
//	)
//	…
//	err = host.Stop(ctx)
//
// An instance can be replaced while others use what it exports: their handles read the
// new one when [Host.Replace] has made its commit. The old one is stopped when nobody uses
// its exports any more, and nobody knows how long a caller uses what a plain handle
// returned: until its scope is closed, which for another extension means until that ends.
// So what is to be replaced is leased (declare the capability with
// [capability.OnlyLeased], or resolve it with IntoLeased), or bound with a
// [capability.Binding.Grace] if its users read their handles anew each time.
//
// There are three kinds, each a type, so that wrong combinations do not compile:
// [Passive] extensions export and do not run, [Active] ones do both, and [Background]
// ones run and export nothing.
package extension

import (
	"context"
	"log/slog"
	"reflect"
	"runtime"
	"strconv"

	"github.com/typedcap/capability"
)

// A Key is a capability whatever its type: every [capability.Capability] is one, and
// nothing else is.
type Key interface {
	Name() string
	Doc() string
	String() string
}

// A Manifest says what an extension is.
type Manifest struct {
	Name     string             // of the extension, as instances have names of their own
	Version  string             // may be empty
	Doc      string             // what it is for, in a sentence; required
	URL      string             // where more is to be read; required
	Levels   []capability.Level // where instances may be placed; anywhere if there are none
	Requires []Key              // what somebody has to provide before it starts
}

// Dependencies are what the constructor of an instance is given besides its
// configuration.
type Dependencies struct {
	// Name is that of the instance: its exports are bound under it.
	Name string

	// Scope sees what the instance requires. What is resolved in it must be declared
	// in Requires, or else nobody knows that it has to start later. The host closes it
	// when the instance has stopped. If what is required was bound with BindPerScope by an
	// instance that starts at the same time, its maker runs again when the start is over.
	Scope *capability.Scope

	// Log says who writes.
	Log *slog.Logger

	// Report says that the instance works but not well, and why, or with nil that all
	// is well again. It shows in the [Status]. It may be called at any time and by any
	// goroutine, and does nothing while the instance is not ready.
	Report func(error)
}

// A Runner is what of an instance runs.
type Runner interface {
	// Run calls ready when what the instance exports can be used, each time that it is
	// called, and goes on until ctx ends. It is called by one goroutine at a time. What it returns before ctx has
	// ended decides what comes next: nil says that it is done for good, any other error
	// that it failed, which is final unless [Limits.Restart] says otherwise; [Fatal] and
	// [RetryAfter] say more. One that panics has failed. What it returns after ctx has
	// ended is part of the error of Stop, unless it is that of ctx.
	Run(ctx context.Context, ready func()) error
}

// A RunFunc is a Runner.
type RunFunc func(ctx context.Context, ready func()) error

// Run calls f.
func (f RunFunc) Run(ctx context.Context, ready func()) error { return f(ctx, ready) }

// An Extension is a [Passive], an [Active] or a [Background] one.
type Extension interface {
	// Describe returns what the extension is, for people and tools.
	Describe() Description

	// Decode is Instance with a configuration that decode fills in: it is given a
	// pointer to the zero one. If decode fails, so does [Validate], with that error.
	Decode(name string, decode func(config any) error) Instance

	declaration() *declaration
}

// A Passive extension exports and does not run: it has no goroutine. What has to be
// closed is given to OnRetire of a binding.
type Passive[C any] struct {
	Manifest
	Exports []Key

	// New makes an instance: a binding under d.Name for each of Exports. The
	// bindings are shown when all that starts at the same time is ready. If it has not
	// returned by the end of [Limits.Start], or when another instance fails or Stop is
	// called, it is not waited for, as it has no context. The host owns what it returns,
	// also then: what is not shown is retired by it.
	New func(config C, d Dependencies) ([]capability.Binding, error)
}

// An Active extension exports and runs. The Runner is no export.
type Active[C any] struct {
	Manifest
	Exports []Key

	// New makes an instance, as New of Passive does, and what runs. It should
	// return at once, and leave work to Run.
	New func(config C, d Dependencies) ([]capability.Binding, Runner, error)
}

// A Background extension runs and exports nothing.
type Background[C any] struct {
	Manifest

	// New makes what runs.
	New func(config C, d Dependencies) (Runner, error)
}

// Instance returns an instance of the extension with that configuration. If the
// configuration has a method Validate, which returns an error, [Validate] calls it.
func (e Passive[C]) Instance(name string, config C) Instance {
	return newInstance(e.declaration(), name, config, caller())
}

// Instance is like that of [Passive].
func (e Active[C]) Instance(name string, config C) Instance {
	return newInstance(e.declaration(), name, config, caller())
}

// Instance is like that of [Passive].
func (e Background[C]) Instance(name string, config C) Instance {
	return newInstance(e.declaration(), name, config, caller())
}

// Decode is Instance with a configuration that decode fills in; see [Extension].
func (e Passive[C]) Decode(name string, decode func(config any) error) Instance {
	return decodeInstance[C](e.declaration(), name, decode, caller())
}

// Decode is Instance with a configuration that decode fills in; see [Extension].
func (e Active[C]) Decode(name string, decode func(config any) error) Instance {
	return decodeInstance[C](e.declaration(), name, decode, caller())
}

// Decode is Instance with a configuration that decode fills in; see [Extension].
func (e Background[C]) Decode(name string, decode func(config any) error) Instance {
	return decodeInstance[C](e.declaration(), name, decode, caller())
}

// Describe returns what the extension is, for people and tools.
func (e Passive[C]) Describe() Description { return e.declaration().describe() }

// Describe returns what the extension is, for people and tools.
func (e Active[C]) Describe() Description { return e.declaration().describe() }

// Describe returns what the extension is, for people and tools.
func (e Background[C]) Describe() Description { return e.declaration().describe() }

// A declaration is what an extension is, whatever its kind and the type of its
// configuration.
type declaration struct {
	Manifest
	kind    string
	exports []Key
	config  reflect.Type
	site    string // of New, "" if there is none
	make    func(config any, d Dependencies) (made, error)
}

// made is what a constructor returned.
type made struct {
	exports []capability.Binding
	runs    Runner // nil if it is passive
}

func (e Passive[C]) declaration() *declaration {
	return &declaration{e.Manifest, "passive", e.Exports, reflect.TypeFor[C](), site(e.New), func(c any, d Dependencies) (m made, err error) {
		m.exports, err = e.New(c.(C), d)
		return m, err
	}}
}

func (e Active[C]) declaration() *declaration {
	return &declaration{e.Manifest, "active", e.Exports, reflect.TypeFor[C](), site(e.New), func(c any, d Dependencies) (m made, err error) {
		m.exports, m.runs, err = e.New(c.(C), d)
		return m, err
	}}
}

func (e Background[C]) declaration() *declaration {
	return &declaration{e.Manifest, "background", nil, reflect.TypeFor[C](), site(e.New), func(c any, d Dependencies) (m made, err error) {
		m.runs, err = e.New(c.(C), d)
		return m, err
	}}
}

// passive reports whether nothing of it runs.
func (d *declaration) passive() bool { return d.kind == "passive" }

// site returns where a func is written, "" if it is nil.
func site(f any) string {
	v := reflect.ValueOf(f)
	if v.IsNil() {
		return ""
	}
	file, line := runtime.FuncForPC(v.Pointer()).FileLine(v.Pointer())
	return file + ":" + strconv.Itoa(line)
}

// caller returns where the func that calls it was called.
func caller() string {
	_, file, line, _ := runtime.Caller(2)
	return file + ":" + strconv.Itoa(line)
}
