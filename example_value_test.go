// Published values: state that an extension owns and others follow.

package capability_test

import (
	"context"
	"fmt"
	"iter"

	"github.com/typedcap/capability"
)

// A Token is what a store wants to see of its callers. It expires.
type Token struct{ Secret string }

// Tokens is a capability whose providers are published values.
var Tokens = capability.New[capability.Handle[Token]]("token", "the token to call the store with")

func ExampleNewValue() {
	// The extension that renews the token keeps the write end and hands out the
	// read end.
	token, renew := capability.NewValue(Token{"monday"})
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Tokens.Bind("store", token)))

	// A consumer resolves the read end once and has the token of the moment with
	// each Get.
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	store, err := Tokens.Named("store").Handle(scope)
	must(err)
	fmt.Println(store.Get().Get().Secret)
	renew(Token{"tuesday"}) // a new token is no commit
	fmt.Println(store.Get().Get().Secret)
	// Output:
	// monday
	// tuesday
}

// A TokenSource is the same behind a small interface: who makes tokens in another
// way can be a provider, too.
type TokenSource interface {
	Token() Token
	Tokens(ctx context.Context) iter.Seq2[Token, Token] // as Handle.Watch
}

// TokenSources is a capability whose providers need not be published values.
var TokenSources = capability.New[TokenSource]("token-source", "gives the token to call the store with")

// renewed is a TokenSource that somebody renews.
type renewed struct{ token capability.Handle[Token] }

func (r renewed) Token() Token                                       { return r.token.Get() }
func (r renewed) Tokens(ctx context.Context) iter.Seq2[Token, Token] { return r.token.Watch(ctx) }

// fixed is a TokenSource for a store that wants the same token for ever.
type fixed Token

func (f fixed) Token() Token { return Token(f) }

func (f fixed) Tokens(context.Context) iter.Seq2[Token, Token] {
	return func(yield func(Token, Token) bool) { yield(Token{}, Token(f)) }
}

func ExampleNewValue_interface() {
	token, renew := capability.NewValue(Token{"monday"})
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(
		TokenSources.Bind("store", renewed{token}),
		TokenSources.Bind("archive", fixed{"forever"}).Priority(-1),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	sources, err := TokenSources.All().Handle(scope)
	must(err)

	renew(Token{"tuesday"})
	for name, s := range sources.Get().All() {
		fmt.Println(name, s.Token().Secret)
	}
	store, err := TokenSources.Named("store").Handle(scope)
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for old, current := range store.Get().Tokens(ctx) {
		fmt.Printf("%q then %q\n", old.Secret, current.Secret)
		if current.Secret == "wednesday" {
			break
		}
		renew(Token{"wednesday"})
	}
	// Output:
	// store tuesday
	// archive forever
	// "" then "tuesday"
	// "tuesday" then "wednesday"
}
