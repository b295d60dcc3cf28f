// What is compared with what, and the budgets.

package main

import "strings"

// A family is a benchmark whose last name element says which variant it is.
type family struct {
	name      string
	base      string // the variant that the others are divided by; its twin is "control"
	units     []string
	variants  []variant
	slices    int     // how often a layout runs it
	benchtime string  // of a slice, if not that of the flag
	pace      float64 // commits/s below which a slice of a variant does not count
	bars      []bar
	guarded   bool // a run with -guard measures it
}

// A variant is a row for each group of its family. Without a budget it is there
// for comparison.
type variant struct {
	name   string
	budget func(group string) float64
}

// compared returns variants without budgets.
func compared(names ...string) []variant {
	var all []variant
	for _, name := range names {
		all = append(all, variant{name, nil})
	}
	return all
}

// A bar says how many times as long as a variant its peer takes at the least. It
// holds in every group of its family.
type bar struct {
	variant, peer string
	least         float64
	missed        bool // as RESULTS.md says, so nothing guards it
}

func (b bar) String() string { return b.peer + " to " + b.variant }

// noSlower is the bar of a variant that is as fast as its peer. It leaves as much for
// noise as the budgets of Lookup do.
const noSlower = 1 / 1.05

// always is one budget for all groups.
func always(budget float64) func(string) float64 {
	return func(string) float64 { return budget }
}

// dispatchBudget is that of the verbs. Collect makes a slice and has none.
func dispatchBudget(group string) float64 {
	switch {
	case strings.Contains(group, "/Collect/"):
		return 0
	case strings.HasSuffix(group, "/5ns"):
		return 1.05
	}
	return 1.10
}

// keepGoingBudget is that of package keepgoing, whose Collect makes replies.
func keepGoingBudget(group string) float64 {
	if strings.Contains(group, "/Collect/") {
		return 0
	}
	return 2
}

var families = []family{
	{name: "Lookup", guarded: true, base: "field", units: []string{"ns/op"}, slices: 16,
		variants: []variant{{"capability", always(1.05)}, {"atomic", nil}}},
	{name: "Dispatch", guarded: true, base: "field", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"capability", dispatchBudget}, {"atomic", nil}}},
	{name: "Modes", guarded: true, base: "failfast", units: []string{"ns/op"}, slices: 6,
		variants: []variant{{"keepgoing", keepGoingBudget}, {"unobserved", always(1.6)}}},
	{name: "Concurrent", base: "sequential", units: []string{"ns/op"}, slices: 4,
		variants: []variant{{"concurrent", always(0.6)}, {"fanout", nil}, {"concurrent-idle", nil}, {"fanout-idle", nil}}},
	{name: "Reader", base: "waiting", units: []string{"ns/op"}, slices: 10, pace: 90_000,
		variants: []variant{{"committing", always(1.10)}, {"elsewhere", nil}, {"storing", nil}}},
	{name: "Lease", guarded: true, base: "rwmutex", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"leased", always(0.9)}, {"unsafe", nil}}},
	{name: "Span", guarded: true, base: "bare", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"leased", always(1.4)}, {"rwmutex", nil}}},
	{name: "Beside", base: "calling", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"leasing", always(1.05)}}},
	{name: "Derived", guarded: true, base: "fields", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"derived", always(1.05)}, {"atomic", nil}}},
	{name: "DataRead", guarded: true, base: "map", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"lookup", always(1.3)}, {"get", always(1.3)}}},
	{name: "DataMatch", base: "map", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"match-10", nil}, {"match-1000", always(10)}, {"match-100000", nil}}},
	{name: "DataReload", base: "decode", units: []string{"ns/op"}, slices: 2, benchtime: "3x",
		variants: []variant{{"reload", always(3)}}},
	{name: "DataMemory", base: "map", units: []string{"B/entry"}, slices: 1, benchtime: "1x",
		variants: []variant{{"table", always(2)}}},
	{name: "DataReader", base: "making", units: []string{"ns/op"}, slices: 10,
		variants: []variant{{"reloading", always(1.1)}}},
	{name: "DataPeers", base: "table", units: []string{"ns/op"}, slices: 4,
		variants: []variant{{"koanf", nil}, {"viper", nil}}},
	{name: "PeersLookup", guarded: true, base: "field", units: []string{"ns/op"}, slices: 16,
		variants: compared("capability", "tailscale", "atomic.Value", "context", "rwlock", "rwmutex-map", "sync.Map", "xsync",
			"do", "do-named", "dig", "otel", "otel-bare"),
		bars: []bar{{variant: "capability", peer: "do", least: 50}, {variant: "capability", peer: "rwmutex-map", least: 7},
			{variant: "capability", peer: "tailscale", least: noSlower}}},
	{name: "PeersDispatch", guarded: true, base: "field", units: []string{"ns/op"}, slices: 8,
		variants: compared("capability", "tailscale", "atomic.Value", "context", "rwmutex-map", "sync.Map", "xsync",
			"do-named", "dig", "otel", "otel-bare", "eventbus", "gookit", "gookit-event"),
		bars: []bar{{variant: "capability", peer: "eventbus", least: 40}, {variant: "capability", peer: "gookit", least: 40},
			{variant: "capability", peer: "gookit-event", least: 40, missed: true}}},
	{name: "PeersReplace", base: "field", units: []string{"ns/op"}, slices: 4,
		variants: compared("capability", "atomic.Value", "context", "rwmutex-map", "sync.Map", "xsync", "do", "eventbus", "gookit")},
	{name: "DerivedPublish", slices: 3, benchtime: "20x"},
	{name: "Wake", slices: 2, benchtime: "5x"},
	{name: "Publish", guarded: true, base: "capabilities=10", units: []string{"ns/pipeline"}, slices: 3, benchtime: "50x",
		variants: []variant{{"capabilities=1000", always(1.2)}}},
	{name: "Growth", base: "1000", units: []string{"ns/bound", "ns/merged"}, slices: 2, benchtime: "1x",
		variants: []variant{{"100000", always(2)}}},
	{name: "Compose", slices: 4, benchtime: "10ms"},
	{name: "Memory", slices: 1, benchtime: "1x"},
}

// figures are the rows of the second table.
var figures = []struct {
	name, unit string
	budget     float64
}{
	{"Publish/capabilities=10", "ns/pipeline", 20},
	{"Publish/capabilities=1000", "ns/pipeline", 20},
	{"Publish/pipelines=10", "allocs/op", 0},
	{"Publish/capabilities=10", "allocs/op", 0},
	{"PeersReplace/10000/capability", "ns/op", 200_000},
	{"PeersLookup/rwlock", "ns/op", 0},
	{"DerivedPublish/pipelines=10000", "ns/pipeline", 250},
	{"DerivedPublish/pipelines=10", "allocs/op", 0},
	{"Wake/handles=1", "ns/watcher", 1000},
	{"Wake/handles=10000", "ns/watcher", 1000},
	{"Compose/first", "ns/compose", 10_000},
	{"Compose/second", "ns/compose", 10_000},
	{"Compose/one-by-one", "ns/compose", 10_000},
	{"Memory", "B/handle", 256},
	{"Memory", "B/pipeline", 0},
	{"Reader/committing", "commits/s", 0},
}
