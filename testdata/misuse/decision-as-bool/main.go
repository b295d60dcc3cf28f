// It asks a decision as if it were a yes or no.
// want: non-boolean condition in if statement

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type User struct{ Name string }

type Authenticator interface {
	Authenticate(token string) (capability.Decision[User], error)
}

var Auth = capability.New[Authenticator]("auth", "decides who is calling")

func main() {
	var auth capability.Chain[Authenticator]
	decision, err := capability.Decide(auth, func(a Authenticator) (capability.Decision[User], error) {
		return a.Authenticate("t1")
	})
	if err != nil {
		panic(err)
	}
	// instead: if _, ok := decision.Get(); ok {
	if decision { // mistake
		fmt.Println("let in by", decision.By())
	}
}
