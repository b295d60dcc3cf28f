// How several errors become one: ranked, none dropped.

package capability

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJoin proves the rank of errors: the greatest priority first; among those
// of priority 0, panics first and context errors last; ties as they came.
func TestJoin(t *testing.T) {
	plain := errors.New("plain")
	other := errors.New("other")
	urgent := &Error{Priority: 9, Err: errors.New("urgent")}
	late := &Error{Priority: -9, Err: errors.New("late")}
	urgentContext := &Error{Priority: 3, Err: context.Canceled}
	panicked := &Error{Code: ErrPanic, Err: errors.New("panicked")}
	latePanic := &Error{Code: ErrPanic, Priority: -1}
	canceled := fmt.Errorf("asking: %w", context.Canceled)
	deadline := &Error{Err: context.DeadlineExceeded}
	ranked := []error{urgent, urgentContext, panicked, plain, other, canceled, deadline, latePanic, late}
	shuffled := []error{canceled, plain, late, deadline, panicked, latePanic, other, urgentContext, urgent}
	got := Join(shuffled...)
	var all *several
	if !errors.As(got, &all) {
		t.Fatalf("%T, want several errors", got)
	}
	if !slices.Equal(all.errs, ranked) {
		t.Errorf("ranked (-want +got):\n%s", cmp.Diff((&several{ranked}).Error(), got.Error()))
	}
	for _, err := range shuffled {
		if !errors.Is(got, err) {
			t.Errorf("%v was dropped", err)
		}
	}
	var first *Error
	if !errors.As(got, &first) || first != urgent {
		t.Errorf("errors.As finds %v first, want the most urgent", first)
	}
	if Join() != nil || Join(nil, nil) != nil {
		t.Error("no errors make an error")
	}
	if Join(plain) != plain {
		t.Error("one error becomes another")
	}
	if again := Join(Join(shuffled[:4]...), nil, Join(shuffled[4:]...)); again.Error() != got.Error() {
		t.Errorf("joined in two steps (-want +got):\n%s", cmp.Diff(got.Error(), again.Error()))
	}
	if !slices.Equal(shuffled[:3], []error{canceled, plain, late}) {
		t.Error("join has changed what it was given")
	}
}
