// Hotswap is a price server whose price list is exchanged a hundred times while
// clients ask it. Each list has to be closed, and none may be closed while a
// request works with it.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
)

// A PriceList knows what things cost. It is opened for one version of the prices
// and closed when the next has taken over.
type PriceList interface {
	Price(item string) (cents int, err error)
}

// Prices is the extension point. Its providers hold files and connections, so
// they may only be leased: then each is closed as soon as the last request that
// works with it is done.
var Prices = capability.New[PriceList]("prices", "knows what things cost", capability.OnlyLeased())

// edition is one version of the prices.
type edition struct {
	number   int
	inFlight atomic.Int64
	closed   atomic.Bool
}

var errClosed = errors.New("the price list is closed")

func (e *edition) Price(item string) (int, error) {
	e.inFlight.Add(1)
	defer e.inFlight.Add(-1)
	cents := 100*e.number + len(item)
	time.Sleep(100 * time.Microsecond) // as if it were read from a disk
	if e.closed.Load() {
		return 0, errClosed
	}
	return cents, nil
}

// tally is what the program prints in the end.
type tally struct {
	calls, failed, retired, inFlight atomic.Int64
}

// publish puts the next edition in the place of the last.
func publish(shop *capability.Registry, number int, t *tally) error {
	e := &edition{number: number}
	bind := Prices.Rebind
	if number == 0 {
		bind = Prices.Bind
	}
	return shop.Apply(bind("list", e).OnRetire(func() error {
		e.closed.Store(true)
		t.retired.Add(1)
		t.inFlight.Add(e.inFlight.Load())
		return nil
	}))
}

// priced answers requests for /item with its price.
func priced(prices capability.Leased[PriceList]) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := prices.Use(func(p PriceList) error {
			cents, err := p.Price(r.URL.Path[1:])
			if err == nil {
				fmt.Fprintln(w, cents)
			}
			return err
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// ask asks the server again and again until ctx ends, and reports each answer.
func ask(ctx context.Context, url string, t *tally, answered chan<- struct{}) {
	for ctx.Err() == nil {
		resp, err := http.Get(url)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		t.calls.Add(1)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.failed.Add(1)
		}
		select {
		case answered <- struct{}{}:
		case <-ctx.Done():
		}
	}
}

const (
	clients   = 4
	exchanges = 100
	between   = 20 // answers from one exchange to the next
)

func run(out io.Writer) error {
	var t tally
	shop := capability.NewRegistry(capability.Engine, "shop")
	if err := publish(shop, 0, &t); err != nil {
		return err
	}
	scope, err := capability.Compose(shop)
	if err != nil {
		return err
	}
	prices, err := Prices.Leased(scope)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: priced(prices), ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) // it ends with Shutdown, which says all there is to say

	ctx, stop := context.WithCancel(context.Background())
	answered := make(chan struct{})
	var load sync.WaitGroup
	for range clients {
		load.Go(func() { ask(ctx, "http://"+listener.Addr().String()+"/tea", &t, answered) })
	}
	var exchanged error
	for number := 1; number <= exchanges && exchanged == nil; number++ {
		for range between {
			<-answered
		}
		exchanged = publish(shop, number, &t)
	}
	stop()
	load.Wait()

	// All but the last list have left the registry.
	patience, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = errors.Join(exchanged, shop.Drain(patience))
	fmt.Fprintf(out, "calls made: %d\n", t.calls.Load())
	fmt.Fprintf(out, "failed: %d\n", t.failed.Load())
	fmt.Fprintf(out, "retired: %d\n", t.retired.Load())
	fmt.Fprintf(out, "in flight at retirement: %d\n", t.inFlight.Load())
	return errors.Join(err, server.Shutdown(patience), scope.Close(), shop.Close(patience))
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hotswap:", err)
		os.Exit(1)
	}
}
