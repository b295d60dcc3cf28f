// The typed key of an extension point and the bindings it makes.

package capability

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Capability is the typed key of an extension point: what programs agree on
// who extend each other. T is what a provider must be, most often an interface
// of one or two methods, a func type or a [Middleware].
//
// A key is declared once, in a package variable, by [New]. Its identity is that
// declaration; the name is a label for people, configuration and errors. Who
// cannot name the variable cannot bind or resolve it: an unexported key is a
// permission. Keys are comparable, one word, and safe for simultaneous use. The
// zero Capability is unusable: whatever is asked with it is an error.
//
// A Capability is itself the [Query] for the one provider, the same as
// Named("").
type Capability[T any] struct {
	_   [0]*T
	key *key
}

// key is what the copies of a Capability share. All but constrained is fixed by New.
type key struct {
	name, doc string
	typ       reflect.Type
	site      site
	rules     rules

	// constrained is set once a binding with Before or After was committed.
	// Keys without one cannot have cycles, which saves Compose the search.
	constrained atomic.Bool

	// What depends on T, which the rest does not know.

	cellOfOne, cellOfAll func(*Scope) *core
	chain                func(*merged) any // a *Chain[T]
}

// rules are the rules of a key.
type rules struct {
	shadow     bool
	broadFirst bool
	onlyAt     []Level
	onlyLeased bool
}

// A Rule says how the providers of a capability at several levels make one
// chain, or where they may be bound. Rules are given to [New].
type Rule struct {
	apply func(*rules) (problem string)
}

// Shadow is the rule that a registry which binds any provider hides all
// providers of broader registries. A Rebind shadows nothing.
func Shadow() Rule {
	return Rule{func(r *rules) string { r.shadow = true; return "" }}
}

// BroadFirst is the rule that chains run the providers of broader registries
// first, engine before group before pipeline. Without it they run the narrower
// first. The one provider is the narrowest under either rule.
func BroadFirst() Rule {
	return Rule{func(r *rules) string { r.broadFirst = true; return "" }}
}

// OnlyAt is the rule that providers may be bound and rebound only in registries
// of these levels.
func OnlyAt(levels ...Level) Rule {
	levels = slices.Clone(levels)
	return Rule{func(r *rules) string {
		if len(levels) == 0 {
			return "OnlyAt names no level, so that nothing could ever be bound: name one or leave the rule out"
		}
		r.onlyAt = append(r.onlyAt, levels...)
		return ""
	}}
}

// OnlyLeased is the rule that providers may only be leased: a plain handle is
// refused when it is resolved, also one of what was derived from them or made of
// them. It is for providers that have to be retired promptly, because what a
// plain handle handed out is held until its scope is closed.
func OnlyLeased() Rule {
	return Rule{func(r *rules) string { r.onlyLeased = true; return "" }}
}

// New declares a capability. It is meant for package variables and panics on a
// name that is empty, longer than 200 bytes, not UTF-8 or holds anything but
// printable characters without spaces, and on an empty doc: these are mistakes
// in the program text. Two calls make two capabilities, also under one name;
// both in one scope or in one registry are an error there.
func New[T any](name, doc string, declared ...Rule) Capability[T] {
	k := &key{
		name: name, doc: doc, typ: reflect.TypeFor[T](), site: caller(1),
		cellOfOne: newCell[T], cellOfAll: newCell[Chain[T]], chain: newChain[T],
	}
	problem := nameProblem(name)
	if problem != "" {
		problem = fmt.Sprintf("name %s %s", quote(name), problem)
	} else if doc == "" {
		problem = "its doc is empty: say in a sentence what its providers do"
	}
	for i, r := range declared {
		if problem != "" {
			break
		}
		if r.apply == nil {
			problem = fmt.Sprintf("rule %d is the zero Rule: use Shadow, BroadFirst, OnlyAt or OnlyLeased", i+1)
			break
		}
		problem = r.apply(&k.rules)
	}
	if problem != "" {
		panic(&Error{Code: ErrInvalid, Capability: shorten(name), Err: report("declared at %v: %s", k.site, problem)})
	}
	return Capability[T]{key: k}
}

// Name returns the name, or "" for the zero Capability.
func (c Capability[T]) Name() string {
	if c.key == nil {
		return ""
	}
	return c.key.name
}

// Doc returns the text given to [New], or "" for the zero Capability.
func (c Capability[T]) Doc() string {
	if c.key == nil {
		return ""
	}
	return c.key.doc
}

// String returns name, type and place of declaration.
func (c Capability[T]) String() string {
	if c.key == nil {
		return "zero Capability[" + reflect.TypeFor[T]().String() + "]"
	}
	return c.key.String()
}

func (k *key) String() string {
	return fmt.Sprintf("%s (Capability[%v], %v)", k.name, k.typ, k.site)
}

// Bind makes the change that binds v as a provider under a name of its own in
// that registry. Broader providers of that name are hidden where the registry
// takes part; to take the place of one, use Rebind. To bind a name twice in one
// registry is an [ErrConflict], and a binding that makes it a matter of chance
// who is the one provider for somebody who has resolved that an [ErrInUse].
//
// v is shared by all who resolve it, so it must be safe for simultaneous use.
func (c Capability[T]) Bind(provider string, v T) Binding {
	return Binding{key: c.key, is: newProvider(provider, v, caller(1))}
}

// BindPerScope makes the change that binds, as Bind does, not one value for all
// but a maker of instances: mk is called once for each scope that resolves the
// provider, by itself, as the one or in the chain. It runs inside the Resolve or
// the commit that needs the instance first; if it fails, panics or ends its
// goroutine, that is refused. The instance is kept until its scope is closed or
// the binding is withdrawn. It is not made again when what mk read changes; what
// it read is not retired before it is.
//
// mk asks for what it needs with [Query.In], where it sees its own capability from
// broader registries only, so that it can build on what it inherits. Makers that
// need each other are an [ErrCycle]. What has to be done when the instance is
// used no more mk gives to [Resolver.OnRetire]; OnRetire of the binding is an
// [ErrInvalid]. What is said of builds in [Derive] is true of makers.
func (c Capability[T]) BindPerScope(provider string, mk func(*Resolver) (T, error)) Binding {
	m := new(maker)
	if mk != nil {
		m.make = func(r *Resolver) (any, error) {
			v, err := mk(r)
			if err == nil && isNil(reflect.ValueOf(&v).Elem()) {
				err = &Error{Code: ErrInvalid, Err: report("it returned a nil %v and no error: return one of them", reflect.TypeFor[T]())}
			}
			return &v, err
		}
	}
	b := Binding{key: c.key}
	b.is.name, b.is.maker, b.is.site = provider, m, caller(1)
	return b
}

// Rebind makes the change that puts v in the place of the inherited provider of
// that name, or of the registry's own: priority, constraints and order stay
// what they are, and setting them is an [ErrInvalid]. If the inherited provider
// goes, the rebinding drops out until it returns.
func (c Capability[T]) Rebind(provider string, v T) Binding {
	p := newProvider(provider, v, caller(1))
	p.rebind = true
	return Binding{key: c.key, is: p}
}

// Unbind makes the change that withdraws what the registry bound or rebound
// under that name.
func (c Capability[T]) Unbind(provider string) Change {
	return unbind{c.key, provider, caller(1)}
}

// Mask makes the change that hides inherited providers. It replaces the
// registry's earlier list; without names it clears it.
func (c Capability[T]) Mask(providers ...string) Change {
	return list{kind: maskList, key: c.key, zero: c.key == nil, providers: slices.Clone(providers), site: caller(1)}
}

// Select makes the change that keeps only these providers of what the registry
// and the broader ones offer, as one block in this order, at the place of the
// registry. The constraints of the selected providers are dropped and the order
// of the block is one itself; narrower registries act on top of it. It replaces
// the registry's earlier list; without names it clears it, so that everybody is
// kept again.
func (c Capability[T]) Select(providers ...string) Change {
	return list{kind: selectList, key: c.key, zero: c.key == nil, providers: slices.Clone(providers), site: caller(1)}
}

// Mask is [Capability.Mask] with the capability by name, for configuration
// files.
func Mask(capability string, providers ...string) Change {
	return list{kind: maskList, capability: capability, providers: slices.Clone(providers), site: caller(1)}
}

// Select is [Capability.Select] with the capability by name, for configuration
// files. A list without names keeps everybody, so a program that reads "nobody"
// out of an empty list has to refuse it or mask all.
func Select(capability string, providers ...string) Change {
	return list{kind: selectList, capability: capability, providers: slices.Clone(providers), site: caller(1)}
}

// A Binding is the [Change] that Bind and Rebind make. Its methods return a
// changed copy, so that a Binding may be kept and refined.
type Binding struct {
	key *key
	is  provider
}

// A provider is what a registry says of one name: a named value of some T. Once
// a registry has accepted it, it never changes.
type provider struct {
	name     string
	before   []string
	after    []string
	priority int
	rebind   bool
	ordered  bool // priority or constraints were set
	value    any  // a *T; nil if the T was nil
	site     site
	meta     *Meta  // nil if there is none
	maker    *maker // of BindPerScope; then there is no value
	strict   bool   // it is an instance that may only be leased
	retire   []retiree
	grace    time.Duration
	graced   bool
	res      *resource   // nil if nothing has to be retired
	lender   *acceptance // of what it is lent, nil if it is not
}

// A retiree is a func given to OnRetire. accepted is shared by all copies of the
// binding.
type retiree struct {
	call     func() error
	accepted *acceptance
}

// problems returns what is wrong with how the provider is to be retired.
func (p *provider) problems(verb string) []string {
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if p.maker != nil && p.maker.make == nil {
		wrong("BindPerScope at %v was given a nil func: give it what makes an instance", p.site)
	}
	if p.maker != nil && len(p.retire) > 0 {
		wrong("BindPerScope at %v has an OnRetire, which belongs to no instance: give what an instance needs to OnRetire of the Resolver", p.site)
	}
	for _, r := range p.retire {
		if r.call == nil {
			wrong("%s at %v was given a nil func for OnRetire: give it what to do", verb, p.site)
		}
	}
	if p.grace < 0 {
		wrong("%s at %v has a Grace of %v: give it one of 0 or more", verb, p.site, p.grace)
	}
	return problems
}

// newProvider erases v. It is here that nil values are found, by reflection.
func newProvider[T any](name string, v T, at site) provider {
	p := provider{name: name, site: at}
	if !isNil(reflect.ValueOf(&v).Elem()) {
		p.value = &v
	}
	return p
}

// isNil reports whether v is nil or holds a nil that no provider can be: a
// pointer, func or channel, or a handle that nobody resolved. A nil map or slice is
// an empty one.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface:
		return v.IsNil() || isNil(v.Elem())
	case reflect.Pointer, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.IsNil()
	case reflect.Struct:
		h, ok := v.Interface().(interface{ unresolved() bool })
		return ok && h.unresolved()
	}
	return false
}

// pointed returns what v, a pointer, points to.
func pointed(v any) any { return reflect.ValueOf(v).Elem().Interface() }

// Priority sets the priority among the bindings of the same registry: the
// greater comes first. The default is 0.
func (b Binding) Priority(p int) Binding {
	b.is.priority, b.is.ordered = p, true
	return b
}

// Before pulls the provider to just ahead of these peers, at whatever level
// they are bound; one that is ahead of them anyway stays where it is. Several
// calls add up. A name that a scope does not see has no effect there.
func (b Binding) Before(names ...string) Binding {
	b.is.before, b.is.ordered = slices.Concat(b.is.before, names), true
	return b
}

// After holds the provider back to just behind these peers, at whatever level
// they are bound; one that is behind them anyway stays where it is. Several
// calls add up. A name that a scope does not see has no effect there.
func (b Binding) After(names ...string) Binding {
	b.is.after, b.is.ordered = slices.Concat(b.is.after, names), true
	return b
}

// OnRetire adds what to do when nobody uses the provider any more: to close it,
// most often. Several calls add up; what was added last is done first.
//
// It is done once, after the binding was withdrawn or replaced or the registry
// closed, when all leases on the provider that were begun before have ended and
// all scopes in which a plain [Handle] may have handed it out are closed; see
// [Binding.Grace]. Being masked, hidden or shadowed retires nothing. It is called
// on a goroutine of its own, no lock is held and nobody waits for it except
// [Registry.Drain] and [Registry.Close], which return its error; if it panics or
// ends its goroutine, that is an error there.
//
// A transaction that is refused takes nothing over: what it would have bound is
// still the caller's to close. A binding with OnRetire can be accepted once; to
// apply it again is an [ErrInvalid].
func (b Binding) OnRetire(f func() error) Binding {
	b.is.retire = append(slices.Clip(b.is.retire), retiree{f, new(acceptance)})
	return b
}

// Grace says for how long, after the binding was withdrawn or replaced, plain
// handles of open scopes keep the provider from being retired. Without it they
// do so until their scopes are closed. Give it if consumers read their handles
// anew for each piece of work and none takes longer than d. It does not shorten a
// lease.
func (b Binding) Grace(d time.Duration) Binding {
	b.is.grace, b.is.graced = d, true
	return b
}

// Meta attaches a description for people and tools.
func (b Binding) Meta(m Meta) Binding {
	b.is.meta = &m
	return b
}

// Meta describes a provider to people and tools. No behaviour depends on it.
type Meta struct {
	Version string `json:"version,omitempty"`
	Doc     string `json:"doc,omitempty"`
	URL     string `json:"url,omitempty"`
}

// A site is a place in the program text, kept as a program counter because most
// sites are never printed.
type site uintptr

// caller returns the site of the call skip levels above the function that calls
// caller.
func caller(skip int) site {
	var pc [1]uintptr
	runtime.Callers(skip+2, pc[:])
	return site(pc[0])
}

// String returns file:line.
func (s site) String() string {
	if s == 0 {
		return "unknown place"
	}
	file, line := s.place()
	return file + ":" + strconv.Itoa(line)
}

func (s site) place() (file string, line int) {
	frame, _ := runtime.CallersFrames([]uintptr{uintptr(s)}).Next()
	return frame.File, frame.Line
}

// compare orders sites by file and line.
func (s site) compare(other site) int {
	file, line := s.place()
	otherFile, otherLine := other.place()
	return cmp.Or(cmp.Compare(file, otherFile), cmp.Compare(line, otherLine))
}

// short returns the last element of the file and the line, for texts that must
// not grow.
func (s site) short() string {
	text := s.String()
	return cut(text[strings.LastIndexByte(text, '/')+1:], 60)
}
