// Error texts that need more than a line of code.

package capability

import (
	"fmt"
	"slices"
	"strings"
)

// report returns the cause of an [Error] as a text.
func report(format string, args ...any) error { return fmt.Errorf(format, args...) }

// wrap returns err with a text before it. Unlike report with %w it bears errors whose
// Error method panics.
func wrap(err error, format string, args ...any) error {
	return &because{fmt.Sprintf(format, args...) + ": " + textOf(err), err}
}

// sortErrors sorts errors that were found in no order by their texts.
func sortErrors(errs []error) {
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
}

// plural returns n things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// levels returns the names of levels.
func levels(list []Level) string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.String()
	}
	return strings.Join(names, ", ")
}

// twoKeys explains that a name has two declarations.
func twoKeys(a, b *key) string {
	if b.site.compare(a.site) < 0 {
		a, b = b, a
	}
	return fmt.Sprintf("two capabilities have this name, Capability[%v] declared at %v and Capability[%v] declared at %v: rename one, or share one variable", a.typ, a.site, b.typ, b.site)
}

// zeroKey explains that a change was made by the zero Capability, or by nobody.
func zeroKey(verb string, r *Registry, at site) error {
	if at == 0 {
		return &Error{Code: ErrInvalid, Err: report("a zero Binding is given to %v: make it with Bind or Rebind", r)}
	}
	return &Error{Code: ErrInvalid, Err: report("%s at %v in %v was made without a capability: declare it with New", verb, at, r)}
}

// noOne explains why there is no one provider.
func (m *merged) noOne() error {
	if len(m.seats) == 0 {
		return &Error{Code: ErrNotProvided, Capability: m.key.name, Scope: m.where.String(), Err: report(
			"nobody provides it here%s: bind a provider in one of the registries, or resolve All and use First if it is optional", m.notSeen(""))}
	}
	var names []string
	for _, i := range m.firsts {
		s := &m.seats[i]
		names = append(names, fmt.Sprintf("%s (%v)", quote(s.name), s.site))
	}
	slices.Sort(names)
	const most = 6
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return &Error{Code: ErrAmbiguous, Capability: m.key.name, Scope: m.where.String(), Err: report(
		"only the order of binding says which of %s is the one: give them priorities, order them with Before, After or Select, or ask for one by name",
		strings.Join(names, ", "))}
}

// noSuch explains why there is no provider of that name.
func (m *merged) noSuch(name string) error {
	hint := m.hints.hint(func() string {
		if why := m.notSeen(name); why != "" {
			return why + ":"
		}
		names := make([]string, len(m.seats))
		for i := range m.seats {
			names[i] = m.seats[i].name
		}
		hint := ": " + didYouMean(name, names)
		if !strings.HasSuffix(hint, "?") {
			hint += ";"
		}
		return hint + " if not,"
	})
	if hint == "" {
		hint = ":"
	}
	return &Error{Code: ErrNotProvided, Capability: m.key.name, Provider: name, Scope: m.where.String(), Err: report(
		"nobody provides it here under this name%s bind it in one of the registries, or resolve All and use Find if it is optional", hint)}
}

// notSeen says what keeps providers of that name, or any, from being seen.
func (m *merged) notSeen(name string) string {
	var why []string
	registry := m.where.registryOf(m.key)
	layers := m.where.layers(m.key)
	visible(m.key.rules, layers, func(p *provider, by *layer, f fate) {
		if name != "" && p.name != name {
			return
		}
		if f == fateUnmatched {
			why = append(why, fmt.Sprintf("%v names %s at %v, which no broader registry offers", registry(by), quote(p.name), p.site))
			return
		}
		why = append(why, fmt.Sprintf("%s of %v is %s by %v", quote(p.name), registry(home(layers, p)), f, registry(by)))
	})
	if len(why) == 0 {
		return ""
	}
	const most = 3
	if more := len(why) - most; more > 0 {
		why = append(why[:most], fmt.Sprintf("%d more", more))
	}
	return " (" + strings.Join(why, "; ") + ")"
}

// registryOf returns a function from the layers of p to their registries.
func (p *place) registryOf(k *key) func(*layer) *Registry {
	of := make(map[*layer]*Registry)
	for ; p != nil; p = p.up {
		if l := p.reg.layers[k.name]; l != nil {
			of[l] = p.reg
		}
	}
	return func(l *layer) *Registry { return of[l] }
}

// inUseError explains who would lose a provider, and why.
func inUseError(k *key, readers []reader, cause *Error) error {
	who := make([]string, len(readers))
	for i, r := range readers {
		who[i] = fmt.Sprintf("scope %s resolved it at %v", quote(r.scope.String()), r.site)
	}
	slices.Sort(who)
	const most = 3
	if more := len(who) - most; more > 0 {
		who = append(who[:most], fmt.Sprintf("%d more", more))
	}
	loss := "without its provider"
	if cause.Code == ErrAmbiguous {
		loss = "with several candidates for the one provider"
	}
	return &Error{Code: ErrInUse, Capability: k.name, Provider: cause.Provider, Scope: cause.Scope, Err: &because{fmt.Sprintf(
		"the change would leave a resolved handle %s (%s): close the scopes first, or Rebind instead", loss, strings.Join(who, ", ")), cause}}
}

// error returns the flaw of the first scope, and how many more have it.
func (f *flawed) error() error {
	if f.scopes == 1 {
		return f.err
	}
	e := *f.err
	e.Err = &because{fmt.Sprintf("%s (so too for %s)", textOf(e.Err), plural(f.scopes-1, "more scope")), e.Err}
	return &e
}

// strictError says that a plain handle cannot have what may only be leased. The
// sites are those of the handle or of Derive.
func strictError(k *key, s *Scope, sites ...site) error {
	at := make([]string, 0, len(sites))
	for _, site := range sites {
		if site != 0 {
			at = append(at, site.String())
		}
	}
	slices.Sort(at)
	e := &Error{Code: ErrInvalid, Scope: s.String()}
	where := ""
	if k != nil {
		e.Capability = k.name
	}
	if len(at) > 0 {
		where = " (" + strings.Join(at, ", ") + ")"
	}
	e.Err = report("a plain handle%s cannot have what is made of providers that may only be leased: resolve it with Leased or IntoLeased", where)
	return e
}

// because is a text with a cause that the text does not repeat.
type because struct {
	text  string
	cause error
}

func (b *because) Error() string { return b.text }
func (b *because) Unwrap() error { return b.cause }

// cycleError names the members of a cycle and where they were ordered, as many
// as a line holds, the first of the places that see it, and how many scopes do.
func cycleError(k *key, place string, scopes int, cycle string) error {
	if scopes > 1 {
		cycle += fmt.Sprintf(" (so too for %s)", plural(scopes-1, "more scope"))
	}
	return &Error{Code: ErrCycle, Capability: cut(k.name, 60), Scope: cut(place, 60), Err: report("%s: take one Before or After away", cycle)}
}

// cycleText describes a cycle.
func cycleText(cycle []step) string {
	const budget = 330 // bytes: with names around it the error stays below 600
	var b strings.Builder
	if len(cycle) > 1 {
		fmt.Fprintf(&b, "%d providers wait for each other: ", len(cycle))
	}
	for i, s := range cycle {
		by := "as selected"
		if s.by != nil {
			by = fmt.Sprintf("says %q at %s", cut(s.by.at.name, 30), s.by.at.site.short())
		}
		text := fmt.Sprintf("%q before %q (%s)", cut(s.first.name, 30), cut(s.second.name, 30), by)
		if i > 0 && b.Len()+len(text) > budget {
			fmt.Fprintf(&b, " and %d more", len(cycle)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
	return b.String()
}
