// What the benchmarks are and how to run them.

// Package benchmarks measures the core against what a careful programmer would
// write by hand. The benchmarks are plain Go benchmarks; cmd/ratios runs them
// side by side, over several link layouts, and prints ratios beside budgets:
//
//	GOWORK=off go run ./cmd/ratios
//
// A benchmark that is the base of a ratio has a twin named control: the same
// text under another name. The ratio of control to base would be 1 on a machine
// without noise and without luck in the placement of code, so it says how much
// of the other ratios to believe.
//
// The benchmarks whose names begin with Peers put the core beside other ways to find
// what extends a program: atomic.Value, values of a context, maps, containers, hooks,
// the extensions of a Collector and event buses. Each is the real package, in the
// version of go.mod, and the tests show that all do the same work. Their table of bars
// says how many times as long as the core a peer must take. DataPeers compares readers
// of configuration, and TestHangingStop what stops services.
//
// The module asks for Go 1.26.6, because one of the peers does.
package benchmarks
