// A verb of one's own: what asks a chain in a way that no package does.

package capability_test

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/typedcap/capability"
)

// A Reviewer says whether a change may go in.
type Reviewer func(change string) (bool, error)

var Reviewers = capability.New[Reviewer]("reviewer", "says whether a change may go in")

// Majority reports whether more than half say yes. It asks everybody and bears those
// who panic; the reply of each says who it was.
func Majority[T any](c capability.Chain[T], f func(T) (bool, error)) (bool, error) {
	ask := func(name string, p T) (r capability.Reply[bool]) {
		r.Provider = name
		defer func() {
			if v := recover(); v != nil {
				r.Err = c.Blame(name, &capability.PanicError{Value: v, Stack: debug.Stack()})
			}
		}()
		yes, err := f(p)
		r.Value, r.Err = yes && err == nil, c.Blame(name, err)
		return r
	}
	yes := 0
	var errs []error
	for name, p := range c.All() {
		r := ask(name, p)
		if r.Value {
			yes++
		}
		errs = append(errs, r.Err)
	}
	return 2*yes > c.Len(), capability.Join(errs...)
}

// Join puts the panic in front, and Blame says whose error it was.
func Example_ownVerb() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Reviewers.Bind("tests", func(string) (bool, error) { return true, nil }),
		Reviewers.Bind("style", func(string) (bool, error) { return true, nil }),
		Reviewers.Bind("owner", func(string) (bool, error) { return true, nil }),
		Reviewers.Bind("mail", func(string) (bool, error) { return false, errors.New("no answer since Monday") }),
		Reviewers.Bind("licence", func(string) (bool, error) { panic("no such file") }),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	reviewers, err := Reviewers.All().Handle(scope)
	must(err)

	chain := reviewers.Get()
	fmt.Println(chain.Len(), chain.Capability(), "of", chain.Scope())
	ok, err := Majority(chain, func(r Reviewer) (bool, error) { return r("add a verb") })
	fmt.Println(ok)
	fmt.Println(err)
	var panicked *capability.PanicError
	fmt.Println(errors.As(err, &panicked), panicked.Value, len(panicked.Stack) > 0)
	// Output:
	// 5 reviewer of engine
	// true
	// capability "reviewer", provider "licence", scope "engine": it panicked: no such file
	// capability "reviewer", provider "mail", scope "engine": no answer since Monday
	// true no such file true
}
