// It takes a decision for the value, which there may not be.
// want: cannot use decision (variable of struct type capability.Decision[User]) as User value

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

func greet(u User) string { return "hello " + u.Name }

func main() {
	var auth capability.Chain[Authenticator]
	decision, err := capability.Decide(auth, func(a Authenticator) (capability.Decision[User], error) {
		return a.Authenticate("t1")
	})
	if err != nil {
		panic(err)
	}
	// instead: fmt.Println(greet(decision.Or(User{"nobody"})))
	fmt.Println(greet(decision)) // mistake
}
