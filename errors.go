// Codes and errors: what went wrong, with whom, as data.

package capability

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Code says what kind of failure an [Error] is. It is an error itself, so
// that errors.Is(err, ErrConflict) asks for it. The set is open: a program
// declares its own with const Retry capability.Code = "40001", and a provider
// sets it by wrapping it.
type Code string

// The codes of this package.
const (
	ErrInvalid     Code = "invalid"      // the call or its arguments make no sense, whatever is bound
	ErrConflict    Code = "conflict"     // two statements contradict each other
	ErrUnknown     Code = "unknown"      // a name that nobody has bound
	ErrNotProvided Code = "not_provided" // the scope sees no such provider
	ErrAmbiguous   Code = "ambiguous"    // only the order of binding says which provider is the one
	ErrCycle       Code = "cycle"        // Before and After contradict each other
	ErrInUse       Code = "in_use"       // an open scope needs what would go
	ErrClosed      Code = "closed"       // the scope or the registry was closed before
	ErrPanic       Code = "panic"        // a provider, build or retirement panicked or ended its goroutine
)

// Error returns the code.
func (c Code) Error() string { return string(c) }

// An Error is a failure as data: what kind it is, which capability, provider
// and scope it happened with, how much it matters, and its cause. Fields that
// do not apply are zero. [errors.Is] finds the code, [errors.As] the Error, and
// both go on to the cause.
//
// Provider errors become Errors on their way out of a verb. A provider that
// returns an Error, or wraps a Code, so sets code and priority of the Error that
// the verb's caller sees.
//
// An Error survives JSON: codes, names, priorities, texts, the tree of causes
// and [context.Canceled] and [context.DeadlineExceeded] come back, the types of
// other causes do not.
type Error struct {
	Code       Code
	Capability string // name of the capability
	Provider   string // name of the provider
	Scope      string // registries, narrower over broader, that made the chain or were asked
	Priority   int    // of several errors the greatest speaks first
	Err        error  // the cause
}

// Error returns names and cause in one line, unless the cause has several.
func (e *Error) Error() string {
	if e == nil {
		return "nil *Error"
	}
	var b strings.Builder
	for _, part := range []struct{ what, name string }{
		{"capability", e.Capability}, {"provider", e.Provider}, {"scope", e.Scope},
	} {
		if part.name == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %q", part.what, part.name)
	}
	text := textOf(e.Err)
	if e.Err == nil {
		text = string(e.Code)
	}
	if b.Len() > 0 && text != "" {
		b.WriteString(": ")
	}
	b.WriteString(text)
	return b.String()
}

// Is reports whether target is the code of e.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && e != nil && code == e.Code && code != ""
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// providerError is the error of a provider on its way out of a verb. It has
// just what the verb can put down without a call; the rest is looked up when
// somebody looks.
type providerError struct {
	by  *seat
	err error
}

// public returns the Error that the world sees.
func (e *providerError) public() *Error {
	pub := &Error{Capability: e.by.from.key.name, Provider: e.by.name, Scope: e.by.from.where.String(), Err: e.err}
	pub.Code, pub.Priority = codeOf(e.err)
	return pub
}

// codeOf returns code and priority of an error that user code returned, none if
// one of its methods panics.
func codeOf(err error) (code Code, priority int) {
	defer func() { _ = recover() }()
	var inner *Error
	if errors.As(err, &inner) && inner != nil {
		code, priority = inner.Code, inner.Priority
	}
	if code == "" {
		errors.As(err, &code)
	}
	return code, priority
}

func (e *providerError) Error() string                { return e.public().Error() }
func (e *providerError) Unwrap() error                { return e.err }
func (e *providerError) Is(target error) bool         { return e.public().Is(target) }
func (e *providerError) MarshalJSON() ([]byte, error) { return e.public().MarshalJSON() }

func (e *providerError) As(target any) bool {
	p, ok := target.(**Error)
	if ok {
		*p = e.public()
	}
	return ok
}

// A PanicError is what foreign code did instead of returning, as an error. It is an
// [Error] with code [ErrPanic] to [errors.As] and [errors.Is].
type PanicError struct {
	Value any    // what it gave to panic; nil if it called runtime.Goexit
	Stack []byte // of its goroutine, as [runtime/debug.Stack] writes it
}

// errExited is the error of what ended its goroutine.
var errExited error = new(PanicError)

// Error returns what was given to panic, without the stack.
func (e *PanicError) Error() string {
	switch v := e.Value.(type) {
	case nil:
		return "it ended its goroutine with runtime.Goexit: return an error instead"
	case error:
		return "it panicked: " + textOf(e.Unwrap())
	default:
		return "it panicked: " + textOfValue(v)
	}
}

// Unwrap returns the error that was given to panic, nil if it was no error. Of a panic
// that package concurrent passed on, it is the error without the stack.
func (e *PanicError) Unwrap() error {
	if r, ok := e.Value.(interface{ Relayed() error }); ok {
		return r.Relayed()
	}
	err, _ := e.Value.(error)
	return err
}

// Is reports whether target is [ErrPanic].
func (e *PanicError) Is(target error) bool { return target == error(ErrPanic) }

// As makes target an [Error] with code [ErrPanic].
func (e *PanicError) As(target any) bool {
	p, ok := target.(**Error)
	if ok {
		*p = &Error{Code: ErrPanic, Err: e}
	}
	return ok
}

// textOfValue returns v as a text, also if a method of v panics. It does not look into
// what may hold itself, or what others may be writing to.
func textOfValue(v any) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("%T whose methods panic", v)
		}
	}()
	switch v := v.(type) {
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr, float32, float64, complex64, complex128:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("a value of type %T", v)
}

// textOf returns the text of err, also if err was made by somebody whose Error
// method panics.
func textOf(err error) (text string) {
	if err == nil {
		return ""
	}
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("%T whose Error method panics", err)
		}
	}()
	return err.Error()
}

// several is more than one error: the one with the highest priority first, ties
// in the order in which they were found.
type several struct{ errs []error }

// Join returns the errors that are not nil as one: none is dropped, and the one
// with the greatest priority speaks first. Of those with priority 0 panics come first
// and context errors last; what is equal in that stays in the order of errs, which for
// the verbs is that of the providers. What Join has joined before is taken apart and
// ranked with the rest. A single error stays what it is; of several the text has a
// line each, and [errors.Is] and [errors.As] look into them in turn. Join returns
// nil if all are nil.
func Join(errs ...error) error {
	var ranked []error
	for _, err := range errs {
		switch e := err.(type) {
		case nil:
		case *several:
			ranked = append(ranked, e.errs...)
		default:
			ranked = append(ranked, e)
		}
	}
	switch len(ranked) {
	case 0:
		return nil
	case 1:
		return ranked[0]
	}
	slices.SortStableFunc(ranked, func(a, b error) int {
		pa, ca := rank(a)
		pb, cb := rank(b)
		return cmp.Or(cmp.Compare(pb, pa), cmp.Compare(cb, ca))
	})
	return &several{ranked}
}

// rank returns the priority of err and its class within that priority: of those
// of priority 0, panics come first and context errors last.
func rank(err error) (priority, class int) {
	defer func() { _ = recover() }() // the methods of err may be foreign
	var e *Error
	if errors.As(err, &e) && e != nil {
		priority = e.Priority
	}
	switch {
	case priority != 0:
	case errors.Is(err, ErrPanic):
		class = 1
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		class = -1
	}
	return priority, class
}

// Error returns the texts, a line each.
func (s *several) Error() string {
	var b strings.Builder
	for i, err := range s.errs {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(textOf(err))
	}
	return b.String()
}

// Unwrap returns the errors.
func (s *several) Unwrap() []error { return s.errs }

// MarshalJSON writes them as the causes of an [Error].
func (s *several) MarshalJSON() ([]byte, error) { return (&Error{Err: s}).MarshalJSON() }
