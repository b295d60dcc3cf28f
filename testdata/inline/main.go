// Inline uses each verb once with a literal. The test of the inlining budget
// compiles it and reads what the compiler says.
package main

import (
	"fmt"

	"github.com/typedcap/capability"
)

type Scorer interface{ Score(n int) (int, error) }

var Scorers = capability.New[Scorer]("scorer", "scores a number")

func main() {
	scope, err := capability.Compose(capability.NewRegistry(capability.Engine, "engine"))
	if err != nil {
		panic(err)
	}
	scorers, err := Scorers.All().Handle(scope)
	if err != nil {
		panic(err)
	}
	c := scorers.Get()
	err = capability.Each(c, func(s Scorer) error { _, err := s.Score(1); return err })
	sum, err2 := capability.Pipe(c, 0, func(s Scorer, n int) (int, error) { return s.Score(n) })
	some, err3 := capability.Any(c, func(s Scorer) (bool, error) { n, err := s.Score(1); return n > 1, err })
	every, err4 := capability.Every(c, func(s Scorer) (bool, error) { n, err := s.Score(1); return n > 1, err })
	first, err5 := capability.Decide(c, func(s Scorer) (capability.Decision[int], error) {
		n, err := s.Score(1)
		return capability.Decided(n), err
	})
	fmt.Println(err, sum, err2, some, err3, every, err4, first, err5)
}
