// What comes of errors that went through several verbs, and through JSON.

package modes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
)

// failing returns an office of clerks with these faults.
func failing(t *testing.T, faults ...func() error) *office {
	var do []func(context.Context) (int, error)
	for _, f := range faults {
		do = append(do, func(context.Context) (int, error) { return 0, f() })
	}
	return newOffice(t, do...)
}

func noInk() error   { return &capability.Error{Code: busy, Priority: 3, Err: errors.New("no ink")} }
func noPaper() error { return fmt.Errorf("no paper: %w", context.Canceled) }
func noPen() error   { panic("no pen") }

// The errors of several providers come back from JSON with codes, names, priorities and
// texts, and so does that of one.
func TestErrorsOfVerbsSurviveJSON(t *testing.T) {
	ctx := context.Background()
	for _, o := range []*office{failing(t, noInk), failing(t, noPaper, noInk), failing(t, noInk, noPen, noPaper)} {
		for _, v := range []verb{
			keepGoing[0], fannedOut(3)[0],
			{"concurrent", "Each", func(ctx context.Context, o *office) (_ any, err error) {
				defer func() {
					if p, ok := recover().(interface{ Relayed() error }); ok {
						err = p.Relayed()
					}
				}()
				return nil, concurrent.Each(ctx, o.all.Get(), 3, func(ctx context.Context, c *clerk) error { return fault(o.ask(ctx, c)) })
			}},
		} {
			_, err := v.call(ctx, o)
			text, fault := json.Marshal(err)
			if fault != nil {
				t.Fatal(fault)
			}
			var back capability.Error
			if fault := json.Unmarshal(text, &back); fault != nil {
				t.Fatalf("%v: %v in %s", v, fault, text)
			}
			if back.Error() != err.Error() {
				t.Errorf("%v: %v came back as %v", v, err, back.Error())
			}
			for _, code := range []error{busy, capability.ErrPanic, context.Canceled} {
				if errors.Is(err, code) != errors.Is(&back, code) {
					t.Errorf("%v: %v is lost or won in %s", v, code, text)
				}
			}
		}
	}
}

// An error of a verb can be compared, also if it is of several providers.
func TestErrorsOfVerbsAreComparable(t *testing.T) {
	for _, v := range []verb{keepGoing[0], fannedOut(3)[0], concurrently(3)[0]} {
		_, err := v.call(context.Background(), failing(t, noInk, noPaper))
		if !errors.Is(fmt.Errorf("outer: %w", err), err) {
			t.Errorf("%v: the error is not itself", v)
		}
	}
}

// A panic that package concurrent passed on keeps its stack out of the texts of those
// who recover it again.
func TestRelayedPanicIsToldWithoutStack(t *testing.T) {
	o := failing(t, noPen)
	relaying := func(*clerk) error {
		return concurrent.Each(context.Background(), o.all.Get(), 1, func(_ context.Context, c *clerk) error { return fault(c.do(nil)) })
	}
	errs := []error{
		keepgoing.Each(o.all.Get(), relaying),
		fanout.Each(context.Background(), o.all.Get(), 1, func(_ context.Context, c *clerk) error { return relaying(c) }),
	}
	for _, err := range errs {
		var p *capability.PanicError
		if text := err.Error(); strings.Contains(text, "\n") || !strings.HasSuffix(text, "it panicked: no pen") {
			t.Errorf("got %s", text)
		}
		if !errors.As(err, &p) || !errors.Is(err, capability.ErrPanic) {
			t.Errorf("%v has no panic", err)
		}
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			if p, ok := inner.(*capability.PanicError); ok && p.Value == "no pen" && len(p.Stack) > 0 {
				return
			}
		}
		t.Errorf("the panic itself is not in %v", err)
	}
}
