package capabilitytest_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

// A test that closes what it opens has no leaks, in parallel with others of its kind.
func TestNoLeaks(t *testing.T) {
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			capabilitytest.NoLeaks(t)
			scope := capabilitytest.Overlay(t, production(t))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			mails, err := Mails.All().Handle(scope)
			must(err)
			go func() {
				defer close(done)
				for range mails.Watch(ctx) {
				}
			}()
			cancel()
			<-done
		})
	}
}

// A leaker is a test that leaves something open.
type leaker struct {
	reporter
	name string
}

func (l *leaker) Name() string                    { return l.name }
func (l *leaker) Logf(format string, args ...any) { l.Errorf("log: "+format, args...) }

// leaks returns what NoLeaks says of a test.
func leaks(name string, f func(t testing.TB), tolerate ...string) string {
	l := &leaker{name: name}
	done := make(chan struct{})
	go func() { // its labels go with it
		defer close(done)
		capabilitytest.NoLeaks(l, tolerate...)
		f(l)
		for _, clean := range l.cleans {
			clean()
		}
	}()
	<-done
	place := regexp.MustCompile(`\S*/(\w+\.go):\d+`)
	return place.ReplaceAllString(strings.Join(l.texts, "\n"), "$1")
}

// What is left open is named, with the place where it was opened.
func TestLeaksAreNamed(t *testing.T) {
	free := make(chan struct{})
	defer close(free)
	var engine *capability.Registry
	var scope *capability.Scope
	got := leaks("TestLeaksAreNamed", func(testing.TB) {
		engine = capability.NewRegistry(capability.Engine, "engine")
		var err error
		scope, err = capability.Compose(engine)
		must(err)
	})
	want := `registry "engine" (engine), opened at leaks_test.go, is open: close it
scope "engine", opened at leaks_test.go, is open: close it`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leaks (-want +got):\n%s", diff)
	}
	must(scope.Close())
	must(engine.Close(t.Context()))
	watched, _ := capability.NewValue(1)
	got = leaks("TestLeaksAreNamed/goroutine", func(testing.TB) {
		go func() {
			<-free
		}()
		go watch(watched, free)
	})
	for _, part := range []string{"a goroutine of the test goes on: ", "TestLeaksAreNamed.func", "Watch", "capabilitytest_test.watch at leaks_test.go"} {
		if !strings.Contains(got, part) {
			t.Errorf("got %q, want %q in it", got, part)
		}
	}
	if got := leaks("TestLeaksAreNamed/tolerated", func(testing.TB) { go watch(watched, free) }, "capabilitytest_test.watch"); got != "" {
		t.Errorf("got %q", got)
	}
}

// watch watches a handle until free is closed.
func watch(h capability.Handle[int], free chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-free
		cancel()
	}()
	for range h.Watch(ctx) {
	}
}

// What another test opened is its own affair, and what nobody is known to have opened
// cannot be told while others look.
func TestLeaksOfOthers(t *testing.T) {
	var engine *capability.Registry
	aside := func(testing.TB) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			engine = capability.NewRegistry(capability.Engine, "engine")
		}()
		<-done
	}
	if got := leaks("TestOfAnother", aside); got != "" {
		t.Errorf("got %q", got)
	}
	must(engine.Close(t.Context()))
	open := func(testing.TB) {
		made := make(chan *capability.Registry)
		go helper(made)
		engine = <-made
	}
	if got := leaks("TestLeaksOfOthers", open); !strings.HasPrefix(got, `registry "engine" (engine), opened at leaks_test.go, is open`) {
		t.Errorf("alone: %q", got)
	}
	must(engine.Close(t.Context()))
	other := leaks("TestOfAnother", func(testing.TB) {
		if got := leaks("TestLeaksOfOthers", open); !strings.HasPrefix(got, "log: ") || !strings.Contains(got, "run this one alone") {
			t.Errorf("among others: %q", got)
		}
		must(engine.Close(t.Context()))
	})
	if other != "" {
		t.Errorf("the other one: %q", other)
	}
}

// helper opens a registry on a goroutine that has no test on its stack.
func helper(made chan *capability.Registry) {
	made <- capability.NewRegistry(capability.Engine, "engine")
}
