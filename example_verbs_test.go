// The verbs: what can be asked of a chain.

package capability_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/typedcap/capability"
)

// A Stage does something with a log line.
type Stage func(line string) (string, error)

var Stages = capability.New[Stage]("stage", "does something with a log line")

// stages returns a chain of three stages.
func stages() capability.Chain[Stage] {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Stages.Bind("trim", func(line string) (string, error) { return strings.TrimSpace(line), nil }),
		Stages.Bind("check", func(line string) (string, error) {
			if line == "" {
				return "", errors.New("the line is empty")
			}
			return line, nil
		}),
		Stages.Bind("upper", func(line string) (string, error) { return strings.ToUpper(line), nil }),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := Stages.All().Handle(scope)
	must(err)
	return h.Get()
}

func ExampleEach() {
	err := capability.Each(stages(), func(s Stage) error {
		line, err := s(" disk full ")
		fmt.Printf("%q\n", line)
		return err
	})
	fmt.Println(err)
	// Output:
	// "disk full"
	// " disk full "
	// " DISK FULL "
	// <nil>
}

func ExampleCollect() {
	lines, err := capability.Collect(stages(), func(s Stage) (string, error) { return s(" disk full ") })
	fmt.Printf("%q %v\n", lines, err)
	// Output: ["disk full" " disk full " " DISK FULL "] <nil>
}

func ExamplePipe() {
	run := func(line string) {
		line, err := capability.Pipe(stages(), line, func(s Stage, line string) (string, error) { return s(line) })
		fmt.Printf("%q %v\n", line, err)
	}
	run(" disk full ")
	run("   ")
	// Output:
	// "DISK FULL" <nil>
	// "" capability "stage", provider "check", scope "engine": the line is empty
}

func ExampleAny() {
	changed, err := capability.Any(stages(), func(s Stage) (bool, error) {
		line, err := s("disk full")
		return line != "disk full", err
	})
	fmt.Println(changed, err)
	// Output: true <nil>
}

func ExampleEvery() {
	kept, err := capability.Every(stages(), func(s Stage) (bool, error) {
		line, err := s("disk full")
		return line != "", err
	})
	fmt.Println(kept, err)
	// Output: true <nil>
}

func ExampleDecide() {
	first, err := capability.Decide(stages(), func(s Stage) (capability.Decision[string], error) {
		line, err := s("disk full")
		if err != nil || line == "disk full" {
			return capability.Decision[string]{}, err // no decision
		}
		return capability.Decided(line), nil
	})
	fmt.Println(first.Or("nobody changed it"), first.By(), err)
	// Output: DISK FULL upper <nil>
}

func ExampleWrap() {
	type Handler func(request string) string
	around := capability.New[capability.Middleware[Handler]]("around", "is done around every request")
	tag := func(name string) capability.Middleware[Handler] {
		return func(next Handler) Handler {
			return func(request string) string { return name + "(" + next(request) + ")" }
		}
	}
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(around.Bind("log", tag("log")), around.Bind("auth", tag("auth"))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := around.All().Handle(scope)
	must(err)

	handle := capability.Wrap(h.Get(), func(request string) string { return "served " + request })
	fmt.Println(handle("/buy"))
	// Output: log(auth(served /buy))
}

func ExampleChain() {
	c := stages()
	for name, stage := range c.All() {
		line, _ := stage(" hot ")
		fmt.Printf("%s %q\n", name, line)
	}
	_, found := c.Find("lower")
	fmt.Println(c.Len(), c.Names(), found)
	// Output:
	// trim "hot"
	// check " hot "
	// upper " HOT "
	// 3 [trim check upper] false
}

// An optional provider is the first of a chain that may be empty.
func ExampleChain_First() {
	scope, err := capability.Compose(capability.NewRegistry(capability.Engine, "engine"))
	must(err)
	defer scope.Close()
	h, err := Stages.All().Handle(scope)
	must(err)
	if _, ok := h.Get().First(); !ok {
		fmt.Println("no stage is bound")
	}
	// Output: no stage is bound
}
