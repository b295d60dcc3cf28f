package extension_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"regexp"
	"slices"
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

// A Greeter greets.
type Greeter interface{ Greet(name string) string }

// Greetings is the capability of greeters.
var Greetings = capability.New[Greeter]("greetings", "greet people")

type greeting string

func (g greeting) Greet(name string) string { return string(g) + ", " + name }

// Salutation is a passive extension: nothing of it runs.
var Salutation = extension.Passive[string]{
	Manifest: extension.Manifest{Name: "salutation", Doc: "greets with a word", URL: "https://example.org/salutation"},
	Exports:  []extension.Key{Greetings},
	New: func(word string, d extension.Dependencies) ([]capability.Binding, error) {
		return []capability.Binding{Greetings.Bind(d.Name, greeting(word)).Grace(0)}, nil
	},
}

// Herald is a background extension: it exports nothing, and needs somebody who greets.
var Herald = extension.Background[time.Duration]{
	Manifest: extension.Manifest{
		Name: "herald", Doc: "greets from time to time", URL: "https://example.org/herald",
		Requires: []extension.Key{Greetings},
	},
	New: func(every time.Duration, d extension.Dependencies) (extension.Runner, error) {
		greeter, err := Greetings.Handle(d.Scope)
		if err != nil {
			return nil, err
		}
		return extension.RunFunc(func(ctx context.Context, ready func()) error {
			ready()
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					d.Log.Info(greeter.Get().Greet("world"))
				case <-ctx.Done():
					return nil
				}
			}
		}), nil
	},
}

// An instance is replaced while its consumers go on: they see the new one through the
// handles that they have.
func ExampleHost_Replace() {
	ctx := context.Background()
	engine := capability.NewRegistry(capability.Engine, "engine")
	host := extension.NewHost(extension.Options{})
	must(host.Start(ctx,
		Herald.Instance("herald", time.Hour).At(engine),
		Salutation.Instance("polite", "good morning").At(engine),
	))
	scope, err := capability.Compose(engine)
	must(err)
	greeter, err := Greetings.Handle(scope)
	must(err)
	fmt.Println(greeter.Get().Greet("Ann"))
	must(host.Replace(ctx, Salutation.Instance("polite", "good evening")))
	fmt.Println(greeter.Get().Greet("Ann"))

	must(scope.Close())
	must(host.Stop(ctx))
	for _, s := range host.Status().Get() {
		fmt.Println(s.Instance, s.State)
	}
	// Output:
	// good morning, Ann
	// good evening, Ann
	// herald stopped
	// polite stopped
}

// What is wrong with a set of instances is known before anything runs.
func ExampleValidate() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	report := extension.Validate([]extension.Instance{
		Herald.Instance("herald", time.Hour).At(engine),
		Salutation.Instance("polite", "good morning").At(orders, engine),
		RateLimiter.Instance("limiter", Quota{}).At(engine),
	}, Limit)
	place := regexp.MustCompile(`\S+/(\w+\.go):\d+`)
	fmt.Print(place.ReplaceAllString(report.String(), "$1"))
	// Output:
	// error: provider "limiter", scope "engine": extension "ratelimit", instance made at example_test.go: its configuration is not valid: 0 calls in 0s are none: give it one or more, and a time
	// error: provider "herald", scope "engine": extension "herald", instance made at example_test.go: it requires greetings (Capability[extension_test.Greeter], example_test.go) at registry "engine" (engine), and only "polite" of "salutation" at registry "orders" (pipeline) exports it, which is narrower: place that one broader, or this one there
	// warning: provider "polite", scope "orders": extension "salutation", instance made at example_test.go: nobody requires greetings (Capability[extension_test.Greeter], example_test.go), which it exports: name it among the uses of Validate if the program resolves it
}

// What Run returns decides whether it is called again; Ready is what a health endpoint
// wants to know.
func ExampleRetryAfter() {
	ctx := context.Background()
	failed := make(chan struct{})
	connection := extension.Background[string]{
		Manifest: extension.Manifest{Name: "connection", Doc: "keeps a connection open", URL: "https://example.org/connection"},
		New: func(address string, d extension.Dependencies) (extension.Runner, error) {
			return extension.RunFunc(func(ctx context.Context, ready func()) error {
				ready()
				select {
				case <-failed:
				case <-ctx.Done():
					return nil
				}
				if address == "" {
					return extension.Fatal(errors.New("there is no address"))
				}
				return extension.RetryAfter(time.Hour, errors.New("the line is dead"))
			}), nil
		},
	}
	engine := capability.NewRegistry(capability.Engine, "engine")
	host := extension.NewHost(extension.Options{Limits: extension.Limits{Stop: time.Minute}})
	must(host.Start(ctx, connection.Instance("upstream", "192.0.2.1").At(engine)))
	fmt.Println("ready:", host.Ready())
	close(failed)
	for _, all := range host.Status().Watch(ctx) {
		if all[0].State == extension.Degraded {
			fmt.Println("upstream is", all[0].State)
			break
		}
	}
	must(host.Stop(ctx))
	// Output:
	// ready: <nil>
	// upstream is degraded
}

// A catalogue describes extensions, for a page of documentation or a tool.
func ExampleCatalogue() {
	var known = []extension.Extension{RateLimiter, Salutation}
	fmt.Print(extension.NewCatalogue(known...))
	// Output:
	// ratelimit 1.2.0: lets so many calls pass in a time
	//   active, at engine or pipeline, see https://example.org/ratelimit
	//   exports limit: says whether a call may pass
	//   config calls int: how many may pass
	//   config every time.Duration: in which time
	// salutation: greets with a word
	//   passive, anywhere, see https://example.org/salutation
	//   exports greetings: greet people
}

// Instances may be decoded from a file, whatever the type of their configuration.
func ExampleExtension() {
	placement := map[string]json.RawMessage{
		"strict":   json.RawMessage(`{"calls": 2, "every": 1000000000}`),
		"generous": json.RawMessage(`{"calls": 2000, "evry": 1000000000}`),
	}
	var known extension.Extension = RateLimiter
	engine := capability.NewRegistry(capability.Engine, "engine")
	var instances []extension.Instance
	for _, name := range slices.Sorted(maps.Keys(placement)) {
		instances = append(instances, known.Decode(name, func(config any) error {
			d := json.NewDecoder(bytes.NewReader(placement[name]))
			d.DisallowUnknownFields()
			return d.Decode(config)
		}).At(engine))
	}
	for _, err := range extension.Validate(instances).Errors {
		var wrong *capability.Error
		if errors.As(err, &wrong) {
			fmt.Println(wrong.Provider, "is", wrong.Code)
		}
	}
	// Output:
	// generous is invalid
}

// A reference is what others need to extend the program: its extension points and what
// it has. As Markdown it can be published as it is.
func ExampleNewReference() {
	ref := extension.NewReference([]extension.Key{Limit}, []extension.Extension{Salutation})
	fmt.Print(ref.Markdown())
	// Output:
	// # Reference
	//
	// ## Capabilities
	//
	// ### greetings
	//
	// greet people
	//
	// | | |
	// | --- | --- |
	// | type | `extension_test.Greeter` |
	// | exported by | salutation |
	//
	// ### limit
	//
	// says whether a call may pass
	//
	// | | |
	// | --- | --- |
	// | type | `extension_test.Limiter` |
	//
	// ## Extensions
	//
	// ### salutation
	//
	// greets with a word
	//
	// Kind: passive, placed anywhere. [More](<https://example.org/salutation>).
	//
	// | exports | type | what it is |
	// | --- | --- | --- |
	// | greetings | `extension_test.Greeter` | greet people |
}
