// The code of queries.md: a museum asks its curators whether an object may be lent.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
	"github.com/typedcap/capability/observed"
)

// A Curator looks after a collection.
type Curator interface {
	Find(object string) (shelf string, ok bool)
	Lends(object string) (bool, error)
}

// Curators is the extension point.
var Curators = capability.New[Curator]("curators", "look after collections")

// collection is a curator whose objects stay where they are.
type collection map[string]string

func (c collection) Find(object string) (string, bool) { shelf, ok := c[object]; return shelf, ok }
func (c collection) Lends(object string) (bool, error) { return len(c[object]) == 0, nil }

// away is a curator who cannot be asked.
type away struct{}

func (away) Find(string) (string, bool) { return "", false }
func (away) Lends(string) (bool, error) { return false, errors.New("on leave") }

// A LoanDesk is a consumer with one handle of each kind.
type LoanDesk struct {
	all   capability.ChainHandle[Curator]
	chief capability.Handle[Curator]
	coins capability.Handle[Curator]
	store capability.Leased[Curator]
}

func NewLoanDesk(s *capability.Scope) (*LoanDesk, error) {
	d := new(LoanDesk)
	return d, s.Resolve(
		Curators.All().Into(&d.all),
		Curators.Into(&d.chief),
		Curators.Named("coins").Into(&d.coins),
		Curators.Named("store").IntoLeased(&d.store),
	)
}

// Shelf asks who knows where an object is.
func (d *LoanDesk) Shelf(object string) (capability.Decision[string], error) {
	return capability.Decide(d.all.Get(), func(c Curator) (capability.Decision[string], error) {
		if shelf, ok := c.Find(object); ok {
			return capability.Decided(shelf), nil
		}
		return capability.Decision[string]{}, nil
	})
}

// museum returns a registry with three curators.
func museum() *capability.Registry {
	r := capability.NewRegistry(capability.Engine, "museum")
	must(r.Apply(
		Curators.Bind("director", collection{}).Priority(1),
		Curators.Bind("coins", collection{"denarius": "C4"}),
		Curators.Bind("store", collection{"denarius": "S1", "loom": "S2"}),
	))
	return r
}

func Example_queries() {
	house := museum()
	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	desk, err := NewLoanDesk(scope)
	must(err)

	shelf, err := desk.Shelf("denarius")
	fmt.Println(shelf.Or("nowhere"), "says", shelf.By(), err)
	shelf, err = desk.Shelf("crown")
	fmt.Println(shelf.Or("nowhere"), err)
	must(desk.store.Use(func(c Curator) error {
		fmt.Println(c.Find("loom"))
		return nil
	}))
	if _, ok := desk.all.Get().Find("maps"); !ok {
		fmt.Println("nobody looks after maps")
	}
	if first, ok := desk.all.Get().First(); ok {
		fmt.Println(first.Lends("loom"))
	}
	// Output:
	// C4 says coins <nil>
	// nowhere <nil>
	// S2 true
	// nobody looks after maps
	// true <nil>
}

func Example_queriesRefused() {
	house := capability.NewRegistry(capability.Engine, "museum")
	must(house.Apply(Curators.Bind("maps", away{}), Curators.Bind("coin", away{})))
	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	_, err = NewLoanDesk(scope)
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var e *capability.Error
		errors.As(err, &e)
		fmt.Printf("%s %s %q\n", e.Code, e.Capability, e.Provider)
	}
	// Output:
	// ambiguous curators ""
	// not_provided curators "coins"
	// not_provided curators "store"
}

// Quorum reports whether n providers say yes. It asks everybody; who fails does not count.
func Quorum[T any](c capability.Chain[T], n int, f func(T) (bool, error)) (bool, error) {
	var errs []error
	yes := 0
	for name, p := range c.All() {
		ok, err := f(p)
		if err == nil && ok {
			yes++
		}
		errs = append(errs, c.Blame(name, err))
	}
	return yes >= n, capability.Join(errs...)
}

// visitorBook is an observer that writes down who was asked.
type visitorBook struct{ asked []string }

func (b *visitorBook) Observe(e observed.Event) {
	if e.Provider != "" && e.End {
		b.asked = append(b.asked, e.Provider)
	}
}

func Example_queriesModes() {
	ctx := context.Background()
	house := museum()
	book := new(visitorBook)
	must(house.Apply(
		Curators.Rebind("coins", away{}),
		Curators.Rebind("store", away{}),
		Curators.Bind("maps", collection{}),
		observed.Observers.Bind("book", book),
	))
	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	var curators capability.ChainHandle[Curator]
	var observers capability.ChainHandle[observed.Observer]
	must(scope.Resolve(Curators.All().Into(&curators), observed.Observers.All().Into(&observers)))
	chain := curators.Get()

	lends := func(c Curator) (bool, error) { return c.Lends("vase") }
	asked := func(_ context.Context, c Curator) (bool, error) { return c.Lends("vase") }

	fmt.Println(capability.Every(chain, lends))
	fmt.Println(keepgoing.Every(chain, lends))

	yes, err := concurrent.Any(ctx, chain, 4, asked)
	fmt.Println(yes, err)
	replies, err := fanout.Collect(ctx, chain, 4, asked)
	for _, r := range replies {
		fmt.Println(r.Provider, r.Value, r.Err != nil)
	}
	fmt.Println(err != nil)

	_, err = observed.Every(observers.Get(), chain, lends)
	fmt.Println(book.asked, err != nil)

	fmt.Println(Quorum(chain, 2, lends))
	// Output:
	// false capability "curators", provider "coins", scope "museum": on leave
	// false capability "curators", provider "coins", scope "museum": on leave
	// capability "curators", provider "store", scope "museum": on leave
	// true <nil>
	// director true false
	// coins false true
	// store false true
	// maps true false
	// true
	// [director coins] true
	// true capability "curators", provider "coins", scope "museum": on leave
	// capability "curators", provider "store", scope "museum": on leave
}

// LabelWriters work on the text beside an object, one after the other.
var LabelWriters = capability.New[func(string) (string, error)]("labels", "write what stands beside an object")

// A Tour is what a visitor gets.
type Tour func(visitor string) string

// Tours are put around each tour.
var Tours = capability.New[capability.Middleware[Tour]]("tours", "are put around a tour")

func Example_queriesVerbs() {
	house := museum()
	must(house.Apply(
		LabelWriters.Bind("upper", func(s string) (string, error) { return strings.ToUpper(s), nil }),
		LabelWriters.Bind("dot", func(s string) (string, error) { return s + ".", nil }),
		Tours.Bind("welcome", func(next Tour) Tour {
			return func(visitor string) string { return "welcome, " + next(visitor) }
		}),
	))
	scope, err := capability.Compose(house)
	must(err)
	defer scope.Close()
	var curators capability.ChainHandle[Curator]
	var labels capability.ChainHandle[func(string) (string, error)]
	var tours capability.ChainHandle[capability.Middleware[Tour]]
	must(scope.Resolve(Curators.All().Into(&curators), LabelWriters.All().Into(&labels), Tours.All().Into(&tours)))
	chain := curators.Get()

	err = capability.Each(chain, func(c Curator) error { _, err := c.Lends("loom"); return err })
	fmt.Println("each   ", err)
	shelves, err := capability.Collect(chain, func(c Curator) (string, error) { shelf, _ := c.Find("denarius"); return shelf, nil })
	fmt.Printf("collect %q %v\n", shelves, err)
	known, err := capability.Any(chain, func(c Curator) (bool, error) { _, ok := c.Find("loom"); return ok, nil })
	fmt.Println("any    ", known, err)
	lent, err := capability.Every(chain, func(c Curator) (bool, error) { return c.Lends("loom") })
	fmt.Println("every  ", lent, err)
	label, err := capability.Pipe(labels.Get(), "loom", func(w func(string) (string, error), s string) (string, error) { return w(s) })
	fmt.Println("pipe   ", label, err)
	tour := capability.Wrap(tours.Get(), func(visitor string) string { return visitor })
	fmt.Println("wrap   ", tour("Ann"))

	must(house.Apply(Curators.Unbind("director"), Curators.Unbind("coins"), Curators.Unbind("store")))
	lent, err = capability.Every(curators.Get(), func(c Curator) (bool, error) { return c.Lends("loom") })
	fmt.Println("nobody ", lent, err)
	// Output:
	// each    <nil>
	// collect ["" "C4" "S1"] <nil>
	// any     true <nil>
	// every   false <nil>
	// pipe    LOOM. <nil>
	// wrap    welcome, Ann
	// nobody  true <nil>
}
