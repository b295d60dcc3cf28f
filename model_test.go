// The package against the reference model of order, merge and transactions, on
// random worlds.

package capability_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/model"
)

// The keys of the random worlds, one for each combination of rules. A value
// says who bound it, as "registry/provider#version", so that a wrong one is
// seen.
var (
	modelAuth   = capability.New[string]("auth", "decides who is calling")
	modelStore  = capability.New[string]("store", "keeps blobs", capability.Shadow())
	modelFilter = capability.New[string]("filter", "changes requests", capability.BroadFirst())
	modelCodec  = capability.New[string]("codec", "encodes bodies", capability.Shadow(), capability.BroadFirst())
)

var modelKeys = map[string]capability.Capability[string]{
	modelAuth.Name(): modelAuth, modelStore.Name(): modelStore, modelFilter.Name(): modelFilter, modelCodec.Name(): modelCodec,
}

var modelRules = map[string]model.Rules{
	modelAuth.Name():   {},
	modelStore.Name():  {Shadow: true},
	modelFilter.Name(): {BroadFirst: true},
	modelCodec.Name():  {Shadow: true, BroadFirst: true},
}

// faultOf maps codes to the words of the model.
var faultOf = map[capability.Code]model.Fault{
	capability.ErrInvalid:     model.Invalid,
	capability.ErrConflict:    model.Conflict,
	capability.ErrUnknown:     model.Unknown,
	capability.ErrNotProvided: model.NotProvided,
	capability.ErrAmbiguous:   model.Undecided,
	capability.ErrCycle:       model.Contradicts,
	capability.ErrInUse:       model.InUse,
	capability.ErrClosed:      model.Closed,
}

// faults returns what an error says, each thing once, sorted.
func faults(err error) []model.Fault {
	set := make(map[model.Fault]bool)
	var walk func(error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
			return
		}
		var e *capability.Error
		if !errors.As(err, &e) {
			set[model.Fault("not an *Error: "+err.Error())] = true
		} else if fault, ok := faultOf[e.Code]; ok {
			set[fault] = true
		} else {
			set[model.Fault("code "+e.Code)] = true
		}
	}
	if err != nil {
		walk(err)
	}
	return slices.Sorted(maps.Keys(set))
}

// A twin is the model and the real thing, changed together.
type twin struct {
	state      *model.State
	registries map[string]*capability.Registry
	scopes     map[int]*twinScope
	closed     []*twinScope
	lastScope  int
	version    int
}

type twinScope struct {
	*capability.Scope
	held []twinHandle
}

// A twinHandle is a handle of the real thing and the query it answers.
type twinHandle struct {
	query model.Query
	read  func() []model.Entry
	last  []model.Entry // what it showed when its scope was closed
}

func newTwin() *twin {
	return &twin{
		state:      model.NewState(modelRules),
		registries: make(map[string]*capability.Registry),
		scopes:     make(map[int]*twinScope),
	}
}

func (w *twin) add(name string, level capability.Level) {
	w.state.Add(name, int(level))
	w.registries[name] = capability.NewRegistry(level, name)
}

// names returns the names of the registries, sorted.
func (w *twin) names() []string { return slices.Sorted(maps.Keys(w.registries)) }

// ids returns the ids of the open scopes, sorted.
func (w *twin) ids() []int { return slices.Sorted(maps.Keys(w.scopes)) }

// change returns the real change for one of the model.
func change(c model.Change, byName bool) capability.Change {
	key, st := modelKeys[c.Capability], c.Statement
	refine := func(b capability.Binding) capability.Binding {
		if st.Priority != 0 {
			b = b.Priority(st.Priority)
		}
		if len(st.Before) > 0 {
			b = b.Before(st.Before...)
		}
		if len(st.After) > 0 {
			b = b.After(st.After...)
		}
		return b
	}
	switch c.Op {
	case model.Bind:
		return refine(key.Bind(st.Name, st.Value))
	case model.Rebind:
		return refine(key.Rebind(st.Name, st.Value))
	case model.Unbind:
		return key.Unbind(st.Name)
	case model.Mask:
		if byName {
			return capability.Mask(c.Capability, c.Names...)
		}
		return key.Mask(c.Names...)
	case model.Select:
		if byName {
			return capability.Select(c.Capability, c.Names...)
		}
		return key.Select(c.Names...)
	}
	panic(fmt.Sprintf("change of op %d", c.Op))
}

// commit makes the edits in both and compares the verdicts. By name says, for
// each change in turn, whether a list is given with the capability by name.
func (w *twin) commit(t *rapid.T, edits []model.Edit, byName []bool) {
	before := w.picture()
	var staged []capability.Edit
	n := 0
	for _, e := range edits {
		var changes capability.Changes
		for _, c := range e.Changes {
			changes = append(changes, change(c, byName[n] && len(c.Names) > 0))
			n++
		}
		staged = append(staged, w.registries[e.Registry].Stage(changes))
	}
	err := capability.Commit(staged...)
	want := w.state.Commit(edits...)
	if diff := difference(want, faults(err)); diff != "" {
		t.Fatalf("the verdict on %+v differs from the model (-want +got):\n%s\nthe error is: %v", edits, diff, err)
	}
	if err != nil {
		if diff := difference(before, w.picture()); diff != "" {
			t.Fatalf("a refused commit changed something (-before +after):\n%s", diff)
		}
	}
}

// picture returns all that can be seen: what the open scopes say of themselves
// and what all handles read.
func (w *twin) picture() map[string]any {
	all := make(map[string]any)
	for id, s := range w.scopes {
		all[fmt.Sprintf("snapshot of scope %d", id)] = s.Snapshot()
		for i, h := range s.held {
			all[fmt.Sprintf("handle %d of scope %d", i, id)] = h.read()
		}
	}
	return all
}

// compose opens a scope in both, over an open one if base is not 0, and
// compares the verdicts.
func (w *twin) compose(t *rapid.T, base int, names ...string) {
	var registries []*capability.Registry
	for _, name := range names {
		registries = append(registries, w.registries[name])
	}
	before := w.picture()
	var scope *capability.Scope
	var err error
	if base == 0 {
		scope, err = capability.Compose(registries...)
	} else {
		scope, err = w.scopes[base].With(registries...)
		names = slices.Concat(w.state.Registries(base), names)
	}
	w.lastScope++
	want := w.state.Compose(w.lastScope, names...)
	if diff := difference(want, faults(err)); diff != "" {
		t.Fatalf("the verdict on a scope of %q differs from the model (-want +got):\n%s\nthe error is: %v", names, diff, err)
	}
	if err == nil {
		w.scopes[w.lastScope] = &twinScope{Scope: scope}
	} else if diff := difference(before, w.picture()); diff != "" {
		t.Fatalf("a refused Compose changed something (-before +after):\n%s", diff)
	}
}

// resolve asks a scope in both and compares the verdicts.
func (w *twin) resolve(t *rapid.T, id int, queries ...model.Query) {
	scope := w.scopes[id]
	var needs []capability.Need
	var handles []twinHandle
	for _, q := range queries {
		key := modelKeys[q.Capability]
		if q.All {
			h := new(capability.ChainHandle[string])
			needs = append(needs, key.All().Into(h))
			handles = append(handles, twinHandle{query: q, read: func() []model.Entry { return entriesOf(h.Get()) }})
			continue
		}
		h := new(capability.Handle[string])
		needs = append(needs, key.Named(q.Name).Into(h))
		handles = append(handles, twinHandle{query: q, read: func() []model.Entry { return []model.Entry{{Value: h.Get()}} }})
	}
	checked := scope.Check(needs...)
	err := scope.Resolve(needs...)
	if diff := difference(faults(checked), faults(err)); diff != "" {
		t.Fatalf("Check and Resolve of %+v differ (-Check +Resolve):\n%s", queries, diff)
	}
	want := w.state.Resolve(id, queries...)
	if diff := difference(want, faults(err)); diff != "" {
		t.Fatalf("the verdict on %+v differs from the model (-want +got):\n%s\nthe error is: %v\nthe scope is: %v", queries, diff, err, scope.Snapshot())
	}
	if err == nil {
		scope.held = append(scope.held, handles...)
	}
}

// closeScope closes a scope in both. Its handles are kept.
func (w *twin) closeScope(t *rapid.T, id int) {
	s := w.scopes[id]
	for i := range s.held {
		s.held[i].last = s.held[i].read()
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close of scope %d: %v", id, err)
		}
	}
	delete(w.scopes, id)
	w.closed = append(w.closed, s)
	w.state.CloseScope(id)
}

// closeRegistry closes a registry in both and compares the verdicts.
func (w *twin) closeRegistry(t *rapid.T, name string) {
	err := w.registries[name].Close(t.Context())
	want := w.state.CloseRegistry(name)
	if diff := difference(want, faults(err)); diff != "" {
		t.Fatalf("the verdict on Close of registry %q differs from the model (-want +got):\n%s\nthe error is: %v", name, diff, err)
	}
}

// entriesOf returns what a chain says. Which layer answers is in the values.
func entriesOf(c capability.Chain[string]) []model.Entry {
	entries := []model.Entry{}
	for name, value := range c.All() {
		entries = append(entries, model.Entry{Name: name, Value: value})
	}
	return entries
}

// answer returns what the handle of a query should read.
func answer(w model.World, q model.Query) []model.Entry {
	if q.All {
		chain, _ := w.Chain()
		for i := range chain {
			chain[i].Layer = 0
		}
		return chain
	}
	var e model.Entry
	if q.Name != "" {
		e, _ = w.Find(q.Name)
	} else {
		e, _ = w.One()
	}
	return []model.Entry{{Value: e.Value}}
}

// difference is cmp.Diff, which is asked only about what is different: a model is compared
// some hundred times in each of many thousand cases.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// check compares every handle of every scope with the model, and the snapshots.
func (w *twin) check(t *rapid.T) {
	for _, id := range w.ids() {
		s := w.scopes[id]
		for _, h := range s.held {
			want := answer(w.state.World(id, h.query.Capability), h.query)
			if !h.query.All && want[0].Value == "" {
				t.Fatalf("scope %d over %q holds %+v, which has no provider any more", id, w.state.Registries(id), h.query)
			}
			if diff := difference(want, h.read()); diff != "" {
				t.Fatalf("scope %d over %q reads for %+v (-want +got):\n%s\n%v", id, w.state.Registries(id), h.query, diff, s.Snapshot())
			}
		}
		w.checkSnapshot(t, id)
	}
	for _, s := range w.closed {
		for _, h := range s.held {
			if diff := difference(h.last, h.read()); diff != "" {
				t.Fatalf("a handle changed after its scope was closed (-before +after):\n%s", diff)
			}
		}
	}
}

// checkSnapshot compares who is seen, in order, and from which registry, with
// the model, whether or not anybody resolved it.
func (w *twin) checkSnapshot(t *rapid.T, id int) {
	registries := w.state.Registries(id)
	for _, c := range w.scopes[id].Snapshot().Capabilities {
		var want, got []string
		chain, _ := w.state.World(id, c.Name).Chain()
		for _, e := range chain {
			want = append(want, e.Name+" of "+registries[e.Layer])
		}
		for _, p := range c.Providers {
			got = append(got, p.Name+" of "+p.Registry)
		}
		if diff := difference(want, got); diff != "" {
			t.Fatalf("the snapshot of scope %d over %q shows for %s (-want +got):\n%s", id, registries, c.Name, diff)
		}
	}
}

var providerNames = []string{"jwt", "cookie", "saml", "token", "mtls"}

// some draws distinct items, in any order.
func some[T comparable](t *rapid.T, label string, items []T, least, most int) []T {
	if len(items) == 0 {
		return nil
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(items), least, min(most, len(items)), rapid.ID[T]).Draw(t, label)
}

// chance draws true in about one of n cases. Small and extreme numbers are drawn
// more often than others, so it asks for one in the middle.
func chance(t *rapid.T, label string, n int) bool {
	return rapid.IntRange(1, n).Draw(t, label) == n/2+1
}

// draw draws a change for the registry, most often one that makes sense.
func (w *twin) draw(t *rapid.T, registry, capability string) model.Change {
	w.version++
	l := w.state.Layer(registry, capability)
	var said, unsaid []string
	for _, name := range providerNames {
		if slices.ContainsFunc(l.Statements, func(s model.Statement) bool { return s.Name == name }) {
			said = append(said, name)
		} else {
			unsaid = append(unsaid, name)
		}
	}
	pick := func(likely []string) string {
		if len(likely) == 0 || chance(t, "any name", 12) {
			likely = providerNames
		}
		return rapid.SampledFrom(likely).Draw(t, "provider")
	}
	c := model.Change{Capability: capability}
	c.Op = rapid.SampledFrom([]model.Op{
		model.Bind, model.Bind, model.Bind, model.Bind, model.Rebind, model.Rebind, model.Unbind, model.Unbind, model.Unbind, model.Mask, model.Select,
	}).Draw(t, "op")
	if c.Op == model.Bind && len(unsaid) == 0 {
		c.Op = model.Unbind
	} else if c.Op == model.Unbind && len(said) == 0 {
		c.Op = model.Bind
	}
	ordered := false
	switch c.Op {
	case model.Bind:
		c.Statement.Name = pick(unsaid)
		ordered = chance(t, "ordered", 2)
	case model.Rebind:
		c.Statement.Name = rapid.SampledFrom(providerNames).Draw(t, "provider")
		ordered = chance(t, "ordered", 25)
	case model.Unbind:
		c.Statement.Name = pick(said)
	case model.Mask:
		c.Names = some(t, "names", providerNames, 0, 2)
	case model.Select:
		c.Names = some(t, "names", providerNames, 0, 4)
	}
	if c.Op == model.Bind || c.Op == model.Rebind {
		c.Statement.Value = fmt.Sprintf("%s/%s#%d", registry, c.Statement.Name, w.version)
	}
	if ordered {
		peers := slices.DeleteFunc(slices.Clone(providerNames), func(name string) bool { return name == c.Statement.Name })
		if chance(t, "itself", 25) {
			peers = append(peers, c.Statement.Name)
		}
		c.Statement.Priority = rapid.IntRange(-1, 1).Draw(t, "priority")
		c.Statement.Before = some(t, "before", peers, 0, 2)
		c.Statement.After = some(t, "after", peers, 0, 2)
	}
	return c
}

// drawEdits draws a transaction over some of the registries.
func (w *twin) drawEdits(t *rapid.T, capabilities []string) ([]model.Edit, []bool) {
	var edits []model.Edit
	var byName []bool
	for range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "edits") {
		e := model.Edit{Registry: rapid.SampledFrom(w.names()).Draw(t, "registry")}
		for range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "changes") {
			e.Changes = append(e.Changes, w.draw(t, e.Registry, rapid.SampledFrom(capabilities).Draw(t, "capability")))
			byName = append(byName, chance(t, "by name", 4))
		}
		edits = append(edits, e)
	}
	return edits, byName
}

// drawQueries draws what to ask an open scope for, most often what it has.
func (w *twin) drawQueries(t *rapid.T, id int, capabilities []string) []model.Query {
	var queries []model.Query
	for range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "queries") {
		q := model.Query{Capability: rapid.SampledFrom(capabilities).Draw(t, "capability")}
		names := providerNames
		if seen := w.state.World(id, q.Capability).Visible(); len(seen) > 0 && !chance(t, "any name", 8) {
			names = nil
			for _, e := range seen {
				names = append(names, e.Name)
			}
		}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			q.All = true
		case 1:
			q.Name = rapid.SampledFrom(names).Draw(t, "provider")
		}
		queries = append(queries, q)
	}
	return queries
}

// begin makes the registry bind some providers of each capability.
func (w *twin) begin(t *rapid.T, registry string, capabilities []string) {
	e := model.Edit{Registry: registry}
	for _, capability := range capabilities {
		for i, name := range some(t, "to begin with", providerNames, 0, 4) {
			w.version++
			st := model.Statement{Name: name, Value: fmt.Sprintf("%s/%s#%d", registry, name, w.version), Priority: -i}
			e.Changes = append(e.Changes, model.Change{Op: model.Bind, Capability: capability, Statement: st})
		}
	}
	w.commit(t, []model.Edit{e}, make([]bool, len(e.Changes)))
}

// drawLayer draws what a registry says, so that it contradicts nothing by
// itself; targets may be missing.
func (w *twin) drawLayer(t *rapid.T, registry, capability string) []model.Change {
	var changes []model.Change
	var rebound []string
	for _, name := range some(t, "own", providerNames, 1, 5) {
		w.version++
		c := model.Change{Op: model.Bind, Capability: capability}
		c.Statement = model.Statement{Name: name, Value: fmt.Sprintf("%s/%s#%d", registry, name, w.version)}
		if chance(t, "rebind", 4) {
			c.Op = model.Rebind
			rebound = append(rebound, name)
		} else {
			peers := slices.DeleteFunc(slices.Clone(providerNames), func(peer string) bool { return peer == name })
			c.Statement.Priority = rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "priority")
			c.Statement.Before = some(t, "before", peers, 0, rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "befores"))
			c.Statement.After = some(t, "after", peers, 0, rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "afters"))
		}
		changes = append(changes, c)
	}
	if chance(t, "mask", 3) {
		masked := slices.DeleteFunc(slices.Clone(providerNames), func(name string) bool { return slices.Contains(rebound, name) })
		changes = append(changes, model.Change{Op: model.Mask, Capability: capability, Names: some(t, "mask", masked, 0, 2)})
	}
	if chance(t, "select", 4) {
		changes = append(changes, model.Change{Op: model.Select, Capability: capability, Names: some(t, "select", providerNames, 1, 5)})
	}
	return changes
}

var modelLevels = []capability.Level{capability.Engine, capability.Group, capability.Pipeline, capability.Node}

// TestPromise7OrderAndMergeEqualTheModel asks scopes of one to four registries for
// everything that can be asked. To begin with, the broadest registry binds every
// name and its bindings are withdrawn again once the lists were accepted, so
// that worlds with unmatched names come up, too.
func TestPromise7OrderAndMergeEqualTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		capability := rapid.SampledFrom(slices.Sorted(maps.Keys(modelRules))).Draw(t, "capability")
		w := newTwin()
		w.add("defaults", 1)
		names := []string{"defaults"}
		var all, none, edits []model.Edit
		for _, name := range providerNames {
			st := model.Statement{Name: name, Value: "defaults/" + name}
			all = append(all, model.Edit{Registry: "defaults", Changes: []model.Change{{Op: model.Bind, Capability: capability, Statement: st}}})
			none = append(none, model.Edit{Registry: "defaults", Changes: []model.Change{{Op: model.Unbind, Capability: capability, Statement: st}}})
		}
		byName := make([]bool, 100)
		w.commit(t, all, byName)
		for _, level := range modelLevels[:rapid.IntRange(1, len(modelLevels)).Draw(t, "registries")] {
			w.add(level.String(), level)
			names = append(names, level.String())
			edits = append(edits, model.Edit{Registry: level.String(), Changes: w.drawLayer(t, level.String(), capability)})
		}
		w.commit(t, edits, byName)
		w.compose(t, 0, rapid.Permutation(names).Draw(t, "order")...)
		if len(w.scopes) == 0 {
			return
		}
		ask := func() {
			w.resolve(t, 1, model.Query{Capability: capability, All: true})
			for _, name := range append([]string{""}, providerNames...) {
				w.compose(t, 1)
				w.resolve(t, w.lastScope, model.Query{Capability: capability, Name: name})
				w.check(t)
				w.closeScope(t, w.lastScope)
			}
		}
		ask()
		w.commit(t, none, byName)
		ask()
	})
}

// TestTransactionsEqualTheModel commits to registries, some of which are in an
// open scope, and compares verdicts and what can be seen.
func TestTransactionsEqualTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		capabilities := []string{rapid.SampledFrom(slices.Sorted(maps.Keys(modelRules))).Draw(t, "capability")}
		w := newTwin()
		for _, level := range modelLevels {
			w.add(level.String(), level)
		}
		w.begin(t, "engine", capabilities)
		composed := some(t, "composed", w.names(), 1, 4)
		w.compose(t, 0, composed...)
		for range rapid.IntRange(1, 20).Draw(t, "transactions") {
			edits, byName := w.drawEdits(t, capabilities)
			w.commit(t, edits, byName)
			w.check(t)
			if chance(t, "resolve", 2) {
				w.resolve(t, 1, w.drawQueries(t, 1, capabilities)...)
			}
		}
		w.compose(t, 0, w.names()...)
		w.check(t)
	})
}

// TestEveryHandleAlwaysHasItsProvider commits, composes, resolves and closes in
// any order, and reads every handle after each step.
func TestEveryHandleAlwaysHasItsProvider(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		capabilities := some(t, "capabilities", slices.Sorted(maps.Keys(modelRules)), 1, 2)
		w := newTwin()
		w.add("engine", capability.Engine)
		for _, name := range []string{"eu", "us"} {
			w.add(name, capability.Group)
		}
		for _, name := range []string{"orders", "returns"} {
			w.add(name, capability.Pipeline)
		}
		w.add("canary", capability.Pipeline+1)
		w.begin(t, "engine", capabilities)
		commit := func(t *rapid.T) {
			edits, byName := w.drawEdits(t, capabilities)
			w.commit(t, edits, byName)
		}
		inScope := func(do func(*rapid.T, int)) func(*rapid.T) {
			return func(t *rapid.T) {
				if len(w.scopes) > 0 {
					do(t, rapid.SampledFrom(w.ids()).Draw(t, "scope"))
				}
			}
		}
		resolve := inScope(func(t *rapid.T, id int) { w.resolve(t, id, w.drawQueries(t, id, capabilities)...) })
		t.Repeat(map[string]func(*rapid.T){
			"commit":       commit,
			"commit again": commit,
			"commit more":  commit,
			"resolve":      resolve,
			"resolve more": resolve,
			"compose": func(t *rapid.T) {
				if len(w.scopes) > 6 {
					return
				}
				if chance(t, "any", 6) {
					w.compose(t, 0, some(t, "registries", w.names(), 0, 4)...)
					return
				}
				names := []string{"engine"}
				for _, level := range [][]string{{"eu", "us"}, {"orders", "returns"}, {"canary"}} {
					if chance(t, "at this level", 2) {
						names = append(names, rapid.SampledFrom(level).Draw(t, "registry"))
					}
				}
				w.compose(t, 0, rapid.Permutation(names).Draw(t, "order")...)
			},
			"with": inScope(func(t *rapid.T, id int) {
				if len(w.scopes) <= 6 {
					w.compose(t, id, some(t, "registries", w.names(), 0, 2)...)
				}
			}),
			"close scope": inScope(w.closeScope),
			"close registry": func(t *rapid.T) {
				if chance(t, "really", 8) {
					w.closeRegistry(t, rapid.SampledFrom(w.names()).Draw(t, "registry"))
				}
			},
			"": w.check,
		})
	})
}

// TestVerdictDoesNotDependOnTheOrderOfEdits commits to two registries at once
// what would break a scope if the broader of them were changed alone.
func TestVerdictDoesNotDependOnTheOrderOfEdits(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes []capability.Change // to the broader registry, which binds cookie
	}{
		{"provider gone", []capability.Change{modelAuth.Unbind("cookie")}},
		{"ambiguous", []capability.Change{modelAuth.Bind("saml", "group/saml")}},
		{"cycle", []capability.Change{
			modelAuth.Bind("saml", "group/saml").After("jwt"),
			modelAuth.Bind("jwt", "group/jwt").After("saml"),
		}},
	} {
		for _, first := range []string{"broader", "narrower"} {
			t.Run(test.name+"/"+first+" first", func(t *testing.T) {
				group := capability.NewRegistry(capability.Group, "group")
				node := capability.NewRegistry(capability.Node, "node")
				if err := group.Apply(modelAuth.Bind("cookie", "group/cookie")); err != nil {
					t.Fatalf("Apply: %v", err)
				}
				scope, err := capability.Compose(group, node)
				if err != nil {
					t.Fatalf("Compose: %v", err)
				}
				one, err := modelAuth.Handle(scope)
				if err != nil {
					t.Fatalf("Handle: %v", err)
				}
				edits := []capability.Edit{group.Stage(test.changes...), node.Stage(modelAuth.Bind("jwt", "node/jwt"))}
				if first == "narrower" {
					slices.Reverse(edits)
				}
				if err := capability.Commit(edits...); err != nil {
					t.Errorf("Commit: %v", err)
				}
				if diff := cmp.Diff("node/jwt", one.Get()); diff != "" {
					t.Errorf("the one (-want +got):\n%s", diff)
				}
			})
		}
	}
}
