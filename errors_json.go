// Errors as JSON.

package capability

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// errorJSON is an [Error] on the wire.
type errorJSON struct {
	Code       Code       `json:"code,omitempty"`
	Capability string     `json:"capability,omitempty"`
	Provider   string     `json:"provider,omitempty"`
	Scope      string     `json:"scope,omitempty"`
	Priority   int        `json:"priority,omitempty"`
	Cause      *causeJSON `json:"cause,omitempty"`
}

// causeJSON is any error on the wire: just one of the first three, or a text
// with the causes that it wraps.
type causeJSON struct {
	Error   *errorJSON   `json:"error,omitempty"`
	Code    Code         `json:"code,omitempty"`
	Context string       `json:"context,omitempty"`
	Text    *string      `json:"text,omitempty"`
	Causes  []*causeJSON `json:"causes,omitempty"`
}

// maxDepth is how deep a tree of causes is written; what lies deeper is written
// as text only.
const maxDepth = 100

var contextErrors = map[string]error{
	"canceled":          context.Canceled,
	"deadline exceeded": context.DeadlineExceeded,
}

// MarshalJSON writes the error and the tree of its causes.
func (e Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(e.wire(0))
}

func (e *Error) wire(depth int) *errorJSON {
	return &errorJSON{
		Code: Code(valid(string(e.Code))), Capability: valid(e.Capability), Provider: valid(e.Provider),
		Scope: valid(e.Scope), Priority: e.Priority, Cause: wireCause(e.Err, depth+1),
	}
}

func wireCause(err error, depth int) *causeJSON {
	if err == nil {
		return nil
	}
	if depth < maxDepth {
		switch e := err.(type) {
		case *Error:
			if e != nil {
				return &causeJSON{Error: e.wire(depth)}
			}
		case *providerError:
			return &causeJSON{Error: e.public().wire(depth)}
		case Code:
			if e != "" {
				return &causeJSON{Code: Code(valid(string(e)))}
			}
		}
		for name, c := range contextErrors {
			if err == c {
				return &causeJSON{Context: name}
			}
		}
	}
	text := valid(textOf(err))
	c := &causeJSON{Text: &text}
	if depth < maxDepth {
		for _, cause := range causesOf(err) {
			if wired := wireCause(cause, depth+1); wired != nil {
				c.Causes = append(c.Causes, wired)
			}
		}
	}
	return c
}

// causesOf returns what err wraps, nothing if its method panics.
func causesOf(err error) (causes []error) {
	defer func() { _ = recover() }()
	switch e := err.(type) {
	case *PanicError:
		return []error{ErrPanic, e.Unwrap()}
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

// valid makes s valid UTF-8, so that writing what was read gives the same bytes.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// UnmarshalJSON reads what MarshalJSON wrote. Unknown fields are ignored, so
// that newer programs can talk to older ones; null changes nothing.
func (e *Error) UnmarshalJSON(data []byte) error {
	var wire *errorJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			err = fmt.Errorf("%s is a %s: it is another type in an error", cmp.Or(wrong.Field, "the whole"), wrong.Value)
		}
		return &Error{Code: ErrInvalid, Err: fmt.Errorf("decoding an error: %w", err)}
	}
	if wire == nil {
		return nil
	}
	read, err := wire.read()
	if err != nil {
		return &Error{Code: ErrInvalid, Err: fmt.Errorf("decoding an error: %w", err)}
	}
	*e = *read
	return nil
}

func (w *errorJSON) read() (*Error, error) {
	e := &Error{Code: w.Code, Capability: w.Capability, Provider: w.Provider, Scope: w.Scope, Priority: w.Priority}
	if w.Cause == nil {
		return e, nil
	}
	var err error
	e.Err, err = w.Cause.read()
	return e, err
}

func (w *causeJSON) read() (error, error) {
	kinds := 0
	for _, is := range []bool{w.Error != nil, w.Code != "", w.Context != "", w.Text != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return nil, fmt.Errorf("a cause has %d of error, code, context and text: it has just one", kinds)
	case w.Text == nil && w.Causes != nil:
		return nil, errors.New("a cause has causes without a text: only texts wrap causes")
	case w.Error != nil:
		return w.Error.read()
	case w.Code != "":
		return w.Code, nil
	case w.Context != "":
		err, ok := contextErrors[w.Context]
		if !ok {
			return nil, fmt.Errorf(`unknown context error %q: it is "canceled" or "deadline exceeded"`, w.Context)
		}
		return err, nil
	}
	r := &received{text: *w.Text}
	for _, c := range w.Causes {
		if c == nil {
			return nil, errors.New("a cause is null: leave it out")
		}
		err, fault := c.read()
		if fault != nil {
			return nil, fault
		}
		r.causes = append(r.causes, err)
	}
	return r, nil
}

// received is an error of which only the text and the causes arrived.
type received struct {
	text   string
	causes []error
}

func (r *received) Error() string   { return r.text }
func (r *received) Unwrap() []error { return r.causes }
