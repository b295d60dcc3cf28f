// It decides with a plain value, which could not say "no decision".
// want: does not match inferred type func(Authenticator) (capability.Decision

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type User struct{ Name string }

type Authenticator interface{ Lookup(token string) *User }

var Auth = capability.New[Authenticator]("auth", "decides who is calling")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	auth, err := Auth.All().Handle(scope)
	if err != nil {
		panic(err)
	}
	// instead: user, err := capability.Decide(auth.Get(), func(a Authenticator) (capability.Decision[*User], error) { return capability.Decided(a.Lookup("t1")), nil })
	user, err := capability.Decide(auth.Get(), func(a Authenticator) (*User, error) { return a.Lookup("t1"), nil }) // mistake
	fmt.Println(user.By(), err)
}
