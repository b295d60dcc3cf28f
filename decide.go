// Decisions: answers that may be "no decision".

package capability

// A Decision is an answer that may be "no decision", which is what the zero
// Decision says. A decided zero value is a decision.
type Decision[R any] struct {
	value   R
	decided bool
	by      *seat
}

// Decided returns the decision for v.
func Decided[R any](v R) Decision[R] {
	return Decision[R]{value: v, decided: true}
}

// Get returns the answer, and false if there was no decision.
func (d Decision[R]) Get() (R, bool) { return d.value, d.decided }

// Or returns the answer, or fallback if there was no decision.
func (d Decision[R]) Or(fallback R) R {
	if d.decided {
		return d.value
	}
	return fallback
}

// By returns the name of the provider that decided. It is empty if nobody did,
// and for a decision that did not come out of [Decide].
func (d Decision[R]) By() string {
	if d.by == nil {
		return ""
	}
	return d.by.name
}

// Decide asks the providers in chain order and returns the first decision, or
// no decision if nobody decides or there are no providers. It stops at the
// first error.
func Decide[T, R any](c Chain[T], f func(T) (Decision[R], error)) (d Decision[R], err error) {
	for l := c.first; l != nil; l = l.next {
		if d, err = f(l.value); err != nil {
			return Decision[R]{}, &providerError{l.by, err}
		}
		if d.decided {
			d.by = l.by
			return
		}
	}
	return Decision[R]{}, nil
}
