// Errors through JSON: what comes back, what does not, and that nothing hangs or
// panics.

package capability_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// throughJSON writes err and reads it again. What was read is written once more
// and has to be the same.
func throughJSON(t *testing.T, err error) *capability.Error {
	t.Helper()
	var data []byte
	fault := unpanicked(t, func() (fault error) {
		data, fault = json.Marshal(err)
		return fault
	})
	if fault != nil || data == nil {
		t.Fatalf("writing: %v", fault)
	}
	back := new(capability.Error)
	if fault := json.Unmarshal(data, back); fault != nil {
		t.Fatalf("reading %s: %v", data, fault)
	}
	again, fault := json.Marshal(back)
	if fault != nil {
		t.Fatalf("writing again: %v", fault)
	}
	if diff := cmp.Diff(string(data), string(again)); diff != "" {
		t.Errorf("JSON written, and written again after reading (-first +second):\n%s", diff)
	}
	return back
}

// sameFields compares two Errors down to their first cause that is none.
func sameFields(t *testing.T, want, got *capability.Error) {
	t.Helper()
	for depth := 0; ; depth++ {
		w, g := *want, *got
		w.Err, g.Err = nil, nil
		if diff := cmp.Diff(w, g); diff != "" {
			t.Fatalf("Error %d deep (-want +got):\n%s", depth, diff)
		}
		next, ok := want.Err.(*capability.Error)
		if !ok {
			return
		}
		want = next
		if got, ok = got.Err.(*capability.Error); !ok {
			t.Fatalf("the cause of the Error %d deep is no *Error", depth)
		}
	}
}

// TestErrorJSONFields takes each field through JSON.
func TestErrorJSONFields(t *testing.T) {
	for name, e := range map[string]*capability.Error{
		"zero":        {},
		"code":        {Code: capability.ErrConflict},
		"own-code":    {Code: retry},
		"odd-code":    {Code: "\"<é>\n"},
		"capability":  {Capability: "printer"},
		"provider":    {Provider: "laser"},
		"scope":       {Scope: "desk over city"},
		"priority":    {Priority: -1 << 30},
		"all":         {Code: retry, Capability: "printer", Provider: "laser", Scope: "desk over city", Priority: 9, Err: io.EOF},
		"error-cause": {Capability: "printer", Err: &capability.Error{Code: retry, Priority: 3, Err: &capability.Error{Provider: "x"}}},
		"zero-cause":  {Err: &capability.Error{}},
	} {
		t.Run(name, func(t *testing.T) {
			back := throughJSON(t, e)
			sameFields(t, e, back)
			if diff := cmp.Diff(e.Error(), back.Error()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

// TestErrorJSONCauses takes causes of every kind through JSON and looks for them
// afterwards.
func TestErrorJSONCauses(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		is    []error
		not   []error
	}{
		"plain":            {errors.New("out of paper"), nil, []error{io.EOF, retry}},
		"code":             {retry, []error{retry}, []error{capability.ErrInvalid}},
		"wrapped-code":     {fmt.Errorf("try again: %w", retry), []error{retry}, nil},
		"canceled":         {context.Canceled, []error{context.Canceled}, []error{context.DeadlineExceeded}},
		"deadline":         {context.DeadlineExceeded, []error{context.DeadlineExceeded}, []error{context.Canceled}},
		"wrapped-deadline": {fmt.Errorf("printing: %w", context.DeadlineExceeded), []error{context.DeadlineExceeded}, nil},
		"joined":           {errors.Join(retry, context.Canceled, &capability.Error{Code: capability.ErrCycle}), []error{retry, context.Canceled, capability.ErrCycle}, []error{capability.ErrInUse}},
		"several":          {fmt.Errorf("%w and %w", retry, fmt.Errorf("%w", capability.ErrPanic)), []error{retry, capability.ErrPanic}, nil},
		"type":             {&jam{3}, nil, []error{&jam{3}}},
		"empty-text":       {errors.New(""), nil, nil},
		"empty-join":       {errors.Join(errors.New(""), errors.New("")), nil, nil},
		"wraps-nil":        {fmt.Errorf("nothing: %w", error(nil)), nil, nil},
		"html":             {errors.New("<b>&</b>\u2028"), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := &capability.Error{Code: capability.ErrInvalid, Capability: "printer", Err: c.cause}
			back := throughJSON(t, e)
			if diff := cmp.Diff(e.Error(), back.Error()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			for _, target := range c.is {
				if !errors.Is(back, target) {
					t.Errorf("errors.Is does not find %v any more", target)
				}
			}
			for _, target := range c.not {
				if errors.Is(back.Err, target) {
					t.Errorf("errors.Is finds %v, which was not there", target)
				}
			}
			if c.cause.Error() != back.Err.Error() {
				t.Errorf("the cause says %q, want %q", back.Err, c.cause)
			}
		})
	}
}

// TestErrorJSONOfTransaction takes what a commit and what a verb returns through
// JSON.
func TestErrorJSONOfTransaction(t *testing.T) {
	o := newOffice(t)
	err := o.floor.Apply(o.printers.Bind("label", o.laser), o.printers.Unbind("nobody"))
	back := throughJSON(t, &capability.Error{Err: err})
	if !errors.Is(back, capability.ErrConflict) || !errors.Is(back, capability.ErrUnknown) {
		t.Errorf("a code got lost: %v", back)
	}
	if diff := cmp.Diff(err.Error(), back.Error()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for verb, err := range failingVerbs(o, &capability.Error{Code: retry, Priority: 2, Err: &jam{1}}) {
		var e *capability.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: no *Error in %T", verb, err)
		}
		sameFields(t, e, throughJSON(t, err))
		// The same as the cause of another.
		outer := throughJSON(t, &capability.Error{Capability: "queue", Err: err})
		inner, ok := outer.Err.(*capability.Error)
		if !ok {
			t.Fatalf("%s: the cause is %T, want *Error", verb, outer.Err)
		}
		sameFields(t, e, inner)
	}
}

// TestErrorJSONOfGarbage writes errors that no encoder likes.
func TestErrorJSONOfGarbage(t *testing.T) {
	for name, e := range map[string]*capability.Error{
		"fields":      {Code: "c\xff\xfe", Capability: "a\xff", Provider: "\xc0\xaf", Scope: "\xed\xa0\x80"},
		"text":        {Err: errors.New("pa\xffper\x00")},
		"code":        {Err: capability.Code("\xff")},
		"deep":        {Err: fmt.Errorf("\xff: %w", &capability.Error{Code: "\xff", Err: errors.New("\xff")})},
		"rude":        {Capability: "printer", Err: rude{}},
		"rude-inside": {Err: &capability.Error{Err: errors.Join(io.EOF, rude{})}},
		"nil-error":   {Err: (*capability.Error)(nil)},
		"nil-jam":     {Err: (*jam)(nil)},
		"empty-code":  {Err: capability.Code("")},
		"huge":        {Err: errors.New(strings.Repeat("x", 1<<20))},
	} {
		t.Run(name, func(t *testing.T) {
			back := throughJSON(t, e)
			if !utf8.ValidString(back.Error()) || !utf8.ValidString(string(back.Code)) {
				t.Errorf("what came back is not UTF-8: %q", back)
			}
			if (e.Err == nil) != (back.Err == nil) {
				t.Errorf("the cause is %v, want %v", back.Err, e.Err)
			}
		})
	}
	rudeBack := throughJSON(t, &capability.Error{Err: rude{}})
	if !strings.Contains(rudeBack.Error(), "rude") {
		t.Errorf("the type of an error without a text got lost: %v", rudeBack)
	}
}

// TestErrorJSONDepth nests deeper than the depth to which causes are written:
// the text of all of them comes back, and what is not too deep can be found.
func TestErrorJSONDepth(t *testing.T) {
	for name, wrap := range map[string]func(err error, i int) error{
		"errors": func(err error, i int) error { return &capability.Error{Provider: fmt.Sprint("p", i), Err: err} },
		"texts":  func(err error, i int) error { return fmt.Errorf("%d: %w", i, err) },
		"joins":  func(err error, i int) error { return errors.Join(capability.Code(fmt.Sprint("c", i)), err) },
	} {
		for _, depth := range []int{50, 99, 100, 101, 300} {
			t.Run(fmt.Sprintf("%s/%d", name, depth), func(t *testing.T) {
				err := error(retry)
				for i := range depth {
					err = wrap(err, i)
				}
				e := &capability.Error{Code: capability.ErrInvalid, Err: err}
				back := throughJSON(t, e)
				if diff := cmp.Diff(e.Error(), back.Error()); diff != "" {
					t.Errorf("text (-want +got):\n%s", diff)
				}
				if depth < 99 && !errors.Is(back, retry) {
					t.Error("the innermost code got lost")
				}
			})
		}
	}
}

// TestErrorJSONReads gives UnmarshalJSON what it has to refuse or ignore.
func TestErrorJSONReads(t *testing.T) {
	for text, ok := range map[string]bool{
		`{}`:                                 true,
		`null`:                               true,
		`{"later":{"field":[1]}}`:            true,
		`{"cause":null}`:                     true,
		`{"cause":{"text":""}}`:              true,
		`{"cause":{"text":"a","causes":[]}}`: true,
		`{"cause":{"text":"a","causes":[{"text":"b"}]}}`: true,
		`{"cause":{"error":{}}}`:                         true,
		`{"cause":{}}`:                                   false,
		`{"cause":{"code":""}}`:                          false,
		`{"cause":{"code":"a","text":""}}`:               false,
		`{"cause":{"error":{},"context":"canceled"}}`:    false,
		`{"cause":{"code":"a","causes":[{"text":"b"}]}}`: false,
		`{"cause":{"context":"Canceled"}}`:               false,
		`{"cause":{"text":"a","causes":[null]}}`:         false,
		`{"cause":{"text":"a","causes":[{}]}}`:           false,
		`{"cause":{"error":{"cause":{}}}}`:               false,
		`{"cause":"text"}`:                               false,
		`{"priority":1.5}`:                               false,
		`{"priority":9223372036854775808}`:               false,
		`[]`:                                             false,
		`""`:                                             false,
		``:                                               false,
		`{"code":"a"}]`:                                  false,
		`{"code":"a"`:                                    false,
		strings.Repeat(`{"cause":{"error":`, 20_000) + `{}` + strings.Repeat(`}}`, 20_000): false,
	} {
		before := capability.Error{Code: retry, Provider: "laser", Err: io.EOF}
		e := before
		err := json.Unmarshal([]byte(text), &e)
		if (err == nil) != ok {
			t.Errorf("%.80s: got %v, want success: %v", text, err, ok)
		}
		if (err != nil || text == "null") && e != before {
			t.Errorf("%.80s: nothing was read and yet the Error changed to %v", text, &e)
		}
		if err := e.UnmarshalJSON([]byte(text)); err != nil {
			refused(t, err, capability.ErrInvalid)
		}
	}
}
