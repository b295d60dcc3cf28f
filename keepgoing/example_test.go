// What is asked of everybody, whoever fails: several apps work on a document.

package keepgoing_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/keepgoing"
)

// An App works on documents.
type App interface {
	Title(doc string) (string, error)
	Allows(doc string) (bool, error)
	Owner(doc string) (capability.Decision[string], error)
}

var Apps = capability.New[App]("app", "works on documents")

// shouting writes titles in capitals.
type shouting struct{}

func (shouting) Title(doc string) (string, error) { return strings.ToUpper(doc), nil }
func (shouting) Allows(string) (bool, error)      { return true, nil }
func (shouting) Owner(string) (d capability.Decision[string], err error) {
	return d, errors.New("owners are not loaded yet")
}

// broken has a fault that nobody found.
type broken struct{ names map[string]string }

func (b broken) Title(doc string) (string, error) { b.names[doc] = doc; return "", nil }
func (broken) Allows(string) (bool, error)        { panic("no rules") }
func (broken) Owner(string) (d capability.Decision[string], err error) {
	return d, nil
}

// dated adds the day.
type dated struct{}

func (dated) Title(doc string) (string, error) { return doc + ", 22 November", nil }
func (dated) Allows(string) (bool, error)      { return true, nil }
func (dated) Owner(string) (capability.Decision[string], error) {
	return capability.Decided("Ann"), nil
}

// apps returns a chain of the three.
func apps() capability.Chain[App] {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Apps.Bind("shouting", shouting{}), Apps.Bind("broken", broken{}), Apps.Bind("dated", dated{})))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := Apps.All().Handle(scope)
	must(err)
	return h.Get()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ExampleEach() {
	err := keepgoing.Each(apps(), func(a App) error {
		title, err := a.Title("minutes")
		fmt.Println(title)
		return err
	})
	fmt.Println(err)
	// Output:
	// MINUTES
	// minutes, 22 November
	// capability "app", provider "broken", scope "engine": it panicked: assignment to entry in nil map
}

func ExampleCollect() {
	replies, err := keepgoing.Collect(apps(), func(a App) (string, error) { return a.Title("minutes") })
	for _, r := range replies {
		fmt.Printf("%s: %q, failed: %t\n", r.Provider, r.Value, r.Err != nil)
	}
	fmt.Println(errors.Is(err, capability.ErrPanic))
	// Output:
	// shouting: "MINUTES", failed: false
	// broken: "", failed: true
	// dated: "minutes, 22 November", failed: false
	// true
}

// The pipe goes on with what it had before the fault.
func ExamplePipe() {
	title, err := keepgoing.Pipe(apps(), "minutes", func(a App, title string) (string, error) { return a.Title(title) })
	fmt.Println(title)
	fmt.Println(err)
	// Output:
	// MINUTES, 22 November
	// capability "app", provider "broken", scope "engine": it panicked: assignment to entry in nil map
}

func ExampleAny() {
	some, err := keepgoing.Any(apps(), func(a App) (bool, error) { return a.Allows("minutes") })
	fmt.Println(some, err)
	// Output: true capability "app", provider "broken", scope "engine": it panicked: no rules
}

// Who fails does not say yes.
func ExampleEvery() {
	all, err := keepgoing.Every(apps(), func(a App) (bool, error) { return a.Allows("minutes") })
	fmt.Println(all, err)
	// Output: false capability "app", provider "broken", scope "engine": it panicked: no rules
}

// The decision comes with the errors that were met before it.
func ExampleDecide() {
	owner, err := keepgoing.Decide(apps(), func(a App) (capability.Decision[string], error) { return a.Owner("minutes") })
	fmt.Println(owner.Or("nobody"), "says", owner.By())
	fmt.Println(err)
	// Output:
	// Ann says dated
	// capability "app", provider "shouting", scope "engine": owners are not loaded yet
}
