package capabilitytest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

// A Payer takes money.
type Payer interface{ Pay(cents int) error }

type payFunc func(int) error

func (f payFunc) Pay(cents int) error { return f(cents) }

var (
	Payments = capability.New[Payer]("payments", "take money", capability.OnlyAt(capability.Engine))
	Mails    = capability.New[func(string)]("mails", "send mails")
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// production returns the scope of a shop.
func production(t testing.TB) *capability.Scope {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(
		Payments.Bind("card", payFunc(func(int) error { return errors.New("that was real money") })),
		Mails.Bind("smtp", func(string) {}),
	))
	scope, err := capability.Compose(orders, engine)
	must(err)
	t.Cleanup(func() {
		must(scope.Close())
		must(orders.Close(context.Background()))
		must(engine.Close(context.Background()))
	})
	return scope
}

// pay pays with the one provider that the scope sees.
func pay(scope *capability.Scope, cents int) error {
	payer, err := Payments.Handle(scope)
	if err != nil {
		return err
	}
	return payer.Get().Pay(cents)
}

// A hundred tests share one production scope, each with fakes of its own.
func TestOverlaysInParallel(t *testing.T) {
	scope := production(t)
	t.Run("all", func(t *testing.T) {
		for i := range 100 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				var paid capabilitytest.Recorder[int]
				over := capabilitytest.Overlay(t, scope, Payments.Rebind("card", payFunc(func(cents int) error {
					paid.Record(cents)
					return nil
				})), Mails.Mask("smtp"))
				must(pay(over, i))
				mails, err := Mails.All().Handle(over)
				must(err)
				if mails.Get().Len() != 0 {
					t.Error("a mask has no effect")
				}
				paid.Called(t, i)
			})
		}
	})
	if err := pay(scope, 1); err == nil || err.Error() != "that was real money" {
		t.Errorf("the production scope pays with a fake: %v", err)
	}
}

// What an overlay bound is retired when its test ends; one may lie on top of another.
func TestOverlayIsClosed(t *testing.T) {
	scope := production(t)
	retired := 0
	var over, top *capability.Scope
	t.Run("a test with\ta strange name ", func(t *testing.T) {
		fake := payFunc(func(int) error { return nil })
		over = capabilitytest.Overlay(t, scope, Payments.Rebind("card", fake).OnRetire(func() error { retired++; return nil }))
		top = capabilitytest.Overlay(t, over, Payments.Rebind("card", payFunc(func(int) error { return errors.New("broke") })))
		must(pay(over, 1))
		if err := pay(top, 1); err == nil || err.Error() != "broke" {
			t.Errorf("got %v", err)
		}
	})
	if err := pay(over, 1); !errors.Is(err, capability.ErrClosed) {
		t.Errorf("after the test: %v", err)
	}
	if retired != 1 {
		t.Errorf("the fake was retired %d times", retired)
	}
}

// A reporter notes what a test would say.
type reporter struct {
	testing.TB
	texts  []string
	cleans []func()
}

func (r *reporter) Helper()          {}
func (r *reporter) Name() string     { return "reported" }
func (r *reporter) Cleanup(f func()) { r.cleans = append(r.cleans, f) }
func (r *reporter) Errorf(format string, args ...any) {
	r.texts = append(r.texts, fmt.Sprintf(format, args...))
}
func (r *reporter) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// reports returns what f would make a test say.
func reports(f func(t testing.TB)) (text string) {
	r := new(reporter)
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
		for _, f := range r.cleans {
			f()
		}
		text = strings.Join(r.texts, "\n")
	}()
	f(r)
	return ""
}

func TestOverlayIsRefused(t *testing.T) {
	scope := production(t)
	for name, c := range map[string]struct {
		scope   *capability.Scope
		changes []capability.Change
		want    string
	}{
		"unknown provider": {scope, []capability.Change{Payments.Rebind("cart", payFunc(func(int) error { return nil }))}, `did you mean "card"?`},
		"nil scope":        {nil, nil, "of a nil or zero Scope"},
		"nil change":       {scope, []capability.Change{nil}, "is nil"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			if got := reports(func(t testing.TB) { capabilitytest.Overlay(t, c.scope, c.changes...) }); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRecorder(t *testing.T) {
	var r capabilitytest.Recorder[string]
	none := func(f func(t testing.TB)) {
		t.Helper()
		if got := reports(f); got != "" {
			t.Errorf("got %q", got)
		}
	}
	some := func(f func(t testing.TB), want string) {
		t.Helper()
		if got := reports(f); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	none(func(t testing.TB) { r.NotCalled(t); r.Called(t); r.CalledTimes(t, 0) })
	some(func(t testing.TB) { r.CalledWith(t, "a") }, "it was not called with a, but with []")
	r.Record("a")
	r.Record("b")
	none(func(t testing.TB) { r.Called(t, "a", "b"); r.CalledTimes(t, 2); r.CalledWith(t, "b") })
	some(func(t testing.TB) { r.NotCalled(t) }, "it was called 2 times, want never: [a b]")
	some(func(t testing.TB) { r.Called(t, "b", "a") }, "calls (-want +got)")
	some(func(t testing.TB) { r.CalledTimes(t, 1) }, "it was called 2 times, want 1: [a b]")
	r.Forget()
	none(func(t testing.TB) { r.NotCalled(t) })
}
