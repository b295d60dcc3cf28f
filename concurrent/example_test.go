// What is asked of several at the same time: shops, about a price.

package concurrent_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
)

// A Shop sells books. Asking takes a while.
type Shop interface {
	Price(ctx context.Context, book string) (int, error)
}

var Shops = capability.New[Shop]("shop", "sells books")

// A list is a shop with a list of prices.
type list map[string]int

func (l list) Price(ctx context.Context, book string) (int, error) {
	if price, ok := l[book]; ok {
		return price, ctx.Err()
	}
	return 0, errors.New("we do not have it")
}

// shops returns a chain of three.
func shops() capability.Chain[Shop] {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Shops.Bind("corner", list{"atlas": 30, "novel": 9}),
		Shops.Bind("station", list{"atlas": 28}),
		Shops.Bind("museum", list{"atlas": 35, "novel": 12}),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := Shops.All().Handle(scope)
	must(err)
	return h.Get()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// The prices are in the order of the shops, whoever answers first.
func ExampleCollect() {
	prices, err := concurrent.Collect(context.Background(), shops(), 2, func(ctx context.Context, s Shop) (int, error) {
		return s.Price(ctx, "atlas")
	})
	fmt.Println(prices, err)
	// Output: [30 28 35] <nil>
}

// The first error ends the others.
func ExampleEach() {
	err := concurrent.Each(context.Background(), shops(), 1, func(ctx context.Context, s Shop) error {
		_, err := s.Price(ctx, "novel")
		return err
	})
	fmt.Println(err)
	// Output: capability "shop", provider "station", scope "engine": we do not have it
}

// sold is a decision for shops that have the book.
func sold(ctx context.Context, s Shop, book string) (d capability.Decision[int], err error) {
	if price, err := s.Price(ctx, book); err == nil {
		d = capability.Decided(price)
	}
	return d, ctx.Err()
}

// The first shop in the chain that has the book decides, not the fastest.
func ExampleDecide() {
	price, err := concurrent.Decide(context.Background(), shops(), 3, func(ctx context.Context, s Shop) (capability.Decision[int], error) {
		return sold(ctx, s, "novel")
	})
	fmt.Println(price.Or(0), price.By(), err)
	// Output: 9 corner <nil>
}

func ExampleAny() {
	cheap, err := concurrent.Any(context.Background(), shops(), 3, func(ctx context.Context, s Shop) (bool, error) {
		price, err := s.Price(ctx, "atlas")
		return price < 30, err
	})
	fmt.Println(cheap, err)
	// Output: true <nil>
}

func ExampleEvery() {
	dear, err := concurrent.Every(context.Background(), shops(), 3, func(ctx context.Context, s Shop) (bool, error) {
		price, err := s.Price(ctx, "atlas")
		return price > 20, err
	})
	fmt.Println(dear, err)
	// Output: true <nil>
}
