// Its vote is a number.
// want: does not match inferred type func(Reviewer) (bool, error)

package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Reviewer interface{ Score(doc string) int }

var Reviewers = capability.New[Reviewer]("reviewer", "has a say in what is published")

func main() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope, err := capability.Compose(engine)
	if err != nil {
		panic(err)
	}
	reviewers, err := Reviewers.All().Handle(scope)
	if err != nil {
		panic(err)
	}
	// instead: yes, err := capability.Any(reviewers.Get(), func(r Reviewer) (bool, error) { return r.Score("draft") > 3, nil })
	yes, err := capability.Any(reviewers.Get(), func(r Reviewer) (int, error) { return r.Score("draft"), nil }) // mistake
	fmt.Println(yes, err)
}
