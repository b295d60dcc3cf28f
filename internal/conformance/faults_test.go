// The errors of replayed conformance vectors: how what a verb returned or panicked
// with is taken apart, and that it has the errors of those that failed.

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// A vectorDeed is the failure of the provider that is bound under a name, as it
// happened.
type vectorDeed struct {
	bound string
	vectorFault
}

// crash returns the errors in what a verb panicked with: what the provider gave to
// panic, or an error of those that ran at the same time.
func (r *vectorReplay) crash(p any) []vectorFault {
	switch p := p.(type) {
	case *vectorFailure:
		if !r.v.keepsGoing() && !r.v.concurrent() {
			return []vectorFault{{p.by, "panic", p.value}}
		}
		panic(vectorMisfit(fmt.Sprintf("the panic of %q is passed on as it is", p.by)))
	case error:
		if r.v.concurrent() && !r.v.keepsGoing() && errors.Is(p, capability.ErrPanic) {
			return r.faultsOf(p)
		}
	}
	panic(p)
}

// faultsOf returns the errors in that of a verb, as an outcome has them. Those of
// who was called off are set aside. It checks that each names its provider, and
// where all errors are joined, that none is missing.
func (r *vectorReplay) faultsOf(err error) []vectorFault {
	if err == nil && (!r.v.keepsGoing() || len(r.made) == 0) {
		return nil
	}
	var deeds []vectorDeed
	var stopped []string
	for _, one := range causesOf(err) {
		deed, cancelled := r.deedOf(one)
		if cancelled {
			if len(deeds) == 0 {
				panic(vectorMisfit(fmt.Sprintf("%q was called off and speaks before who failed", deed.bound)))
			}
			stopped = append(stopped, deed.bound)
			r.cancelled = append(r.cancelled, deed.vectorFault)
		} else {
			deeds = append(deeds, deed)
		}
	}
	switch made := slices.Clone(r.made); {
	case r.v.keepsGoing():
		checkMade("errors", ranked(r.chainOrder(made), func(d vectorDeed) string { return d.Class }), deeds)
	case r.v.concurrent() && slices.Contains([]string{"each", "collect"}, r.v.verb()):
		// Which of several was the first in time, only the vector says.
		checkMade("errors", r.chainOrder(made), r.chainOrder(slices.Clone(deeds)))
		checkMade("errors of who was called off", slices.Sorted(slices.Values(r.stopped)), slices.Sorted(slices.Values(stopped)))
	case len(deeds) != 1 || len(stopped) > 0:
		panic(vectorMisfit(fmt.Sprintf("a verb that stops has the errors of %v and %v, want one", deeds, stopped)))
	}
	var faults []vectorFault
	for _, deed := range deeds {
		faults = append(faults, deed.vectorFault)
	}
	return faults
}

// checkMade checks what an error is made of.
func checkMade(what string, made, got any) {
	if d := gocmp.Diff(fmt.Sprint(made), fmt.Sprint(got)); d != "" {
		panic(vectorMisfit(fmt.Sprintf("%s in that of the verb (-made +got):\n%s", what, d)))
	}
}

// causesOf takes joined errors apart.
func causesOf(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, causesOf(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		if all := causesOf(e.Unwrap()); len(all) > 1 {
			return all
		}
	}
	return []error{err}
}

// deedOf returns the one error as the deed of the provider that it names, and
// whether that was called off. An error that a wrapper makes goes through no verb.
func (r *vectorReplay) deedOf(err error) (deed vectorDeed, cancelled bool) {
	class := "error"
	var gone *capability.PanicError
	if errors.As(err, &gone) {
		class = "panic"
		if misfit, ok := gone.Value.(vectorMisfit); ok {
			panic(misfit)
		}
	}
	var f *vectorFailure
	var e *capability.Error
	named := errors.As(err, &e)
	switch {
	case errors.As(err, &f):
	case named && r.v.concurrent() && errors.Is(err, context.Canceled):
		return vectorDeed{e.Provider, vectorFault{r.shown(e.Provider), "error", "context canceled"}}, true
	default:
		panic(vectorMisfit(fmt.Sprintf("no provider made the error %v", err)))
	}
	switch {
	case f.wrapper:
		return vectorDeed{f.by, vectorFault{f.by, class, f.value}}, false
	case !named:
		panic(vectorMisfit(fmt.Sprintf("the error %v of %q does not say who failed", err, f.by)))
	case r.shown(e.Provider) != f.by || e.Capability != vectorSpeakers.Name():
		panic(vectorMisfit(fmt.Sprintf("the error of %q says that %q of %q failed", f.by, e.Provider, e.Capability)))
	case (e.Code == capability.ErrPanic) != (class == "panic"):
		panic(vectorMisfit(fmt.Sprintf("the %s of %q has the code %q", class, f.by, e.Code)))
	}
	return vectorDeed{e.Provider, vectorFault{f.by, class, f.value}}, false
}

// chainOrder sorts deeds by the order in which providers were to be asked.
func (r *vectorReplay) chainOrder(deeds []vectorDeed) []vectorDeed {
	slices.SortStableFunc(deeds, func(a, b vectorDeed) int { return r.places[a.bound] - r.places[b.bound] })
	return deeds
}

// ranked puts panics in front, as they rank before what has no priority.
func ranked[F any](list []F, class func(F) string) []F {
	isPanic := func(f F) bool { return class(f) == "panic" }
	isOther := func(f F) bool { return !isPanic(f) }
	return append(slices.DeleteFunc(slices.Clone(list), isOther), slices.DeleteFunc(slices.Clone(list), isPanic)...)
}
