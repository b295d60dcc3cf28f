// Package capabilitytest is for tests of programs that are extended, and of what extends
// them.
//
// Of a program: fakes on top of a scope, recorders of what they were called with, and a
// look at what is left open.
//
//	func TestCheckout(t *testing.T) {
//		var paid capabilitytest.Recorder[int]
//		scope := capabilitytest.Overlay(t, production,
//			Payments.Rebind("card", PayFunc(func(cents int) error { paid.Record(cents); return nil })),
//			Mails.Mask("smtp"),
//		)
//		checkout(scope, cart)
//		paid.Called(t, 1999)
//	}
//
// Whatever a program's registries may say: [Worlds] draws it, for properties of the order
// and of what is chosen.
//
// Of what extends a program: [TestSource], [TestObserver] and [TestExtension] say whether
// it keeps the rules, and which one it breaks.
//
// Nothing here is global, and tests that use it may run in parallel.
package capabilitytest

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A TB is what is needed of a test. [testing.T], [testing.B], [testing.F] and
// [pgregory.net/rapid.T] are ones.
type TB interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Overlay returns a scope that sees what scope sees with the changes on top, as if a
// narrower registry had made them: Bind adds, Rebind replaces and Mask hides. The rule
// OnlyAt does not bind them, so whatever the program has can be replaced. scope itself
// is untouched and may be shared by any number of tests that run in parallel.
//
// When the test ends, the overlay is closed and what the changes bound is retired; the
// test fails if that takes longer than ten seconds, and if a change is refused, at once.
func Overlay(t TB, scope *capability.Scope, changes ...capability.Change) *capability.Scope {
	t.Helper()
	level := capability.Level(0)
	if registries := scope.Snapshot().Registries; len(registries) > 0 {
		level = registries[0].Level + 1
	}
	on := inside.Private(int(level), nameOf(t)).(*capability.Registry)
	over, err := scope.With(on)
	if err != nil {
		t.Fatalf("the overlay cannot be composed: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		if err := over.Close(); err != nil {
			t.Errorf("the overlay cannot be closed: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := on.Close(ctx); err != nil {
			t.Errorf("what the overlay bound is not given up: %v", err)
		}
	})
	if err := on.Apply(changes...); err != nil {
		t.Fatalf("the overlay is refused: %v", err)
	}
	return over
}

// nameOf returns the name of the test as one of a registry.
func nameOf(t TB) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}, t.Name())
	for len(name) > 200 {
		_, name, _ = strings.Cut(name[1:], "/")
	}
	if name == "" {
		return "overlay"
	}
	return name
}
