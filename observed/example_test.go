// Seeing who is called: the rules that a letter goes through.

package observed_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/observed"
)

// A Rule changes a letter, or refuses it.
type Rule func(letter string) (string, error)

var Rules = capability.New[Rule]("rule", "changes a letter, or refuses it")

// A printer is an observer that prints.
type printer struct{}

func (printer) Observe(e observed.Event) {
	who, end := "dispatch", "begins"
	if e.Provider != "" {
		who = e.Provider
	}
	if e.End {
		end = "ends"
	}
	fmt.Println(e.Verb, e.Capability, "in", e.Scope+":", who, end, e.Err != nil)
}

// post is what a consumer of rules holds.
type post struct {
	rules     capability.ChainHandle[Rule]
	observers capability.ChainHandle[observed.Observer]
}

// newPost returns one with two rules, and the registry to change that.
func newPost() (*post, *capability.Registry) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		Rules.Bind("trim", func(l string) (string, error) { return strings.TrimSpace(l), nil }),
		Rules.Bind("length", func(l string) (string, error) {
			if len(l) > 10 {
				return "", errors.New("the letter is too long")
			}
			return l, nil
		}),
	))
	scope, err := capability.Compose(engine)
	must(err)
	var p post
	must(scope.Resolve(Rules.All().Into(&p.rules), observed.Observers.All().Into(&p.observers)))
	return &p, engine
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (p *post) send(letter string) (string, error) {
	return observed.Pipe(p.observers.Get(), p.rules.Get(), letter, func(r Rule, l string) (string, error) { return r(l) })
}

func ExampleObserver() {
	post, engine := newPost()
	fmt.Println(post.send(" hello "))
	must(engine.Apply(observed.Observers.Bind("printer", printer{})))
	fmt.Println(post.send(" hello "))
	// Output:
	// hello <nil>
	// Pipe rule in engine: dispatch begins false
	// Pipe rule in engine: trim begins false
	// Pipe rule in engine: trim ends false
	// Pipe rule in engine: length begins false
	// Pipe rule in engine: length ends false
	// Pipe rule in engine: dispatch ends false
	// hello <nil>
}

// Log writes what providers do to a log, failures as errors.
func ExampleLog() {
	post, engine := newPost()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "took" || a.Key == "dispatch" {
				return slog.Attr{} // another one each time
			}
			return a
		},
	})
	must(engine.Apply(observed.Observers.Bind("log", observed.Log(slog.New(handler)))))
	_, err := post.send("hello, dear friend")
	fmt.Println(err)
	// Output:
	// level=DEBUG msg="provider called" verb=Pipe capability=rule provider=trim scope=engine
	// level=ERROR msg="provider failed" verb=Pipe capability=rule provider=length scope=engine error="capability \"rule\", provider \"length\", scope \"engine\": the letter is too long"
	// capability "rule", provider "length", scope "engine": the letter is too long
}

// A counter counts the providers that were called, by verb.
type counter map[string]int

func (c counter) Observe(e observed.Event) {
	if e.End && e.Provider != "" {
		c[e.Verb]++
	}
}

// All fail-fast verbs can be observed.
func Example_verbs() {
	post, engine := newPost()
	calls := counter{}
	must(engine.Apply(observed.Observers.Bind("counter", calls)))
	seen, rules := post.observers.Get(), post.rules.Get()

	must(observed.Each(seen, rules, func(r Rule) error { _, err := r("hi"); return err }))
	letters, err := observed.Collect(seen, rules, func(r Rule) (string, error) { return r("hi") })
	fmt.Println(letters, err)
	changed, err := observed.Any(seen, rules, func(r Rule) (bool, error) { l, err := r(" hi"); return l == "hi", err })
	fmt.Println(changed, err)
	all, err := observed.Every(seen, rules, func(r Rule) (bool, error) { l, err := r(" hi"); return l == "hi", err })
	fmt.Println(all, err)
	answer, err := observed.Decide(seen, rules, func(r Rule) (capability.Decision[string], error) { return capability.Decided("yes"), nil })
	fmt.Println(answer.Or("no"), answer.By(), err)
	fmt.Println(calls)
	// Output:
	// [hi hi] <nil>
	// true <nil>
	// false <nil>
	// yes trim <nil>
	// map[Any:1 Collect:2 Decide:1 Each:2 Every:2]
}
