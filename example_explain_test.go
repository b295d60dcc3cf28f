// Use: asking a running program who answers and why, what changed since, and for
// a picture.

package capability_test

import (
	"fmt"
	"regexp"

	"github.com/typedcap/capability"
)

// A Freight says what a parcel costs.
type Freight func(grams int) (cents int)

var Freights = capability.New[Freight]("freight", "says what a parcel costs")

// flat returns a freight charge that is the same for every parcel.
func flat(cents int) Freight { return func(int) int { return cents } }

// shop returns a registry for all shops, one for a shop that has charges of its
// own, and their scope.
func shop() (all, books *capability.Registry, scope *capability.Scope) {
	all = capability.NewRegistry(capability.Engine, "all-shops")
	books = capability.NewRegistry(capability.Pipeline, "books")
	must(all.Apply(
		Freights.Bind("courier", flat(900)),
		Freights.Bind("post", flat(500)).Priority(1),
		Freights.Bind("drone", flat(2500)).After("pigeon"),
	))
	scope, err := capability.Compose(books, all)
	must(err)
	must(books.Apply(Freights.Rebind("post", flat(250)), Freights.Mask("drone")))
	return all, books, scope
}

// withoutPlaces returns a text without directories and lines, which differ from
// machine to machine.
func withoutPlaces(text any) string {
	return regexp.MustCompile(`[^\s"(]*/([\w.-]+\.go):\d+`).ReplaceAllString(fmt.Sprint(text), "$1")
}

func ExampleSnapshot_Explain() {
	_, _, scope := shop()
	defer scope.Close()
	fmt.Print(withoutPlaces(scope.Snapshot().Explain("freight")))
	// Output:
	// "freight" in scope "books over all-shops" at generation 2: says what a parcel costs
	//   declared at example_explain_test.go as a Capability[capability_test.Freight]
	//   the one provider is "post"
	//   1. "post", rebound in "books" (pipeline) at example_explain_test.go, priority 1; ahead of "courier": its priority is greater
	//   2. "courier", bound in "all-shops" (engine) at example_explain_test.go
	//   not "drone", bound in "all-shops" (engine) at example_explain_test.go, after "pigeon"; masked by "books" at example_explain_test.go
	//   not "post", bound in "all-shops" (engine) at example_explain_test.go, priority 1; replaced: "books" rebinds it at example_explain_test.go
}

func ExampleSnapshot_Diff() {
	all, books, scope := shop()
	defer scope.Close()
	before := scope.Snapshot()
	must(all.Apply(Freights.Unbind("courier")))
	must(books.Apply(Freights.Bind("pickup", flat(0)), Freights.Mask()))
	for _, d := range before.Diff(scope.Snapshot()) {
		fmt.Println(withoutPlaces(d))
	}
	// Output:
	// freight one: post → pickup
	// freight "courier" seen: all-shops at example_explain_test.go → nothing
	// freight "drone" seen: all-shops at example_explain_test.go, masked by books → all-shops at example_explain_test.go
	// freight "pickup" seen: nothing → books at example_explain_test.go
}

func ExampleSnapshot_Mermaid() {
	_, _, scope := shop()
	defer scope.Close()
	fmt.Print(scope.Snapshot().Mermaid("freight"))
	// Output:
	// flowchart LR
	//   subgraph r0 ["books (pipeline)"]
	//     p0["1: post (the one)"]
	//   end
	//   subgraph r1 ["all-shops (engine)"]
	//     p1["2: courier"]
	//     p2["drone: masked by books"]
	//     style p2 stroke-dasharray: 4
	//     p3["post: replaced by books"]
	//     style p3 stroke-dasharray: 4
	//   end
	//   p0 --> p1
}
