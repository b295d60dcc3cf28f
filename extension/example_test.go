package extension_test

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A Limiter says whether a call may pass.
type Limiter interface{ Take() bool }

// Limit is the capability of limiters.
var Limit = capability.New[Limiter]("limit", "says whether a call may pass")

// A Quota is the configuration of a limiter.
type Quota struct {
	Calls int           `json:"calls" doc:"how many may pass"`
	Every time.Duration `json:"every" doc:"in which time"`
}

// Validate returns what is wrong with the quota.
func (q Quota) Validate() error {
	if q.Calls < 1 || q.Every <= 0 {
		return fmt.Errorf("%d calls in %v are none: give it one or more, and a time", q.Calls, q.Every)
	}
	return nil
}

// A bucket is what the two sides of a limiter share: callers take from it, the
// lifecycle fills it up. Neither is a copy of the other, so nothing can diverge.
type bucket struct{ left atomic.Int64 }

// A taker is what callers get.
type taker struct{ *bucket }

func (t taker) Take() bool { return t.left.Add(-1) >= 0 }

// A refiller is what runs.
type refiller struct {
	*bucket
	quota Quota
}

func (r refiller) Run(ctx context.Context, ready func()) error {
	tick := time.NewTicker(r.quota.Every)
	defer tick.Stop()
	for {
		r.left.Store(int64(r.quota.Calls))
		ready()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// RateLimiter is an extension: its lifecycle resets the quota, its handle takes from it.
var RateLimiter = extension.Active[Quota]{
	Manifest: extension.Manifest{
		Name: "ratelimit", Version: "1.2.0",
		Doc: "lets so many calls pass in a time", URL: "https://example.org/ratelimit",
		Levels: []capability.Level{capability.Engine, capability.Pipeline},
	},
	Exports: []extension.Key{Limit},
	New: func(q Quota, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		b := new(bucket)
		return []capability.Binding{Limit.Bind(d.Name, taker{b})}, refiller{b, q}, nil
	},
}

func Example() {
	ctx := context.Background()
	engine := capability.NewRegistry(capability.Engine, "engine")
	host := extension.NewHost(extension.Options{})
	err := host.Start(ctx,
		RateLimiter.Instance("strict", Quota{2, time.Hour}).At(engine),
		RateLimiter.Instance("generous", Quota{1000, time.Hour}).At(engine),
	)
	if err != nil {
		log.Fatal(err)
	}

	scope, err := capability.Compose(engine)
	if err != nil {
		log.Fatal(err)
	}
	limit, err := Limit.Named("strict").Handle(scope)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		fmt.Println("may pass:", limit.Get().Take())
	}

	_ = scope.Close() // who consumes ends before who provides
	fmt.Println("stopped:", host.Stop(ctx))
	// Output:
	// may pass: true
	// may pass: true
	// may pass: false
	// stopped: <nil>
}
