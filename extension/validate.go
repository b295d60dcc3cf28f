// Validation: what is wrong with a set of instances, before anything runs.

package extension

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// Validate returns all that is wrong with instances that are to be started together, and
// starts nothing: what is missing in a manifest, a configuration that its Validate
// refuses, a place or level that is not allowed, two instances of one name, requirements
// that nobody meets, with who needs whom, and such that make a cycle. A requirement
// is met by what an instance exports or a registry binds, at the place of who
// requires it or broader. Errors come in the order of the instances.
//
// What an instance picks by a name in its configuration is not known here, and found when
// it starts. The report is an empty text if nothing is wrong.
//
// It warns of exports that nobody requires. uses are the capabilities that
// the program itself resolves, which counts as well.
func Validate(instances []Instance, uses ...Key) capability.Report {
	return validate(instances, nil, nil, uses)
}

// validate is Validate of what is to be started while others run, and one of those, if
// going is not nil, is to go.
func validate(instances, running []Instance, going *Instance, uses []Key) capability.Report {
	var r capability.Report
	p := &plan{going: going, bound: make(map[string]map[string]bool)}
	names := make(map[string]Instance)
	for _, i := range running {
		names[i.name] = i
		p.nodes = append(p.nodes, &node{Instance: i, sound: true})
	}
	checked := make(map[string]bool) // once for all instances of an extension
	for _, i := range instances {
		errs := i.problems()
		if i.is != nil && !checked[i.is.site+i.is.Name] {
			checked[i.is.site+i.is.Name] = true
			errs = append(errs, i.manifestProblems()...)
		}
		if other, taken := names[i.name]; taken && i.is != nil {
			errs = append(errs, i.errorf(capability.ErrConflict, "the name is that of the instance made at %s too: give each one of its own", other.site))
		}
		names[i.name] = i
		r.Errors = append(r.Errors, errs...)
		p.nodes = append(p.nodes, &node{Instance: i, sound: i.is != nil && i.placed() == nil})
	}
	p.link()
	for i, n := range p.nodes {
		if i >= len(running) || going != nil {
			r.Errors = append(r.Errors, p.missing(n)...)
		}
	}
	r.Errors = append(r.Errors, p.cycles()...)
	for _, n := range p.nodes[len(running):] {
		r.Warnings = append(r.Warnings, p.unused(n, uses)...)
	}
	return r
}

// problems returns what is wrong with the instance by itself.
func (i Instance) problems() []error {
	if i.is == nil {
		return []error{i.errorf(capability.ErrInvalid, "an Instance is zero: make it with Instance or Decode of an extension")}
	}
	var errs []error
	if problem := inside.NameProblem(i.name); problem != "" {
		errs = append(errs, i.errorf(capability.ErrInvalid, "the name of the instance %s", problem))
	}
	switch validator, ok := i.config.(interface{ Validate() error }); {
	case i.fault != nil:
		errs = append(errs, i.errorf(capability.ErrInvalid, "%w", i.fault))
	case ok:
		if err := call(validator.Validate); err != nil {
			errs = append(errs, i.errorf(capability.ErrInvalid, "its configuration is not valid: %w", err))
		}
	}
	if err := i.placed(); err != nil {
		return append(errs, err)
	}
	level := i.target().Level()
	if levels := i.is.Levels; len(levels) > 0 && !slices.Contains(levels, level) {
		errs = append(errs, i.errorf(capability.ErrInvalid, "it is placed at %v: place it at %s", i.target(), texts(levels, " or ")))
	}
	for _, k := range i.is.exports {
		key, ok := inside.KeyOf(k)
		if ok && key.OnlyAt != nil && !slices.Contains(key.OnlyAt, int(level)) {
			var levels []capability.Level
			for _, l := range key.OnlyAt {
				levels = append(levels, capability.Level(l))
			}
			errs = append(errs, i.errorf(capability.ErrInvalid, "it is placed at %v and exports %v, which is bound at %s only: place it there", i.target(), k, texts(levels, " or ")))
		}
	}
	return errs
}

// placed returns why the instance has no place.
func (i Instance) placed() error {
	if len(i.registries) == 0 {
		return i.errorf(capability.ErrInvalid, "it has no place: say with At in which registry its exports are bound")
	}
	if slices.Contains(i.registries, nil) {
		return i.errorf(capability.ErrInvalid, "one of the registries given to At is nil: make registries with NewRegistry")
	}
	scope, err := capability.Compose(i.registries...)
	if err != nil {
		return i.errorf(capability.ErrInvalid, "the registries given to At do not go together: %w", err)
	}
	_ = scope.Close() // nothing was resolved
	return nil
}

// manifestProblems returns what is wrong with the extension.
func (i Instance) manifestProblems() []error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, i.errorf(capability.ErrInvalid, format, args...))
	}
	d := i.is
	if problem := inside.NameProblem(d.Name); problem != "" {
		wrong("the Name in its manifest %s", problem)
	}
	if d.Doc == "" {
		wrong("its manifest has no Doc: say in a sentence what it is for")
	}
	if d.URL == "" {
		wrong("its manifest has no URL: say where more is to be read")
	}
	if d.site == "" {
		wrong("New is nil: give it the func that makes an instance")
	}
	if d.kind != "background" && len(d.exports) == 0 {
		wrong("it is %s and exports nothing: name its Exports, or make it a Background one", d.kind)
	}
	for _, list := range []struct {
		what string
		keys []Key
	}{{"Exports", d.exports}, {"Requires", d.Requires}} {
		for n, k := range list.keys {
			if _, ok := inside.KeyOf(k); !ok {
				wrong("%s has at place %d what is no capability: give what capability.New returned", list.what, n+1)
			} else if slices.Contains(list.keys[:n], k) {
				wrong("%s has %v twice: name it once", list.what, k)
			}
		}
	}
	return errs
}

// texts returns the texts of values, with a word between them.
func texts[T any](values []T, between string) string {
	var list []string
	for _, v := range values {
		list = append(list, fmt.Sprint(v))
	}
	return strings.Join(list, between)
}

// A plan is who needs whom.
type plan struct {
	nodes []*node
	going *Instance                  // whose exports will be gone
	bound map[string]map[string]bool // what registries bind, by their identity
}

// A node is an instance in a plan.
type node struct {
	Instance
	sound bool    // it has a place
	needs []*node // whose exports it requires, in the order of the instances
	users []*node // who requires its exports
	state int     // of a walk: 0 not seen, 1 on the path, 2 done
}

// exports reports whether the instance exports k.
func (n *node) exports(k Key) bool { return n.sound && slices.Contains(n.is.exports, k) }

// sees reports whether what the other binds is to be seen from n.
func (n *node) sees(other *node) bool { return slices.Contains(n.registries, other.target()) }

// link finds out who needs whom.
func (p *plan) link() {
	exporters := make(map[Key][]*node)
	for _, n := range p.nodes {
		if n.sound {
			for _, k := range n.is.exports {
				exporters[k] = append(exporters[k], n)
			}
		}
	}
	order := make(map[*node]int, len(p.nodes))
	for i, n := range p.nodes {
		order[n] = i
	}
	for _, n := range p.nodes {
		if !n.sound {
			continue
		}
		for _, k := range n.is.Requires {
			for _, other := range exporters[k] {
				if other != n && n.sees(other) && !slices.Contains(n.needs, other) {
					n.needs = append(n.needs, other)
					other.users = append(other.users, n)
				}
			}
		}
		slices.SortFunc(n.needs, func(a, b *node) int { return order[a] - order[b] })
	}
}

// missing returns the requirements of n that nobody meets.
func (p *plan) missing(n *node) []error {
	if !n.sound {
		return nil
	}
	var errs []error
	for _, k := range n.is.Requires {
		if _, ok := inside.KeyOf(k); !ok || slices.ContainsFunc(n.needs, func(other *node) bool { return other.exports(k) }) || p.binds(n, k) {
			continue
		}
		narrower, self := "", false
		for _, other := range p.nodes {
			switch {
			case !other.exports(k):
			case other == n:
				self = true
			case other.target().Level() > n.target().Level():
				narrower = fmt.Sprintf("only %v at %v exports it, which is narrower: place that one broader, or this one there", other.Instance, other.target())
			case narrower == "":
				narrower = fmt.Sprintf("%v exports it at %v, which is not among the registries given to At: add it there", other.Instance, other.target())
			}
		}
		switch {
		case narrower != "":
		case self:
			narrower = "only it itself exports that: bind another one, or do not require it"
		default:
			narrower = "nobody exports or binds that there: start an extension that exports it, or bind it"
		}
		errs = append(errs, n.errorf(capability.ErrNotProvided, "it requires %v at %v, and %s%s", k, n.target(), narrower, n.neededBy()))
	}
	return errs
}

// neededBy says who needs the instance, and who needs that one, and so on.
func (n *node) neededBy() string {
	const most = 8
	var b strings.Builder
	seen := []*node{n}
	for len(n.users) > 0 && len(seen) <= most && !slices.Contains(seen, n.users[0]) {
		n = n.users[0]
		seen = append(seen, n)
		fmt.Fprintf(&b, "; needed by %v, made at %s", n.Instance, n.site)
	}
	return b.String()
}

// binds reports whether a registry that n sees binds the capability.
func (p *plan) binds(n *node, k Key) bool {
	var b strings.Builder
	for _, r := range n.registries {
		fmt.Fprintf(&b, "%p ", r)
	}
	bound, ok := p.bound[b.String()]
	if !ok {
		bound = make(map[string]bool)
		if scope, err := capability.Compose(n.registries...); err == nil {
			for _, c := range scope.Snapshot().Capabilities {
				stays := func(s capability.ProviderState) bool {
					return p.going == nil || s.Name != p.going.name || s.Registry != p.going.target().Name() ||
						!slices.ContainsFunc(p.going.is.exports, func(k Key) bool { return k.Name() == c.Name })
				}
				bound[c.Site+" "+c.Name] = slices.ContainsFunc(c.Providers, stays)
			}
			_ = scope.Close() // nothing was resolved
		}
		p.bound[b.String()] = bound
	}
	key, _ := inside.KeyOf(k)
	return bound[key.Site+" "+key.Name]
}

// cycles returns an error for each cycle, with its members in the order in which they
// need each other.
func (p *plan) cycles() []error {
	var errs []error
	var path []*node
	var visit func(n *node)
	visit = func(n *node) {
		n.state = 1
		path = append(path, n)
		for _, other := range n.needs {
			switch other.state {
			case 0:
				visit(other)
			case 1:
				cycle := path[slices.Index(path, other):]
				errs = append(errs, other.errorf(capability.ErrCycle, "it needs itself: %s: export what one of them requires from an instance that requires less", cycleText(cycle)))
			}
		}
		path = path[:len(path)-1]
		n.state = 2
	}
	for _, n := range p.nodes {
		if n.state == 0 {
			visit(n)
		}
	}
	return errs
}

// cycleText names the members of a cycle, the first few and the last.
func cycleText(cycle []*node) string {
	const most = 6
	var list []string
	for i, n := range cycle {
		if i == most {
			list = append(list, fmt.Sprintf("%d more, the last of which", len(cycle)-most))
			break
		}
		list = append(list, fmt.Sprintf("%v, made at %s,", n.Instance, n.site))
	}
	return strings.Join(append(list, fmt.Sprint(cycle[0].Instance)), " needs ")
}

// unused returns a warning for each export of n that nobody uses.
func (p *plan) unused(n *node, uses []Key) []error {
	if !n.sound {
		return nil
	}
	var errs []error
	for _, k := range n.is.exports {
		if _, ok := inside.KeyOf(k); !ok || slices.Contains(uses, k) || slices.ContainsFunc(n.users, func(other *node) bool { return slices.Contains(other.is.Requires, k) }) {
			continue
		}
		errs = append(errs, n.errorf("", "nobody requires %v, which it exports: name it among the uses of Validate if the program resolves it", k))
	}
	return errs
}

// order returns the nodes in the order in which they start: that of the instances, but
// each after those that it needs. There are no cycles.
func (p *plan) order() []*node {
	var list []*node
	for _, n := range p.nodes {
		n.state = 0
	}
	var visit func(n *node)
	visit = func(n *node) {
		n.state = 2
		for _, other := range n.needs {
			if other.state == 0 {
				visit(other)
			}
		}
		list = append(list, n)
	}
	for _, n := range p.nodes {
		if n.state == 0 {
			visit(n)
		}
	}
	return list
}

// same reports whether an export is what runs, or a copy of it.
func same(export any, runs Runner) bool {
	a, b := structOf(export), structOf(runs)
	return a != nil && a == b
}

// structOf returns the type of a struct, or of the one that v points to, or nil.
func structOf(v any) reflect.Type {
	t := reflect.TypeOf(v)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	return t
}
