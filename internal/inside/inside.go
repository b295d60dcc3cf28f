// Package inside is what the packages around the core need of it and programs do not. The
// core fills it in. What is of type any here is of a type of the core, which imports this
// package and not the other way round.
package inside

// A Key is what a capability is.
type Key struct {
	ID              any // the same for the same capability
	Name, Doc, Type string
	Site            string
	Rules           []string // in words
	OnlyAt          []int
	Shadow          bool
	BroadFirst      bool
	OnlyLeased      bool
}

// A Binding is what a binding says.
type Binding struct {
	Key     Key
	Name    string
	Value   any // nil if there is none, or a maker
	Rebind  bool
	Maker   bool
	Site    string
	Retires bool           // it has an OnRetire
	Retire  []func() error // what was given to OnRetire and not accepted, in the order to call it

	Priority      int
	Before, After []string
}

// Opened is a scope or registry that is open.
type Opened struct {
	Name  string    // with what it is
	Site  string    // file:line of what opened it
	By    uint64    // the goroutine that did
	Stack []uintptr // its stack then
	Seq   uint64    // the greater, the later
}

var (
	// Look makes the core note what is opened, until stop is called; what is opened
	// later has a greater Seq than since.
	Look func() (since uint64, stop func())

	// Goroutine returns the number of the goroutine that calls it.
	Goroutine func() uint64

	// StillOpen returns what was opened after since and is open, by Seq.
	StillOpen func(since uint64) []Opened

	// Shelter calls f and then ended with what ended it: what it returned, or a
	// PanicError, whose Value is nil if it ended the goroutine.
	Shelter func(f func() error, ended func(error))

	// NameProblem returns what is wrong with a name, "" if nothing is.
	NameProblem func(name string) string

	// KeyOf returns what the Capability is, and false if it is the zero one, or none.
	KeyOf func(capability any) (Key, bool)

	// BindingOf returns what the Binding says, and false if it is of no capability.
	BindingOf func(binding any) (Binding, bool)

	// Unbind returns the Change that withdraws the Binding.
	Unbind func(binding any) any

	// Rebound returns the Binding as Rebind would make it.
	Rebound func(binding any) any

	// Bare returns the Binding without what is to be done when it is retired.
	Bare func(binding any) any

	// Lent returns a Binding of the same value for another Registry, which binds it
	// before the one given is bound and unbinds it after that, or in the same commit.
	// Who then still uses what was lent keeps the one given from being retired.
	Lent func(binding any) any

	// Watched returns a Binding that calls made whenever a provider comes to be of it,
	// which is once or, if it has a maker, for each scope, and calls what made
	// returned when that provider is retired.
	Watched func(binding any, made func() (gone func())) any

	// Described returns the Binding with a Meta if it has none.
	Described func(binding, meta any) any

	// Private returns a Registry for the package's own purposes: it is narrower than
	// others of its level, with one of which it may be composed, and OnlyAt does not
	// bind it.
	Private func(level int, name string) any

	// Users returns who has resolved what the Registry binds under that name, sorted,
	// but for the Scopes that compose a private Registry of which own is true.
	Users func(registry any, capability, provider string, own func(registry any) bool) []string

	// Binds reports whether the Registry binds that name.
	Binds func(registry any, capability, provider string) bool

	// Holding returns what keeps those providers of that name from being retired that
	// the Registry has bound and does not bind any more, sorted.
	Holding func(registry any, provider string) []string

	// Left returns a channel that is closed when the next Scope that composes the
	// Registry has been closed.
	Left func(registry any) <-chan struct{}
)
