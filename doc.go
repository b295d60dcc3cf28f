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
//	Leased[V]      a handle whose value is not retired while it is in use
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
// The verbs of this package stop at the first failure. Others are in packages of
// their own, so that the mode is read at the call:
//
//	keepgoing    one after the other; everybody is asked, panics are errors, errors are ranked
//	concurrent   at the same time; the first error stops the rest, a decision goes by order
//	fanout       at the same time; nobody's failure stops the others
//	observed     as here, and told to the Observer providers that the scope sees
//
// They are made of what is exported here: [Chain.All], [Chain.Blame] and [Join] make
// verbs of one's own.
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
// # While it runs
//
// A commit may come at any time, from any goroutine, and readers never wait for
// it. What else a program needs then:
//
//	for old, now := range auth.Watch(ctx) { ... }     // follow a handle
//	token, setToken := capability.NewValue(first)     // publish state that changes by itself
//	var stack = capability.Derive(func(r *capability.Resolver) (http.Handler, error) { ... })
//	blobs, err := Blobs.Leased(scope)                 // and then blobs.Use(func(b Store) error { ... })
//
// [Derive] makes a value of several capabilities that is always of one generation
// and is built anew only when something it read changed.
//
// A provider that must be closed says so where it is bound, with
// [Binding.OnRetire]. It is closed when nobody can use it any more: nobody knows
// how long a caller uses what Get of a plain handle returned, so a plain handle
// holds what it may have handed out until its scope is closed, or for the
// provider's [Binding.Grace]. A [Leased] handle holds it while Use runs, and not a
// moment longer. [OnlyLeased] says that a key's providers are used in no other way.
// [Registry.Drain] waits for what is to be retired, and says who holds it.
//
// Data that change without the program, such as flags and limits, are what package
// data is for: sources are providers, and what they say together is one immutable
// table after the other.
//
// What runs for long, such as a refresher of tokens or a server, is an extension: package
// extension starts, replaces and stops it, and binds what it exports when that is ready.
//
// What each scope should have its own of is bound by its maker, with
// [Capability.BindPerScope].
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
//  8. Get, Use and the verbs Each, Pipe, Any, Every and Decide take no lock and
//     allocate nothing unless they return an error. The Use that is the last of a
//     replaced value starts its retirement.
//  9. Scopes and registries may be closed in any order, twice, and at once.
//  10. A derived value never mixes generations, and a build that fails, panics or
//     ends its goroutine refuses the commit.
//  11. No provider is retired while a lease on it is held, nor, before its Grace
//     has passed, while a plain handle of an open scope may have handed it out;
//     each is retired once.
//  12. A watch yields changes in order and never misses the last, no writer waits
//     for it, and it leaves no goroutine behind.
//  13. A panic in a provider, a build, a retirement or the body of a watch leaves
//     everything usable.
//
// # Memory model
//
// In the words of the Go memory model, where a commit is a call of Apply, Commit,
// or of the func of NewValue:
//
// A store of a commit into a handle is synchronized before each Get, Watch or Use
// that observes the value, or a later one. What the committing goroutine wrote
// before, it wrote before the store: a provider needs no lock for what was set up
// before it was bound.
//
// All stores of a commit are synchronized before its return. So a goroutine that
// learns of the return, by whatever synchronizes, reads the values of that commit
// or later ones, through every handle.
//
// Commits to registries that open scopes connect are totally ordered, and each is
// synchronized before the next, its builds included. For one handle all goroutines
// observe the commits in that order: it never goes back.
//
// While a commit runs, a reader may see the new value of one handle and the old one
// of another, and a third goroutine the other way round. Nothing orders the stores
// of one commit into several handles for readers; who needs several values of one
// commit reads one derived value. All that a build reads through its Resolver is of
// the commit that runs it or of the last before it, and the build is synchronized
// before each Get that observes what it made.
//
// The end of each Use that was begun before a commit replaced its value, and the
// retirement of what was made of a provider, are synchronized before the call of
// its OnRetire; so are the calls of Close of the scopes whose plain handles may have
// handed it out, unless its Grace came first. The return of OnRetire is synchronized
// before the return of a Drain that waited for it.
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
// how much the scope inherits. Use adds to a counter twice. A build runs inside the
// commit that makes it necessary; whoever commits waits for it, readers do not. The
// figures are in benchmarks/RESULTS.md.
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
