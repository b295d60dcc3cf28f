// What is measured: the axes and the charts with their lines.

package main

// axes are what grows. Wherever scopes do not grow, there are few of them, so that
// a commit shows what it costs apart from them.
var axes = []axis{
	{
		name:   "scopes",
		points: []int{1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000},
		short:  []int{1, 4, 16},
		stand:  func(x int) (*stand, error) { return engineStand("scopes", handles, x) },
		weigh:  weighScopes,
	},
	{
		name:   "capabilities",
		points: []int{10, 20, 50, 100, 200, 500, 1000},
		short:  []int{10, 20},
		stand:  func(x int) (*stand, error) { return engineStand("capabilities", x, fewScopes) },
		weigh:  weighCapabilities,
	},
	{
		name:   "providers",
		points: []int{1, 2, 4, 8, 16, 32, 64, 128, 256},
		short:  []int{1, 4},
		stand:  providersStand,
		weigh:  weighProviders,
	},
	{
		name:   "watchers",
		points: []int{0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000},
		short:  []int{0, 1, 5},
		stand:  watchersStand,
		weigh:  weighWatchers,
	},
}

// fewScopes is how many there are where something else grows.
const fewScopes = 10

// The names of lines that several charts have.
const (
	inLibrary  = "capability"
	withLocks  = "a map with RWMutex for each scope"
	withAtomic = "an atomic.Pointer for each entry"
)

// threeWays are the lines of what the library and both hand-written engines do.
func threeWays() []line {
	return []line{
		{Name: inLibrary, Against: withLocks},
		{Name: withLocks, ByHand: true},
		{Name: withAtomic, ByHand: true},
	}
}

// charts are in the order of the page.
var charts = []chart{
	{
		Name: "commit-scopes", Title: "Commit at engine level, over scopes", Axis: "scopes", Measure: "time of a commit", Unit: "ns", Per: "scope",
		Note:  "One provider of the engine is exchanged. All scopes inherit it, and each reads ten capabilities, of which one changes.",
		Lines: threeWays(),
	},
	{
		Name: "commit-capabilities", Title: "Commit at engine level, over capabilities", Axis: "capabilities", Measure: "time of a commit", Unit: "ns",
		Note:  "The same below an engine of so many capabilities, with ten scopes.",
		Lines: threeWays(),
	},
	{
		Name: "commit-providers", Title: "Commit at engine level, over providers", Axis: "providers", Measure: "time of a commit", Unit: "ns", Per: "provider",
		Note:  "One of so many providers of one capability is exchanged; one scope reads all of them. By hand the list is copied.",
		Lines: []line{{Name: inLibrary, Against: copied}, {Name: copied, ByHand: true}},
	},
	{
		Name: "wake-watchers", Title: "Commit that wakes watchers", Axis: "watchers", Measure: "time of a commit", Unit: "ns", Per: "watcher",
		Note: "Each watcher is a goroutine that follows one handle. The commit returns before they have run; the other lines last until each has seen the new value. By hand a channel is closed and made anew. Between commits all rest for half a millisecond or more, so with few watchers it is mostly an idle processor that wakes up.",
		Lines: []line{
			{Name: returned},
			{Name: seen, Against: broadcast},
			{Name: seenApart},
			{Name: broadcast, ByHand: true},
		},
	},
	{
		Name: "compose-scopes", Title: "Compose and ten look-ups, over scopes", Axis: "scopes", Measure: "time of both", Unit: "ns",
		Note:  "A scope is made beside so many others that read the same, with one Resolve of ten capabilities. Closing it is not timed; reading the clock is, twice.",
		Lines: threeWays(),
	},
	{
		Name: "compose-capabilities", Title: "Compose and ten look-ups, over capabilities", Axis: "capabilities", Measure: "time of both", Unit: "ns",
		Note:  "The same over an engine of so many capabilities, beside ten scopes.",
		Lines: threeWays(),
	},
	{
		Name: "compose-providers", Title: "Compose and a look-up of all, over providers", Axis: "providers", Measure: "time of both", Unit: "ns",
		Note:  "A scope is made that reads a chain of so many providers, beside another one that does.",
		Lines: []line{{Name: inLibrary}},
	},
	{
		Name: "get-scopes", Title: "Get and call, over scopes", Axis: "scopes", Measure: "time of a read and a call", Unit: "ns",
		Note:  "One of the scopes reads its ten handles in turn and calls what it reads.",
		Lines: threeWays(),
	},
	{
		Name: "get-capabilities", Title: "Get and call, over capabilities", Axis: "capabilities", Measure: "time of a read and a call", Unit: "ns",
		Lines: threeWays(),
	},
	{
		Name: "get-providers", Title: "Get of a chain, over providers", Axis: "providers", Measure: "time of a read", Unit: "ns",
		Note:  "The chain is read and its length looked at.",
		Lines: []line{{Name: inLibrary, Against: copied}, {Name: copied, ByHand: true}},
	},
	{
		Name: "get-watchers", Title: "Get and call, over watchers", Axis: "watchers", Measure: "time of a read and a call", Unit: "ns",
		Note:  "The handle that is read is the one that all watch.",
		Lines: []line{{Name: inLibrary, Against: broadcast}, {Name: broadcast, ByHand: true}},
	},
	{
		Name: "dispatch-providers", Title: "Dispatch, over providers", Axis: "providers", Measure: "time of a dispatch", Unit: "ns", Per: "provider",
		Note: "Each verb beside the loop over a slice that one would write. Both are called through a func value, and the providers do next to nothing.",
		Lines: []line{
			{Name: "Each", Against: "loop of Each"},
			{Name: "Pipe", Against: "loop of Pipe"},
			{Name: "Decide", Against: "loop of Decide"},
			{Name: "loop of Each", ByHand: true},
			{Name: "loop of Pipe", ByHand: true},
			{Name: "loop of Decide", ByHand: true},
		},
	},
	{
		Name: "memory-scopes", Title: "Memory of a scope", Axis: "scopes", Measure: "heap for each scope", Unit: "B",
		Note: "A scope comes with the registry that is its own. The engine is not counted, what it keeps about its scopes is.",
		Lines: []line{
			{Name: "scope and registry"},
			{Name: "scope, registry and ten handles", Against: withLocks},
			{Name: withLocks, ByHand: true},
			{Name: withAtomic, ByHand: true},
		},
	},
	{
		Name: "memory-handles", Title: "Memory of a handle", Axis: "scopes", Measure: "heap for each handle", Unit: "B",
		Note:  "Each of so many scopes holds ten. The word where the consumer keeps the handle is counted.",
		Lines: []line{{Name: "handle", Against: entry}, {Name: entry, ByHand: true}},
	},
	{
		Name: "memory-capabilities", Title: "Memory of a capability", Axis: "capabilities", Measure: "heap for each capability", Unit: "B",
		Note:  "A capability with one provider in an engine, no scope reads it. By hand it is an entry of the map of the engine.",
		Lines: []line{{Name: "capability", Against: entry}, {Name: entry, ByHand: true}},
	},
	{
		Name: "memory-providers", Title: "Memory of a provider", Axis: "providers", Measure: "heap for each provider", Unit: "B",
		Note:  "Providers of one capability in an engine, with one scope that reads them all. By hand they are in a slice.",
		Lines: []line{{Name: "provider", Against: copied}, {Name: copied, ByHand: true}},
	},
	{
		Name: "memory-watchers", Title: "Memory of a watcher", Axis: "watchers", Measure: "memory for each watcher", Unit: "B",
		Note: "What waits in a watch takes memory on the heap and the stack of its goroutine. What the runtime keeps about a goroutine is not counted, because it keeps it for the next one.",
		Lines: []line{
			{Name: "heap", Against: broadcast + ", heap"},
			{Name: "stack", Against: broadcast + ", stack"},
			{Name: broadcast + ", heap", ByHand: true},
			{Name: broadcast + ", stack", ByHand: true},
		},
	},
}

// The names of other lines.
const (
	copied    = "a slice that is copied to change it"
	broadcast = "a channel that is closed"
	returned  = "commit"
	seen      = "commit until seen, one handle for all"
	seenApart = "commit until seen, a handle for each"
	entry     = "an entry of a map"
)
