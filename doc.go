// Package capability is for programs that are extended by others: many
// providers of one contract, at several levels, exchanged while traffic flows.
//
// # Terms
//
//	Capability[T]  the typed key of an extension point
//	provider       a named value of type T, bound to a capability in a registry
//	Registry       one layer of providers, at one Level: the write side
//	Scope          registries composed, the narrowest first: the read side
//	Handle[V]      what a consumer keeps; Get is one atomic load
//	Chain[T]       an immutable, ordered snapshot of all providers
//	Decision[R]    an answer that may be "no decision"
//
// # Use
//
// The owner of an extension point declares it, in a package variable:
//
//	var Auth = capability.New[Authenticator]("auth", "decides who is calling")
//
// Plug-ins bind providers to it in registries, one for each level at which the
// program is put together. A registry changes by transactions:
//
//	engine := capability.NewRegistry(capability.Engine, "engine")
//	orders := capability.NewRegistry(capability.Pipeline, "orders")
//	err := engine.Apply(
//		Auth.Bind("jwt", jwt),
//		Auth.Bind("cookie", cookies).After("jwt"),
//	)
//	err = orders.Apply(Auth.Rebind("jwt", strictJWT), Auth.Mask("cookie"))
//
// A consumer composes a scope at start-up and resolves handles, all or none,
// with every problem reported at once:
//
//	scope, err := capability.Compose(orders, engine)
//	var auth capability.ChainHandle[Authenticator]
//	err = scope.Resolve(Auth.All().Into(&auth))
//
// On the hot path it reads the handle and dispatches with a verb:
//
//	user, err := capability.Decide(auth.Get(), func(a Authenticator) (capability.Decision[User], error) {
//		return a.Authenticate(ctx, token)
//	})
//
// # The merge
//
// A scope shows, of each capability, what its registries say taken together.
// The broadest speaks first, and each narrower one acts on what is left: Mask
// hides, Bind adds or hides its namesake, Rebind takes the place of its
// namesake, Select keeps a list. The chain then runs the narrowest first:
//
//	engine    Bind(jwt) Bind(cookie) Bind(basic)    jwt   cookie  basic
//	eu        Mask(basic)                           jwt   cookie
//	orders    Rebind(jwt) Bind(token)               jwt'  cookie         token
//
//	chain of "orders over eu over engine":          token jwt' cookie
//
// Within a registry the greater priority comes first, then the earlier binding.
// Before and After move a provider to just ahead of, or just behind, a peer
// wherever that is bound. The rules [BroadFirst], [Shadow] and [OnlyAt], given
// to [New], are for keys that want it otherwise.
//
// # Guarantees
//
//  1. When Apply or Commit returns, every handle of every open scope reads the
//     new value or a later one.
//  2. One handle never goes back to an earlier value.
//  3. A transaction that is refused has changed nothing, and its error holds
//     all mistakes of the changes, or all that open scopes would suffer.
//  4. A dispatch works on one chain from start to end.
//  5. A handle has its provider until its scope is closed: a change that would
//     take it away is refused, and the error names the scopes that hold it. So
//     Get returns no error. Get of the zero Handle, which nobody resolved,
//     panics.
//  6. Order and merge depend on the bindings alone, not on how the changes of
//     several registries were interleaved.
//  7. Registries that no open scope connects never wait for each other. Readers
//     never wait for anybody.
//  8. Get and the verbs Each, Pipe, Any, Every and Decide take no lock and
//     allocate nothing unless they return an error.
//  9. Scopes and registries may be closed in any order, twice, and at once.
//
// In the words of the Go memory model, a commit synchronizes before every Get
// that observes a value it stored, and the return of Apply or Commit is
// sequenced after all its stores.
//
// # Errors
//
// All errors are, or contain, an [*Error]: a [Code], the names of capability,
// provider and scope, a priority and a cause. errors.Is(err, capability.ErrInUse)
// asks for a code. Several errors are one that has Unwrap() []error, the gravest
// first. Texts name what happened, where, and what to do about it.
//
// # Cost
//
// Get is one atomic load. A verb costs about what a loop over a slice costs
// that one would have written by hand. A commit computes once what all scopes
// below inherit, and then stores one word per handle. Compose does not depend on
// how much the scope inherits. The figures are in benchmarks/RESULTS.md.
//
// # Testing
//
// Nothing is global, so tests run in parallel: a test composes its own scope, or
// puts a registry of its own on top of another with [Scope.With] and binds fakes
// there.
//
// # Refused
//
// There is no global registry, no injection, no reflection on the hot path, no
// lookup by string where a key can be had, no change of a dispatch that runs and
// no interceptor that replaces other people's providers.
package capability
