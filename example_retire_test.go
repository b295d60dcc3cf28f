// Closing what nobody uses any more: promptly under leases, after a grace, and
// at shutdown.

package capability_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/typedcap/capability"
)

// A PriceList answers what an article costs. It has to be closed.
type PriceList struct{ edition string }

func (l *PriceList) Price(article string) string { return article + " in the list of " + l.edition }

func (l *PriceList) Close() error {
	fmt.Println("closed the list of", l.edition)
	return nil
}

// Prices are only leased, so that a list that was replaced is closed as soon as
// the last request that uses it is done.
var Prices = capability.New[*PriceList]("prices", "says what an article costs", capability.OnlyLeased())

// OpenPrices may be kept by plain handles, too.
var OpenPrices = capability.New[*PriceList]("open-prices", "says what an article costs, to anybody")

func ExampleLeased_Use() {
	shop := capability.NewRegistry(capability.Engine, "shop")
	spring, autumn := &PriceList{"spring"}, &PriceList{"autumn"}
	must(shop.Apply(Prices.Bind("list", spring).OnRetire(spring.Close)))
	scope, err := capability.Compose(shop)
	must(err)
	prices, err := Prices.Leased(scope)
	must(err)

	must(prices.Use(func(list *PriceList) error {
		// The list is exchanged while a request is being served.
		must(shop.Apply(Prices.Rebind("list", autumn).OnRetire(autumn.Close)))
		fmt.Println("begun with:", list.Price("tea"))
		return nil
	}))
	must(shop.Drain(context.Background()))
	must(prices.Use(func(list *PriceList) error {
		fmt.Println("the next:", list.Price("tea"))
		return nil
	}))

	must(scope.Close())
	must(shop.Close(context.Background()))
	// Output:
	// begun with: tea in the list of spring
	// closed the list of spring
	// the next: tea in the list of autumn
	// closed the list of autumn
}

func ExampleBinding_Grace() {
	shop := capability.NewRegistry(capability.Engine, "shop")
	spring := &PriceList{"spring"}
	// No request takes longer than ten milliseconds, and each reads its handle anew.
	must(shop.Apply(OpenPrices.Bind("list", spring).OnRetire(spring.Close).Grace(10 * time.Millisecond)))
	scope, err := capability.Compose(shop)
	must(err)
	defer scope.Close()
	prices, err := OpenPrices.Handle(scope)
	must(err)

	inRequest := prices.Get()
	must(shop.Apply(OpenPrices.Rebind("list", &PriceList{"autumn"})))
	fmt.Println("begun with:", inRequest.Price("tea"))
	fmt.Println("the next:", prices.Get().Price("tea"))
	must(shop.Drain(context.Background())) // the scope is open still
	// Output:
	// begun with: tea in the list of spring
	// the next: tea in the list of autumn
	// closed the list of spring
}

func ExampleRegistry_Drain() {
	shop := capability.NewRegistry(capability.Engine, "shop")
	spring := &PriceList{"spring"}
	must(shop.Apply(OpenPrices.Bind("list", spring).OnRetire(spring.Close).
		OnRetire(func() error { return errors.New("the till did not balance") })))
	scope, err := capability.Compose(shop)
	must(err)
	_, err = OpenPrices.All().Handle(scope)
	must(err)
	must(shop.Apply(OpenPrices.Unbind("list")))

	// A consumer that keeps its scope open holds the list up. Drain says who.
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err = shop.Drain(ctx)
	var held *capability.Error
	fmt.Println(errors.As(err, &held), held.Code == capability.ErrInUse, held.Provider, errors.Is(err, context.DeadlineExceeded))

	// Once that is closed the list is, too, and what went wrong comes back once.
	must(scope.Close())
	err = shop.Drain(context.Background())
	var failed *capability.Error
	fmt.Println(errors.As(err, &failed), failed.Provider, failed.Code == "")
	fmt.Println(shop.Drain(context.Background()), shop.Close(context.Background()))
	// Output:
	// true true list true
	// closed the list of spring
	// true list true
	// <nil> <nil>
}

// A snapshot says what is to be retired and who holds it.
func ExamplePendingState() {
	closed := func() error { fmt.Println("the old ledger is closed"); return nil }
	bank := capability.NewRegistry(capability.Engine, "bank")
	ledgers := capability.New[string]("ledger", "where payments are written down")
	must(bank.Apply(ledgers.Bind("book", "old").OnRetire(closed)))
	branch, err := capability.Compose(bank)
	must(err)
	_, err = ledgers.Handle(branch)
	must(err)
	must(bank.Apply(ledgers.Rebind("book", "new")))

	holding := func(p capability.PendingState) string {
		return fmt.Sprintf("%s of %s is held %d times", p.Provider, p.Capability, len(p.HeldBy))
	}
	for _, p := range branch.Snapshot().Pending {
		fmt.Println(holding(p))
	}
	must(branch.Close())
	must(bank.Drain(context.Background()))
	// Output:
	// book of ledger is held 1 times
	// the old ledger is closed
}
