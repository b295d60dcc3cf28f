// Quickstart is the tour of package capability in one file: it declares an
// extension point, binds providers at two levels, resolves a handle, dispatches,
// and replaces a provider while the program runs.
package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

// An Authenticator may know who is calling.
type Authenticator interface {
	Authenticate(token string) (capability.Decision[string], error)
}

// Auth is the extension point.
var Auth = capability.New[Authenticator]("auth", "decides who is calling")

// users is a provider that knows its callers by their tokens.
type users map[string]string

func (u users) Authenticate(token string) (capability.Decision[string], error) {
	if name, ok := u[token]; ok {
		return capability.Decided(name), nil
	}
	return capability.Decision[string]{}, nil // somebody else may know
}

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	check(engine.Apply(
		Auth.Bind("jwt", users{"j1": "Bob"}).After("cookie"), // the cookie is asked first
		Auth.Bind("cookie", users{"c1": "Ann"}),
	))
	check(orders.Apply(Auth.Rebind("jwt", users{"j1": "Bob of orders"})))

	scope, err := capability.Compose(orders, engine) // any order: levels decide
	check(err)
	defer scope.Close()
	var auth capability.ChainHandle[Authenticator]
	check(scope.Resolve(Auth.All().Into(&auth)))

	ask := func(token string) {
		user, err := capability.Decide(auth.Get(), func(a Authenticator) (capability.Decision[string], error) {
			return a.Authenticate(token)
		})
		check(err)
		fmt.Printf("%s is %s, says %q\n", token, user.Or("a stranger"), user.By())
	}
	ask("c1")
	ask("j1")
	check(engine.Apply(Auth.Rebind("cookie", users{"c1": "Ann Lee"}))) // at any time, from any goroutine
	ask("c1")
	ask("x1")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
