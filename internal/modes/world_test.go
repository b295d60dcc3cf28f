// The world of the tests: three clerks, who do what a test tells them, and the verbs of
// all modes over them, with outcomes that can be compared.

package modes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/concurrent"
	"github.com/typedcap/capability/fanout"
	"github.com/typedcap/capability/keepgoing"
	"github.com/typedcap/capability/observed"
)

// A clerk answers what it is asked. It may do anything in place of that.
type clerk struct {
	name string
	do   func(context.Context) (int, error)
}

var clerks = capability.New[*clerk]("clerk", "answers what it is asked")

// An office is a scope with clerks.
type office struct {
	engine *capability.Registry
	scope  *capability.Scope
	all    capability.ChainHandle[*clerk]

	mu    sync.Mutex
	asked []string // who was, in order
}

// newOffice returns an office with clerks who do what is said. It is closed with the
// test.
func newOffice(t testing.TB, do ...func(context.Context) (int, error)) *office {
	t.Helper()
	o := &office{engine: capability.NewRegistry(capability.Engine, "engine")}
	var changes capability.Changes
	for i, f := range do {
		name := string(rune('a' + i))
		changes = append(changes, clerks.Bind(name, &clerk{name, f}))
	}
	must(o.engine.Apply(changes))
	var err error
	o.scope, err = capability.Compose(o.engine)
	must(err)
	o.all, err = clerks.All().Handle(o.scope)
	must(err)
	t.Cleanup(func() {
		must(o.scope.Close())
		must(o.engine.Close(context.Background()))
	})
	return o
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// ask asks a clerk and notes that.
func (o *office) ask(ctx context.Context, c *clerk) (int, error) {
	o.mu.Lock()
	o.asked = append(o.asked, c.name)
	o.mu.Unlock()
	return c.do(ctx)
}

// An outcome is how a dispatch ended, for comparing.
type outcome struct {
	Value    any
	Errors   []string // provider, code and text of each, in order
	Panicked string
	Exited   bool
}

// A verb is one in some mode. The answers of clerks are numbers, of which 0 stands for no
// and for no decision.
type verb struct {
	mode, name string
	call       func(context.Context, *office) (any, error)
}

func (v verb) String() string { return v.mode + "." + v.name }

func yes(n int, err error) (bool, error) { return n != 0, err }

func decision(n int, err error) (d capability.Decision[int], _ error) {
	if n != 0 {
		d = capability.Decided(n)
	}
	return d, err
}

func fault(_ int, err error) error { return err }

func decided(d capability.Decision[int], err error) (any, error) {
	if n, ok := d.Get(); ok {
		return fmt.Sprintf("%d by %s", n, d.By()), err
	}
	return "nobody", err
}

// replies writes them like the answers of who did not fail, with a dash for who did.
func replies(list []capability.Reply[int], err error) (any, error) {
	var text []string
	var errs []error
	for _, r := range list {
		if r.Err != nil {
			text = append(text, r.Provider+" -")
		} else {
			text = append(text, fmt.Sprint(r.Provider, " ", r.Value))
		}
		errs = append(errs, r.Err)
	}
	if capability.Join(errs...) == nil != (err == nil) {
		text = append(text, "replies and errors do not agree")
	}
	return strings.Join(text, ", "), err
}

var failFast = []verb{
	{"capability", "Each", func(ctx context.Context, o *office) (any, error) {
		return nil, capability.Each(o.all.Get(), func(c *clerk) error { return fault(o.ask(ctx, c)) })
	}},
	{"capability", "Collect", func(ctx context.Context, o *office) (any, error) {
		return capability.Collect(o.all.Get(), func(c *clerk) (int, error) { return o.ask(ctx, c) })
	}},
	{"capability", "Any", func(ctx context.Context, o *office) (any, error) {
		return capability.Any(o.all.Get(), func(c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
	}},
	{"capability", "Every", func(ctx context.Context, o *office) (any, error) {
		return capability.Every(o.all.Get(), func(c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
	}},
	{"capability", "Pipe", func(ctx context.Context, o *office) (any, error) {
		return capability.Pipe(o.all.Get(), 0, func(c *clerk, sum int) (int, error) {
			n, err := o.ask(ctx, c)
			return 10*sum + n, err
		})
	}},
	{"capability", "Decide", func(ctx context.Context, o *office) (any, error) {
		return decided(capability.Decide(o.all.Get(), func(c *clerk) (capability.Decision[int], error) { return decision(o.ask(ctx, c)) }))
	}},
}

var keepGoing = []verb{
	{"keepgoing", "Each", func(ctx context.Context, o *office) (any, error) {
		return nil, keepgoing.Each(o.all.Get(), func(c *clerk) error { return fault(o.ask(ctx, c)) })
	}},
	{"keepgoing", "Collect", func(ctx context.Context, o *office) (any, error) {
		return replies(keepgoing.Collect(o.all.Get(), func(c *clerk) (int, error) { return o.ask(ctx, c) }))
	}},
	{"keepgoing", "Any", func(ctx context.Context, o *office) (any, error) {
		return keepgoing.Any(o.all.Get(), func(c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
	}},
	{"keepgoing", "Every", func(ctx context.Context, o *office) (any, error) {
		return keepgoing.Every(o.all.Get(), func(c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
	}},
	{"keepgoing", "Pipe", func(ctx context.Context, o *office) (any, error) {
		return keepgoing.Pipe(o.all.Get(), 0, func(c *clerk, sum int) (int, error) {
			n, err := o.ask(ctx, c)
			return 10*sum + n, err
		})
	}},
	{"keepgoing", "Decide", func(ctx context.Context, o *office) (any, error) {
		return decided(keepgoing.Decide(o.all.Get(), func(c *clerk) (capability.Decision[int], error) { return decision(o.ask(ctx, c)) }))
	}},
}

// concurrently returns the verbs of package concurrent with a limit.
func concurrently(limit int) []verb {
	return []verb{
		{"concurrent", "Each", func(ctx context.Context, o *office) (any, error) {
			return nil, concurrent.Each(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) error { return fault(o.ask(ctx, c)) })
		}},
		{"concurrent", "Collect", func(ctx context.Context, o *office) (any, error) {
			return concurrent.Collect(ctx, o.all.Get(), limit, o.ask)
		}},
		{"concurrent", "Any", func(ctx context.Context, o *office) (any, error) {
			return concurrent.Any(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
		}},
		{"concurrent", "Every", func(ctx context.Context, o *office) (any, error) {
			return concurrent.Every(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
		}},
		{"concurrent", "Decide", func(ctx context.Context, o *office) (any, error) {
			return decided(concurrent.Decide(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) (capability.Decision[int], error) {
				return decision(o.ask(ctx, c))
			}))
		}},
	}
}

// fannedOut returns the verbs of package fanout with a limit.
func fannedOut(limit int) []verb {
	return []verb{
		{"fanout", "Each", func(ctx context.Context, o *office) (any, error) {
			return nil, fanout.Each(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) error { return fault(o.ask(ctx, c)) })
		}},
		{"fanout", "Collect", func(ctx context.Context, o *office) (any, error) {
			return replies(fanout.Collect(ctx, o.all.Get(), limit, o.ask))
		}},
		{"fanout", "Any", func(ctx context.Context, o *office) (any, error) {
			return fanout.Any(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
		}},
		{"fanout", "Every", func(ctx context.Context, o *office) (any, error) {
			return fanout.Every(ctx, o.all.Get(), limit, func(ctx context.Context, c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
		}},
	}
}

// observedBy returns the verbs of package observed with these observers.
func observedBy(observers func() capability.Chain[observed.Observer]) []verb {
	return []verb{
		{"observed", "Each", func(ctx context.Context, o *office) (any, error) {
			return nil, observed.Each(observers(), o.all.Get(), func(c *clerk) error { return fault(o.ask(ctx, c)) })
		}},
		{"observed", "Collect", func(ctx context.Context, o *office) (any, error) {
			return observed.Collect(observers(), o.all.Get(), func(c *clerk) (int, error) { return o.ask(ctx, c) })
		}},
		{"observed", "Any", func(ctx context.Context, o *office) (any, error) {
			return observed.Any(observers(), o.all.Get(), func(c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
		}},
		{"observed", "Every", func(ctx context.Context, o *office) (any, error) {
			return observed.Every(observers(), o.all.Get(), func(c *clerk) (bool, error) { return yes(o.ask(ctx, c)) })
		}},
		{"observed", "Pipe", func(ctx context.Context, o *office) (any, error) {
			return observed.Pipe(observers(), o.all.Get(), 0, func(c *clerk, sum int) (int, error) {
				n, err := o.ask(ctx, c)
				return 10*sum + n, err
			})
		}},
		{"observed", "Decide", func(ctx context.Context, o *office) (any, error) {
			return decided(observed.Decide(observers(), o.all.Get(), func(c *clerk) (capability.Decision[int], error) { return decision(o.ask(ctx, c)) }))
		}},
	}
}

// run calls the verb on a goroutine of its own and returns how it ended.
func (o *office) run(ctx context.Context, v verb) outcome {
	out := outcome{Exited: true}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				out = outcome{Panicked: panicText(p)}
			}
		}()
		value, err := v.call(ctx, o)
		out = outcome{Value: value, Errors: lines(err)}
	}()
	<-done
	return out
}

// panicText returns a panic as a text: of one that a verb relays the names that
// it has, of one that went through it what it was.
func panicText(p any) string {
	err, ok := p.(error)
	var e *capability.Error
	if ok && errors.As(err, &e) && e.Provider != "" {
		return "relayed " + lines(e)[0]
	}
	return fmt.Sprintf("%T", p)
}

// lines returns the single errors in err, in order.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var list []string
		for _, err := range all.Unwrap() {
			list = append(list, lines(err)...)
		}
		return list
	}
	var e *capability.Error
	if !errors.As(err, &e) {
		return []string{fmt.Sprintf("%T without names", err)}
	}
	text := e.Error()
	if i := strings.LastIndex(text, `"engine": `); i >= 0 {
		text = text[i+len(`"engine": `):]
	}
	return []string{strings.TrimSpace(fmt.Sprintf("%s %s: %s", e.Provider, e.Code, text))}
}

// names returns the clerks who were asked.
func (o *office) names() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.asked)
}
