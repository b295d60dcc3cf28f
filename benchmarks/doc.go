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
package benchmarks
