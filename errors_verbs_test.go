// Errors on their way out of the verbs: what errors.Is and errors.As find, and
// what the fields say.

package capability_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// retry is a code that a program declares for itself.
const retry capability.Code = "40001"

// jam is an error with a type of its own.
type jam struct{ tray int }

func (j *jam) Error() string { return fmt.Sprint("paper jam in tray ", j.tray) }

// failingVerbs are all verbs that can fail, with a func that fails at the
// provider label.
func failingVerbs(o *office, cause error) map[string]error {
	chain := o.all.Get()
	fail := func(p printer) error {
		if p == printer(o.label) {
			return cause
		}
		return nil
	}
	_, collect := capability.Collect(chain, func(p printer) (int, error) { return 1, fail(p) })
	_, anyErr := capability.Any(chain, func(p printer) (bool, error) { err := fail(p); return err != nil, err })
	_, every := capability.Every(chain, func(p printer) (bool, error) { return true, fail(p) })
	_, pipe := capability.Pipe(chain, 1, func(p printer, n int) (int, error) { return n + 1, fail(p) })
	decision, decide := capability.Decide(chain, func(p printer) (capability.Decision[int], error) {
		if err := fail(p); err != nil {
			return capability.Decided(7), err
		}
		return capability.Decision[int]{}, nil
	})
	if _, ok := decision.Get(); ok {
		decide = fmt.Errorf("decided besides the error %w", decide)
	}
	return map[string]error{
		"each":    capability.Each(chain, fail),
		"collect": collect, "any": anyErr, "every": every, "pipe": pipe, "decide": decide,
	}
}

// TestVerbErrors fails a provider in every way and looks at the error that the
// caller of each verb sees.
func TestVerbErrors(t *testing.T) {
	for name, c := range map[string]struct {
		cause    error
		code     capability.Code
		priority int
	}{
		"plain":         {errors.New("out of paper"), "", 0},
		"own-type":      {&jam{3}, "", 0},
		"code":          {retry, retry, 0},
		"wrapped-code":  {fmt.Errorf("try again: %w", retry), retry, 0},
		"error":         {&capability.Error{Code: retry, Priority: 7, Err: &jam{3}}, retry, 7},
		"wrapped-error": {fmt.Errorf("sorry: %w", &capability.Error{Code: retry, Priority: -2}), retry, -2},
		"named-error":   {&capability.Error{Code: retry, Capability: "tray", Provider: "third", Scope: "inside", Err: &jam{3}}, retry, 0},
		"joined":        {errors.Join(io.ErrUnexpectedEOF, retry, &jam{3}), retry, 0},
		"own-code":      {capability.ErrInUse, capability.ErrInUse, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for verb, err := range failingVerbs(newOffice(t), c.cause) {
				var e *capability.Error
				if !errors.As(err, &e) {
					t.Fatalf("%s: no *Error in %T", verb, err)
				}
				want := &capability.Error{Code: c.code, Capability: "printer", Provider: "label", Scope: "floor over city", Priority: c.priority}
				got := *e
				got.Err = nil
				if diff := cmp.Diff(want, &got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", verb, diff)
				}
				if e.Err != c.cause {
					t.Errorf("%s: the cause is %v, want %v", verb, e.Err, c.cause)
				}
				if !errors.Is(err, c.cause) {
					t.Errorf("%s: errors.Is does not find the cause", verb)
				}
				if got, want := errors.Is(err, retry), c.code == retry; got != want {
					t.Errorf("%s: errors.Is finds the code: %v, want %v", verb, got, want)
				}
				if errors.Is(err, capability.ErrCycle) || errors.Is(err, capability.Code("")) {
					t.Errorf("%s: errors.Is finds a code that is not there", verb)
				}
				var j *jam
				if got, want := errors.As(err, &j), errors.As(c.cause, &j); got != want {
					t.Errorf("%s: errors.As finds the type of the cause: %v, want %v", verb, got, want)
				}
				wantText := `capability "printer", provider "label", scope "floor over city": ` + c.cause.Error()
				if diff := cmp.Diff(wantText, err.Error()); diff != "" {
					t.Errorf("%s: text (-want +got):\n%s", verb, diff)
				}
				if diff := cmp.Diff(err.Error(), e.Error()); diff != "" {
					t.Errorf("%s: the Error has another text (-want +got):\n%s", verb, diff)
				}
			}
		})
	}
}

// TestNilErrorOfProvider lets a provider return a nil *Error as an error, which
// is not nil: that is a mistake of the provider and must not become a panic of
// whoever looks at it.
func TestNilErrorOfProvider(t *testing.T) {
	for verb, err := range failingVerbs(newOffice(t), (*capability.Error)(nil)) {
		t.Run(verb, func(t *testing.T) {
			_ = unpanicked(t, func() error {
				var e *capability.Error
				if !errors.As(err, &e) || e == nil || e.Provider != "label" {
					t.Errorf("no *Error that names the provider in %T", err)
				}
				if err.Error() == "" {
					t.Error("there is no text")
				}
				if errors.Is(err, retry) {
					t.Error("errors.Is finds a code that is not there")
				}
				return nil
			})
		})
	}
}

// TestVerbErrorsThroughVerbs dispatches from within a dispatch: the innermost
// code and priority reach the caller, and each level has its names.
func TestVerbErrorsThroughVerbs(t *testing.T) {
	o := newOffice(t)
	err := capability.Each(o.all.Get(), func(printer) error {
		return capability.Each(o.all.Get(), func(printer) error { return &capability.Error{Code: retry, Priority: 5} })
	})
	for level := range 3 {
		var e *capability.Error
		if !errors.As(err, &e) {
			t.Fatalf("level %d: no *Error in %T", level, err)
		}
		if e.Code != retry || e.Priority != 5 {
			t.Errorf("level %d: code %q and priority %d, want %q and 5", level, e.Code, e.Priority, retry)
		}
		if named := e.Provider == "laser"; named != (level < 2) {
			t.Errorf("level %d: provider %q", level, e.Provider)
		}
		err = e.Err
	}
}

// TestErrorText puts an Error together from each of its fields.
func TestErrorText(t *testing.T) {
	for want, e := range map[string]*capability.Error{
		``:                       {},
		`cycle`:                  {Code: capability.ErrCycle},
		`boom`:                   {Code: capability.ErrCycle, Err: errors.New("boom")},
		`capability "a"`:         {Capability: "a"},
		`capability "a": cycle`:  {Capability: "a", Code: capability.ErrCycle},
		`provider "b\"\n": boom`: {Provider: "b\"\n", Err: errors.New("boom")},
		`scope "c over d"`:       {Scope: "c over d", Priority: 3},
		`capability "a", provider "b", scope "c": boom`:                  {Capability: "a", Provider: "b", Scope: "c", Err: errors.New("boom")},
		`capability "a": provider "b": 40001`:                            {Capability: "a", Err: &capability.Error{Provider: "b", Code: retry}},
		`capability "a": capability_test.rude whose Error method panics`: {Capability: "a", Err: rude{}},
		`capability "a": nil *Error`:                                     {Capability: "a", Err: (*capability.Error)(nil)},
		`capability "a": *capability_test.jam whose Error method panics`: {Capability: "a", Err: (*jam)(nil)},
		`provider "b": x` + "\n" + `y`:                                   {Provider: "b", Err: errors.Join(errors.New("x"), errors.New("y"))},
	} {
		if diff := cmp.Diff(want, e.Error()); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
	}
}

// TestErrorIs proves that a code is found wherever it is in the tree and that
// no code is found where there is none.
func TestErrorIs(t *testing.T) {
	deep := error(&capability.Error{Code: retry})
	for range 300 {
		deep = &capability.Error{Capability: "printer", Err: fmt.Errorf("again: %w", deep)}
	}
	if !errors.Is(deep, retry) {
		t.Error("a code 300 deep is not found")
	}
	none := &capability.Error{Err: io.EOF}
	if errors.Is(none, capability.Code("")) || errors.Is(none, capability.ErrInvalid) {
		t.Error("a code is found where there is none")
	}
	if !errors.Is(none, io.EOF) || errors.Unwrap(none) != io.EOF {
		t.Error("the cause is not found")
	}
}

// TestSeveralErrors proves that all mistakes of a transaction come back, a line
// each, in the order in which they were made, and that errors.Is and errors.As
// find each.
func TestSeveralErrors(t *testing.T) {
	o := newOffice(t)
	err := o.floor.Apply(
		o.printers.Bind("label", o.laser), o.printers.Unbind("nobody"), o.printers.Bind("photo", nil), o.printers.Bind("photo", o.laser))
	codes := []capability.Code{capability.ErrConflict, capability.ErrUnknown, capability.ErrInvalid}
	for _, code := range codes {
		if !errors.Is(err, code) {
			t.Errorf("%q is not found", code)
		}
	}
	if errors.Is(err, capability.ErrCycle) {
		t.Error("a code is found that is not there")
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T, want several errors", err)
	}
	var got []capability.Code
	for _, err := range several.Unwrap() {
		var e *capability.Error
		if errors.As(err, &e) {
			got = append(got, e.Code)
		}
	}
	if diff := cmp.Diff(codes, got); diff != "" {
		t.Errorf("codes in order (-want +got):\n%s", diff)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(codes) {
		t.Errorf("the text has %d lines, want %d:\n%v", lines, len(codes), err)
	}
}
