// What a program does with data that others may change: prices of a shop.

package data_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing/fstest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// Goods is what things cost, in cents.
var Goods = capability.New[data.Source[string, int]]("goods", "says what things cost, in cents")

func Example() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	market := capability.NewRegistry(capability.Pipeline, "market")
	must(engine.Apply(Goods.Bind("list", data.Static(map[string]int{"tea": 300, "jam": 450}))))
	must(market.Apply(Goods.Bind("offer", data.Static(map[string]int{"jam": 400}))))
	scope, err := capability.Compose(market, engine)
	must(err)
	defer scope.Close()

	feed, err := data.Open(context.Background(), scope, Goods, data.Options{})
	must(err)
	defer feed.Close()
	table := feed.Table()
	for key := range table.Get().Keys() {
		v, source, _ := table.Get().Lookup(key)
		fmt.Println(key, v, "from", source)
	}
	for source, v := range table.Get().ByKey("jam") {
		fmt.Println("jam is", v, "says", source)
	}
	// Output:
	// jam 400 from offer
	// tea 300 from list
	// jam is 400 says offer
	// jam is 450 says list
}

// A change of the sources is a new table; Diff says what is different.
func ExampleDiff() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Goods.Bind("list", data.Static(map[string]int{"tea": 300, "jam": 450}))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	feed, err := data.Open(context.Background(), scope, Goods, data.Options{})
	must(err)
	defer feed.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for old, now := range feed.Table().Watch(ctx) {
		var change data.Change[string, int]
		for change = range data.Diff(old, now) {
			switch {
			case change.Old == nil:
				fmt.Println(change.Source, change.Key, "new:", *change.New)
			case change.New == nil:
				fmt.Println(change.Source, change.Key, "gone:", *change.Old)
			default:
				fmt.Println(change.Source, change.Key, *change.Old, "→", *change.New)
			}
		}
		if old == nil { // this was the first table
			must(engine.Apply(Goods.Rebind("list", data.Static(map[string]int{"tea": 310, "ale": 500}))))
			continue
		}
		break
	}
	// Output:
	// list jam new: 450
	// list tea new: 300
	// list ale new: 500
	// list jam gone: 450
	// list tea 300 → 310
}

// Keys that end in '*' stand for all names that begin like them.
func ExampleMatch() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Goods.Bind("list", data.Static(map[string]int{"tea/*": 300, "tea/white/*": 900, "tea/green": 350}))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	feed, err := data.Open(context.Background(), scope, Goods, data.Options{})
	must(err)
	defer feed.Close()
	for _, name := range []string{"tea/green", "tea/black", "tea/white/needle", "jam"} {
		v, pattern, ok := data.Match(feed.Table().Get(), name)
		fmt.Println(name, v, pattern, ok)
	}
	// Output:
	// tea/green 350 tea/green true
	// tea/black 300 tea/* true
	// tea/white/needle 900 tea/white/* true
	// jam 0  false
}

// A source that fails keeps what it had, here nothing, and says where it fails.
func ExampleJSON() {
	files := fstest.MapFS{
		"list.json":  {Data: []byte(`{"tea": 300}`)},
		"offer.json": {Data: []byte("{\"tea\": 250,\n \"tea\": 200}")},
		"stock.json": {Data: []byte(`[{"name": "ale", "price": 500}]`)},
	}
	type item struct {
		Name  string
		Price int
	}
	records := data.JSONRecords(func(i item) string { return i.Name })
	stock := func(text []byte) (map[string]int, error) {
		prices := make(map[string]int)
		items, err := records(text)
		for name, i := range items {
			prices[name] = i.Price
		}
		return prices, err
	}
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Goods.Bind("list", data.FS(files, "list.json", data.JSON[int])),
		Goods.Bind("offer", data.FS(files, "offer.json", data.JSON[int])),
		Goods.Bind("stock", data.FS(files, "stock.json", stock)),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	feed, err := data.Open(context.Background(), scope, Goods, data.Options{MaxSize: data.MaxSize})
	must(err)
	defer feed.Close()
	var status data.SourceStatus
	for _, status = range feed.Status() {
		fmt.Println(status.Source, status.Entries)
		var at *data.PositionError
		if errors.As(status.Err, &at) {
			fmt.Println("  line", at.Line, "column", at.Column, at.Err)
		}
	}
	var entry data.Entry[string, int]
	for entry = range feed.Table().Get().All() {
		fmt.Println(entry.Source, entry.Key, entry.Value)
	}
	// Output:
	// list 1
	// offer 0
	//   line 2 column 2 the object has the key "tea" already at 1:2: rename it, or drop one
	// stock 1
	// list tea 300
	// stock ale 500
}

// A key of several parts is encoded by who knows them, so that the order of the keys is
// that of the parts: here a zero byte, which no part holds, ends each but the last.
func ExampleTable_compositeKey() {
	type place struct{ country, city string }
	encode := func(p place) string { return p.country + "\x00" + p.city }
	decode := func(key string) place {
		country, city, _ := strings.Cut(key, "\x00")
		return place{country, city}
	}
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Goods.Bind("postage", data.Func(time.Hour, func(context.Context) (map[string]int, error) {
		return map[string]int{
			encode(place{"France", "Paris"}): 120, encode(place{"Fr", "ancelille"}): 80, encode(place{"France", "Lille"}): 110,
		}, nil
	}))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	var feed *data.Feed[string, int]
	feed, err = data.Open(context.Background(), scope, Goods, data.Options{})
	must(err)
	defer feed.Close()
	var table *data.Table[string, int] = feed.Table().Get()
	for key := range table.Keys() {
		v, _, _ := table.Lookup(key)
		fmt.Println(decode(key), v)
	}
	// Output:
	// {Fr ancelille} 80
	// {France Lille} 110
	// {France Paris} 120
}

// The file is read again every second, and the feed follows it.
func ExampleFile() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Goods.Bind("list", data.File("testdata/goods.json", time.Second, data.JSON[int]))))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	feed, err := data.Open(context.Background(), scope, Goods, data.Options{})
	must(err)
	defer feed.Close()
	v, source, ok := feed.Table().Get().Lookup("tea")
	fmt.Println(v, source, ok)
	// Output: 300 list true
}
