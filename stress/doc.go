// What the stress tests prove and how to run them.

// Package stress proves under load what the core promises to programs whose
// providers are exchanged while traffic flows:
//
//   - when a commit returns, every handle reads its value or a later one;
//   - a handle never goes back;
//   - a derived value never mixes generations, and a dispatch sees one chain;
//   - a watcher sees commits in order and never misses the last;
//   - a provider is retired once, and not while it may be in use.
//
// Many short histories of operations on one handle are checked for being
// linearizable, and soaks run readers, callers and committers against each other
// for as long as they are told. They count what they did and fail if it was too
// little, in proportion to their duration:
//
//	GOWORK=off go test -count=1 ./...
//
// The race detector finds what the checks cannot see. Under it the figures of the
// soaks need two processors that have nothing else to do, and on slow ones more than
// the 30 seconds that they are meant for:
//
//	GOWORK=off GORACE=atexit_sleep_ms=0 go test -race -count=1 -run Soak -soak=45s .
//	GOWORK=off GORACE=atexit_sleep_ms=0 go test -race -count=1 -run Soak -soak=30m -times=40 .
//
// The build tag capability_yield compiles yield points into the core. The tests
// then give way to other goroutines there at random, which brings out in seconds
// what hours of plain running do not show:
//
//	GOWORK=off go test -tags capability_yield -count=1 .
//	GOWORK=off go test -tags capability_yield -count=1 -timeout=4h -run Linearizable -ops=100000000 .
//
// Each check is fed broken twins of what it checks, and has to report them.
package stress
