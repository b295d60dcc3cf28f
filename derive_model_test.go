// Derived values against an interpreter of their builds, on random worlds: what
// they are, when they are built and what a refused commit leaves behind.

package capability_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/model"
)

// brewSite is bound in every registry under one name, so that a build can tell
// for which scope it runs. It never changes.
var brewSite = capability.New[string]("brew-site", "says which registry is the narrowest")

// A recipe is the program of a build, as data: the build runs it with what it
// reads through its Resolver, the oracle with what the reference model says.
type recipe struct {
	id    int
	steps []recipeStep
	exits bool // it, or a recipe that it reads, may end its goroutine
	query capability.Query[string]
}

// A recipeStep reads one thing.
type recipeStep struct {
	keyed    model.Query
	recipe   *recipe // instead of keyed
	tolerant bool    // do without what is not there
	guard    uint32  // skip the step if the text so far is divisible by it
	spoil    spoiling
	at       uint32 // spoil if the text so far is at modulo spoilOdds
}

type spoiling int

const (
	spoilNot spoiling = iota
	spoilError
	spoilPanic
	spoilExit
)

const spoilOdds = 9

var (
	errSour   = errors.New("the brew is sour")
	errBoil   = errors.New("the brew boils over")
	errPoured = errors.New("the brew is poured away")
)

var spoilErrors = map[spoiling]error{spoilError: errSour, spoilPanic: errBoil, spoilExit: errPoured}

func (r *recipe) String() string { return fmt.Sprintf("recipe %d %+v", r.id, r.steps) }

// cook runs the recipe.
func (r *recipe) cook(keyed func(model.Query) (string, error), derived func(*recipe) (string, error), spoil func(spoiling) error) (string, error) {
	text := fmt.Sprint("r", r.id)
	for _, st := range r.steps {
		mark := crc32.ChecksumIEEE([]byte(text))
		if st.guard != 0 && mark%st.guard == 0 {
			continue
		}
		var got string
		var err error
		if st.recipe != nil {
			got, err = derived(st.recipe)
		} else {
			got, err = keyed(st.keyed)
		}
		if err != nil {
			if !st.tolerant {
				return "", err
			}
			got = "nothing"
		}
		text += "|" + got
		if st.spoil != spoilNot && crc32.ChecksumIEEE([]byte(text))%spoilOdds == st.at {
			return "", spoil(st.spoil)
		}
		if len(text) > 100 {
			text = fmt.Sprintf("%s…%x", text[:20], crc32.ChecksumIEEE([]byte(text)))
		}
	}
	return text, nil
}

// A batch is what came of cooking a recipe for a scope, and what was read for it.
type batch struct {
	text  string
	err   error
	reads []batchRead
}

type batchRead struct {
	keyed  model.Query
	recipe *recipe
	got    string // of keyed
}

// said returns what a scope of the model answers to a query.
func said(w model.World, q model.Query) (string, error) {
	missing := func(code capability.Code) (string, error) { return "", code }
	switch {
	case q.All:
		chain, _ := w.Chain()
		var parts []string
		for _, e := range chain {
			parts = append(parts, e.Value)
		}
		return strings.Join(parts, "+"), nil
	case q.Name != "":
		e, ok := w.Find(q.Name)
		if !ok {
			return missing(capability.ErrNotProvided)
		}
		return e.Value, nil
	}
	switch e, verdict := w.One(); verdict {
	case model.Clear:
		return e.Value, nil
	case model.None:
		return missing(capability.ErrNotProvided)
	default:
		return missing(capability.ErrAmbiguous)
	}
}

// A brewery is a twin whose scopes resolve derived queries, too.
type brewery struct {
	*twin
	log     []func(*model.State) // what the model accepted
	recipes []*recipe
	live    map[int]map[*recipe]batch // what each scope has, by id
	held    map[int]map[*recipe][]func() string

	mu     sync.Mutex
	builds map[string]int // by scope and recipe, since the last step
	kegs   []*keg         // what the builds made
}

// A keg is what one build made.
type keg struct {
	is       string
	emptied  atomic.Int32 // how often it was retired
	returned string       // what the build returned with it, "" if it failed
}

var brewLevels = []struct {
	name  string
	level capability.Level
}{
	{"engine", capability.Engine}, {"eu", capability.Group}, {"us", capability.Group},
	{"orders", capability.Pipeline}, {"returns", capability.Pipeline}, {"audit", capability.Pipeline},
}

var brewScopes = [][]string{
	{"engine"}, {"eu", "engine"}, {"orders", "eu", "engine"}, {"returns", "eu", "engine"}, {"audit", "us", "engine"},
}

func newBrewery(t *rapid.T, capabilities []string) *brewery {
	w := &brewery{
		twin: newTwin(), live: make(map[int]map[*recipe]batch), held: make(map[int]map[*recipe][]func() string),
		builds: make(map[string]int),
	}
	for _, l := range brewLevels {
		w.add(l.name, l.level)
		w.log = append(w.log, func(s *model.State) { s.Add(l.name, int(l.level)) })
		must(w.registries[l.name].Apply(brewSite.Bind("here", l.name)))
	}
	for i := range rapid.IntRange(2, 6).Draw(t, "recipes") {
		w.recipes = append(w.recipes, w.drawRecipe(t, i, capabilities))
	}
	return w
}

func (w *brewery) drawRecipe(t *rapid.T, id int, capabilities []string) *recipe {
	r := &recipe{id: id}
	for range rapid.IntRange(1, 4).Draw(t, "steps") {
		st := recipeStep{tolerant: rapid.Bool().Draw(t, "tolerant")}
		if chance(t, "conditional", 2) {
			st.guard = 2
		}
		switch kind := rapid.IntRange(0, 4).Draw(t, "reads"); {
		case kind < 2 && id > 0:
			st.recipe = w.recipes[rapid.IntRange(0, id-1).Draw(t, "recipe")]
			if st.recipe.exits {
				// Whether it can be done without depends on who asks first.
				st.tolerant, r.exits = false, true
			}
		default:
			st.keyed = model.Query{Capability: rapid.SampledFrom(capabilities).Draw(t, "capability")}
			switch {
			case kind == 2:
				st.keyed.All = true
			case kind == 3:
				st.keyed.Name = rapid.SampledFrom(providerNames).Draw(t, "provider")
			}
		}
		if chance(t, "spoils", 5) {
			st.spoil = rapid.SampledFrom([]spoiling{spoilError, spoilError, spoilPanic, spoilExit}).Draw(t, "how")
			st.at = rapid.Uint32Range(0, spoilOdds-1).Draw(t, "at")
			r.exits = r.exits || st.spoil == spoilExit
		}
		r.steps = append(r.steps, st)
	}
	r.query = capability.Derive(w.build(r, func(r *recipe) capability.Query[string] { return r.query }, true))
	return r
}

// build returns the build of a recipe. queryOf says how it asks for others.
func (w *brewery) build(r *recipe, queryOf func(*recipe) capability.Query[string], counted bool) func(*capability.Resolver) (string, error) {
	return func(in *capability.Resolver) (text string, err error) {
		if counted {
			here, err := brewSite.Named("here").In(in)
			if err != nil {
				return "", err
			}
			k := &keg{is: fmt.Sprintf("%s for %s", r, here)}
			w.mu.Lock()
			w.builds[fmt.Sprint(here, " ", r.id)]++
			w.kegs = append(w.kegs, k)
			w.mu.Unlock()
			in.OnRetire(func() error { k.emptied.Add(1); return nil })
			defer func() { k.returned = text }()
		}
		return r.cook(
			func(q model.Query) (string, error) {
				key := modelKeys[q.Capability]
				if q.All {
					c, err := key.All().In(in)
					return strings.Join(c.Values(), "+"), err
				}
				return key.Named(q.Name).In(in)
			},
			func(r *recipe) (string, error) { return queryOf(r).In(in) },
			func(s spoiling) error {
				switch s {
				case spoilPanic:
					panic(errBoil)
				case spoilExit:
					runtime.Goexit()
				}
				return errSour
			})
	}
}

// scratch returns what a scope of the same registries derives of a recipe when
// nothing was derived there before.
func (w *brewery) scratch(t *rapid.T, id int, r *recipe) (string, error) {
	queries := make(map[*recipe]capability.Query[string])
	var queryOf func(*recipe) capability.Query[string]
	queryOf = func(r *recipe) capability.Query[string] {
		q, ok := queries[r]
		if !ok {
			q = capability.Derive(w.build(r, queryOf, false))
			queries[r] = q
		}
		return q
	}
	for _, r := range w.recipes {
		queryOf(r)
	}
	var registries []*capability.Registry
	for _, name := range w.state.Registries(id) {
		registries = append(registries, w.registries[name])
	}
	s, err := capability.Compose(registries...)
	if err != nil {
		t.Fatalf("a second scope of the registries of scope %d: %v", id, err)
	}
	defer s.Close()
	h, err := queryOf(r).Handle(s)
	if err != nil {
		return "", err
	}
	return h.Get(), nil
}

// oracle returns what a recipe comes to in a scope of the state.
func oracle(s *model.State, id int, r *recipe, done map[*recipe]batch) batch {
	if b, ok := done[r]; ok {
		return b
	}
	var b batch
	b.text, b.err = r.cook(
		func(q model.Query) (string, error) {
			got, err := said(s.World(id, q.Capability), q)
			note := got
			if err != nil {
				note = "error " + err.Error()
			}
			b.reads = append(b.reads, batchRead{keyed: q, got: note})
			return got, err
		},
		func(r *recipe) (string, error) {
			b.reads = append(b.reads, batchRead{recipe: r})
			inner := oracle(s, id, r, done)
			return inner.text, inner.err
		},
		func(s spoiling) error { return spoilErrors[s] })
	done[r] = b
	return b
}

// site returns what brewSite says in a scope.
func (w *brewery) site(id int) string { return w.state.Registries(id)[0] }

// expected works out one step of the world: in each scope, what has to be built
// because something that it read is another now, or because it is wanted for the
// first time; and what the scope has afterwards.
func (w *brewery) expected(next *model.State, wanted map[int][]*recipe) (builds map[string]int, live map[int]map[*recipe]batch) {
	builds, live = make(map[string]int), make(map[int]map[*recipe]batch)
	for _, id := range w.ids() {
		now := make(map[*recipe]batch) // in the next state
		had := w.live[id]
		stale := make(map[*recipe]bool)
		for _, r := range w.recipes {
			b, ok := had[r]
			if !ok {
				continue
			}
			stale[r] = slices.ContainsFunc(b.reads, func(read batchRead) bool {
				if read.recipe != nil {
					return stale[read.recipe]
				}
				got, err := said(next.World(id, read.keyed.Capability), read.keyed)
				if err != nil {
					got = "error " + err.Error()
				}
				return got != read.got
			})
		}
		// What failed where others do without it is built again for who wants it,
		// and so is what reads it.
		for _, r := range wanted[id] {
			if b, ok := had[r]; ok && b.err != nil {
				stale[r] = true
			}
		}
		for again := true; again; {
			again = false
			for r, b := range had {
				if !stale[r] && slices.ContainsFunc(b.reads, func(read batchRead) bool { return read.recipe != nil && stale[read.recipe] }) {
					stale[r], again = true, true
				}
			}
		}
		// What failed is built again for who reads it, unless something stays that was
		// made without it.
		missed := func(r *recipe) bool {
			for by, b := range had {
				if b.err == nil && !stale[by] && slices.ContainsFunc(b.reads, func(read batchRead) bool { return read.recipe == r }) {
					return true
				}
			}
			return false
		}
		seen := make(map[*recipe]bool)
		var build func(r *recipe)
		build = func(r *recipe) {
			if b, ok := had[r]; seen[r] || ok && !stale[r] && (b.err == nil || missed(r)) {
				return
			}
			seen[r] = true
			builds[fmt.Sprint(w.site(id), " ", r.id)] = 1
			for _, read := range oracle(next, id, r, now).reads {
				if read.recipe != nil {
					build(read.recipe)
				}
			}
		}
		for r, is := range stale {
			if is {
				build(r)
			}
		}
		live[id] = make(map[*recipe]batch)
		var keep func(r *recipe)
		keep = func(r *recipe) {
			if _, ok := live[id][r]; ok {
				return
			}
			b := oracle(next, id, r, now)
			live[id][r] = b
			for _, read := range b.reads {
				if read.recipe != nil {
					keep(read.recipe)
				}
			}
		}
		for _, r := range wanted[id] {
			build(r)
			keep(r)
		}
		for r := range w.held[id] {
			keep(r)
		}
	}
	return builds, live
}

// flaws returns why the world that is live would be refused: for each resolved
// recipe that comes to nothing, the causes in all scopes.
func (w *brewery) flaws(live map[int]map[*recipe]batch, wanted map[int][]*recipe) map[*recipe][]error {
	flaws := make(map[*recipe][]error)
	for _, id := range w.ids() {
		for r, b := range live[id] {
			_, held := w.held[id][r]
			if b.err != nil && (held || slices.Contains(wanted[id], r)) {
				flaws[r] = append(flaws[r], b.err)
			}
		}
	}
	return flaws
}

// compareBuilds compares how often builds ran in a step.
func (w *brewery) compareBuilds(t *rapid.T, what string, want map[string]int) {
	w.mu.Lock()
	got := w.builds
	w.builds = make(map[string]int)
	w.mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the builds of %s, by scope and recipe (-want +got):\n%s\n%v", what, diff, w.recipes)
	}
}

// compareFlaws compares an error with the causes, of which it should have one for
// each recipe: it says of scopes that suffer the same only how many they are.
func compareFlaws(t *rapid.T, what string, err error, flaws map[*recipe][]error) {
	if len(flaws) == 0 {
		if err != nil {
			t.Fatalf("%s is refused: %v", what, err)
		}
		return
	}
	if err == nil {
		t.Fatalf("%s is accepted although builds fail with %q", what, flaws)
	}
	for r, causes := range flaws {
		if !slices.ContainsFunc(causes, func(cause error) bool {
			switch cause {
			case errSour, errBoil:
				return errors.Is(err, cause)
			case errPoured:
				return errors.Is(err, capability.ErrPanic)
			}
			return errors.Is(err, capability.ErrInUse) || errors.Is(err, cause) // a provider is missing
		}) {
			t.Fatalf("%s is refused without a word of %q from %v: %v", what, causes, r, err)
		}
	}
}

// leaseOver is what a leased handle of a closed scope reads.
const leaseOver = "the scope is closed"

// shown returns what all derived handles read.
func (w *brewery) shown() map[string][]string {
	all := make(map[string][]string)
	for id, held := range w.held {
		for r, reads := range held {
			for _, read := range reads {
				at := fmt.Sprint("scope ", id, " recipe ", r.id)
				all[at] = append(all[at], read())
			}
		}
	}
	return all
}

// lasting is the picture without what is to be retired, which ends by itself.
func (w *brewery) lasting() map[string]any {
	all := w.picture()
	for _, seen := range all {
		if snap, ok := seen.(*capability.Snapshot); ok {
			snap.Pending = nil
		}
	}
	return all
}

// replay returns the model without what was not accepted.
func (w *brewery) replay() *model.State {
	s := model.NewState(modelRules)
	for _, step := range w.log {
		step(s)
	}
	return s
}

// change makes a transaction in both, compares the verdicts and what was built,
// and reports whether builds refused it.
func (w *brewery) change(t *rapid.T, edits []model.Edit, byName []bool) bool {
	before, picture := w.shown(), w.lasting()
	next := w.replay()
	faulty := next.Commit(edits...)
	wantBuilds, live := map[string]int{}, w.live
	var flaws map[*recipe][]error
	if len(faulty) == 0 {
		wantBuilds, live = w.expected(next, nil)
		flaws = w.flaws(live, nil)
	}
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
	what := fmt.Sprintf("the commit %+v", edits)
	w.compareBuilds(t, what, wantBuilds)
	if len(faulty) > 0 {
		if diff := cmp.Diff(faulty, faults(err)); diff != "" {
			t.Fatalf("the verdict on %s differs from the model (-want +got):\n%s\nthe error is: %v", what, diff, err)
		}
	} else {
		compareFlaws(t, what, err, flaws)
	}
	if err != nil {
		if diff := cmp.Diff(before, w.shown()); diff != "" {
			t.Fatalf("%s was refused and changed derived values (-before +after):\n%s", what, diff)
		}
		if diff := cmp.Diff(picture, w.lasting()); diff != "" {
			t.Fatalf("%s was refused and changed something (-before +after):\n%s", what, diff)
		}
		return len(flaws) > 0
	}
	w.log = append(w.log, func(s *model.State) { s.Commit(edits...) })
	w.state.Commit(edits...)
	w.live = live
	return false
}

// without returns the edits without the change of that number, and false if
// there is none.
func withoutChange(edits []model.Edit, byName []bool, drop int) ([]model.Edit, []bool, bool) {
	if drop >= len(byName) || len(byName) == 1 {
		return nil, nil, false
	}
	var less []model.Edit
	n := 0
	for _, e := range edits {
		kept := model.Edit{Registry: e.Registry}
		for _, c := range e.Changes {
			if n != drop {
				kept.Changes = append(kept.Changes, c)
			}
			n++
		}
		less = append(less, kept)
	}
	return less, slices.Delete(slices.Clone(byName), drop, drop+1), true
}

// derive resolves recipes in a scope, plain or leased, and compares verdict,
// values and builds.
func (w *brewery) derive(t *rapid.T, id int, recipes []*recipe, leased []bool) {
	wanted := map[int][]*recipe{id: recipes}
	builds, live := w.expected(w.state, wanted)
	flaws := w.flaws(live, wanted)
	var needs []capability.Need
	var reads []func() string
	for i, r := range recipes {
		if leased[i] {
			l := new(capability.Leased[string])
			needs = append(needs, r.query.IntoLeased(l))
			reads = append(reads, func() (got string) {
				err := l.Use(func(v string) error { got = v; return nil })
				if errors.Is(err, capability.ErrClosed) {
					return leaseOver
				}
				must(err)
				return got
			})
			continue
		}
		h := new(capability.Handle[string])
		needs = append(needs, r.query.Into(h))
		reads = append(reads, func() string { return h.Get() })
	}
	what := fmt.Sprintf("resolving %v in scope %d", recipes, id)
	if err := w.scopes[id].Check(needs...); err != nil {
		t.Fatalf("Check before %s: %v", what, err)
	}
	w.compareBuilds(t, "Check", map[string]int{})
	err := w.scopes[id].Resolve(needs...)
	w.compareBuilds(t, what, builds)
	compareFlaws(t, what, err, flaws)
	if err != nil {
		return
	}
	w.live = live
	if w.held[id] == nil {
		w.held[id] = make(map[*recipe][]func() string)
	}
	for i, r := range recipes {
		w.held[id][r] = append(w.held[id][r], reads[i])
	}
}

// verify compares all derived handles with the oracle, and one of them with what
// a fresh scope derives.
func (w *brewery) verify(t *rapid.T) {
	for _, id := range w.ids() {
		for _, h := range w.scopes[id].held {
			want := answer(w.state.World(id, h.query.Capability), h.query)
			if diff := cmp.Diff(want, h.read()); diff != "" {
				t.Fatalf("scope %d reads for %+v (-want +got):\n%s", id, h.query, diff)
			}
		}
		for r, reads := range w.held[id] {
			want := oracle(w.state, id, r, make(map[*recipe]batch))
			for _, read := range reads {
				if got := read(); got != want.text || want.err != nil {
					t.Fatalf("scope %d derives %q, want %q, %v\n%v", id, got, want.text, want.err, r)
				}
			}
		}
	}
	for _, k := range w.kegs {
		if n := k.emptied.Load(); n > 1 {
			t.Fatalf("what was made of %s was retired %d times", k.is, n)
		}
	}
	id := rapid.SampledFrom(w.ids()).Draw(t, "scope again")
	r := rapid.SampledFrom(w.recipes).Draw(t, "recipe again")
	want := oracle(w.state, id, r, make(map[*recipe]batch))
	got, err := w.scratch(t, id, r)
	if got != want.text || (err == nil) != (want.err == nil) {
		t.Fatalf("a fresh scope like scope %d derives %q, %v, want %q, %v\n%v", id, got, err, want.text, want.err, r)
	}
	w.compareBuilds(t, "a fresh scope", map[string]int{})
}

// checkKegs reports what is in use and was retired: what the build made whose
// value a scope shows.
func (w *brewery) checkKegs(t *rapid.T) {
	latest := make(map[string]*keg)
	for _, k := range w.kegs {
		if k.returned != "" {
			latest[k.is+k.returned] = k
		}
	}
	for _, id := range w.ids() {
		for r := range w.held[id] {
			k := latest[fmt.Sprintf("%s for %s", r, w.site(id))+w.live[id][r].text]
			if k == nil {
				t.Fatalf("nobody built what scope %d shows of %s", id, r)
			}
			if k.emptied.Load() != 0 && w.unique(k) {
				t.Fatalf("what was made of %s was retired while scope %d shows it", k.is, id)
			}
		}
	}
}

// unique reports whether only one build returned what came with k.
func (w *brewery) unique(k *keg) bool {
	n := 0
	for _, other := range w.kegs {
		if other.is == k.is && other.returned == k.returned {
			n++
		}
	}
	return n == 1
}

// end closes everything and looks whether all that builds made was retired, once.
func (w *brewery) end(t *rapid.T) {
	for _, id := range w.ids() {
		w.closeScope(t, id)
		delete(w.held, id)
	}
	for _, name := range w.names() {
		if err := w.registries[name].Close(t.Context()); err != nil {
			t.Fatalf("Close of %s: %v", name, err)
		}
	}
	for _, k := range w.kegs {
		if n := k.emptied.Load(); n != 1 {
			t.Fatalf("what was made of %s was retired %d times in the end", k.is, n)
		}
	}
}

// TestDerivedValuesEqualTheOracle runs random transactions over random graphs of
// derived queries. After each step every derived handle shows what the builds
// make of one generation, as promise 3 has it; a refused commit changed nothing,
// as promise 4 has it, and goes through without the change that spoiled it; and
// each build ran exactly once in each scope in which something that it had read
// changed, and nowhere else.
func TestDerivedValuesEqualTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capabilities := some(t, "capabilities", slices.Sorted(maps.Keys(modelRules)), 1, 3)
		w := newBrewery(t, capabilities)
		for _, names := range brewScopes {
			w.compose(t, 0, names...)
			id := w.lastScope
			w.log = append(w.log, func(s *model.State) { s.Compose(id, names...) })
		}
		for _, l := range brewLevels[:3] {
			var e model.Edit
			e.Registry = l.name
			for _, c := range capabilities {
				for i, name := range some(t, "to begin with", providerNames, 0, 4) {
					w.version++
					e.Changes = append(e.Changes, model.Change{Op: model.Bind, Capability: c, Statement: model.Statement{
						Name: name, Value: fmt.Sprintf("%s/%s#%d", l.name, name, w.version), Priority: -i}})
				}
			}
			w.change(t, []model.Edit{e}, make([]bool, len(e.Changes)))
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { w.verify(t); w.checkKegs(t) },
			"commit": func(t *rapid.T) {
				edits, byName := w.drawEdits(t, capabilities)
				refused := w.change(t, edits, byName)
				for drop := 0; refused; drop++ {
					less, names, ok := withoutChange(edits, byName, drop)
					if !ok {
						break
					}
					refused = w.change(t, less, names)
				}
			},
			"derive": func(t *rapid.T) {
				recipes := some(t, "recipes", w.recipes, 1, 2)
				leased := rapid.SliceOfN(rapid.Bool(), len(recipes), len(recipes)).Draw(t, "leased")
				w.derive(t, rapid.SampledFrom(w.ids()).Draw(t, "scope"), recipes, leased)
			},
			"resolve": func(t *rapid.T) {
				id := rapid.SampledFrom(w.ids()).Draw(t, "scope")
				queries := w.drawQueries(t, id, capabilities)
				held := len(w.scopes[id].held)
				w.resolve(t, id, queries...)
				if len(w.scopes[id].held) > held {
					w.log = append(w.log, func(s *model.State) { s.Resolve(id, queries...) })
				}
				w.compareBuilds(t, "resolving what is not derived", map[string]int{})
			},
			"close": func(t *rapid.T) {
				if len(w.ids()) < 3 || !chance(t, "really", 4) {
					t.Skip("scopes are needed")
				}
				id := rapid.SampledFrom(w.ids()).Draw(t, "scope")
				last := w.shown()
				w.closeScope(t, id)
				w.log = append(w.log, func(s *model.State) { s.CloseScope(id) })
				closed := w.shown()
				for r := range w.held[id] {
					at := fmt.Sprint("scope ", id, " recipe ", r.id)
					for i, got := range closed[at] {
						if got != last[at][i] && got != leaseOver {
							t.Fatalf("scope %d showed %q and shows, closed, %q", id, last[at][i], got)
						}
					}
				}
				delete(w.held, id)
				delete(w.live, id)
			},
		})
		w.end(t)
	})
}
