// The feed and its tables against a naive model of maps and sorted slices, for any
// sequence of what operators and sources do.

package data_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/internal/model"
)

// An act is what a vendor does.
type act int

const (
	actPublish act = iota // and go on
	actWait               // for what the test tells it
	actReturn
	actFail
	actPanic
	actExit // its goroutine
)

// failed reports whether the act is a failure, and its text.
func (a act) failed() (text string, ok bool) {
	switch a {
	case actFail:
		return "the stall is closed", true
	case actPanic:
		return "it panicked: no change", true
	case actExit:
		return "it ended its goroutine with runtime.Goexit: return an error instead", true
	}
	return "", false
}

// A vendor is a source that does what the test says.
type vendor[K cmp.Ordered, V any] struct {
	id     string
	source data.Source[K, V] // itself, but for some
	fixed  bool              // it is a Static
	loose  bool              // its type cannot be compared
	told   chan order[K, V]  // what it does next while it runs

	mu      sync.Mutex
	first   order[K, V]     // what it does when it is run
	publish []func(map[K]V) // of each Run there was
	active  int             // how many there are
}

type order[K cmp.Ordered, V any] struct {
	do    act
	goods map[K]V
}

// A loose is a vendor whose type cannot be compared.
type loose[K cmp.Ordered, V any] struct {
	*vendor[K, V]
	_ []byte
}

func (v *vendor[K, V]) Run(ctx context.Context, publish func(map[K]V)) error {
	v.mu.Lock()
	next := v.first
	v.publish = append(v.publish, publish)
	v.active++
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.active--
	}()
	for {
		switch next.do {
		case actPublish:
			scratch := maps.Clone(next.goods)
			publish(scratch)
			clear(scratch) // whoever kept it has nothing
		case actReturn:
			return nil
		case actFail:
			return errors.New("the stall is closed")
		case actPanic:
			panic("no change")
		case actExit:
			runtime.Goexit()
		}
		select {
		case next = <-v.told:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// script says what the vendor does from the next Run on.
func (v *vendor[K, V]) script(o order[K, V]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.fixed {
		v.first = o
	}
}

// runs returns how many Runs there were, and how many there are.
func (v *vendor[K, V]) runs() (all, active int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.publish), v.active
}

// A wares is what the model knows of what one source published. Its address says
// whether it was published anew.
type wares[K cmp.Ordered, V any] struct{ of map[K]V }

// A stand is what the model knows of a source that runs.
type stand[K cmp.Ordered, V any] struct {
	name        string
	vendor      *vendor[K, V]
	wares       *wares[K, V] // nil if there are none
	good, tried time.Time
	err         act // actPublish if there is none
	live        bool
	begun, next time.Time // of the Run that is, or will be
	pause       time.Duration
	returns     int
	runs        int // of the vendor when the stand was last looked at
}

// start runs the vendor, with what that brings at once.
func (s *stand[K, V]) start(at time.Time) {
	s.live, s.begun = true, at
	s.does(s.vendor.first, at)
}

// does is what the vendor does while it runs.
func (s *stand[K, V]) does(o order[K, V], at time.Time) {
	switch o.do {
	case actWait:
	case actPublish:
		s.err, s.good, s.tried = actPublish, at, at
		if s.wares == nil || !sameGoods(s.wares.of, o.goods) {
			s.wares = &wares[K, V]{maps.Clone(o.goods)}
		}
	default:
		if _, failed := o.do.failed(); failed {
			s.err, s.tried = o.do, at
		}
		s.live = false
		s.returns++
		if at.Sub(s.begun) > s.pause {
			s.returns = 1
		}
		s.pause = 10 * time.Second
		if s.returns < 8 {
			s.pause = 100 * time.Millisecond << (s.returns - 1)
		}
		s.next = at.Add(s.pause)
	}
}

// sameGoods reports whether two maps are equal; no map is an empty one.
func sameGoods[K cmp.Ordered, V any](a, b map[K]V) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// A deed is a kind of step.
type deed int

const (
	deedCommit  deed = iota
	deedTell         // the source of a name does something
	deedScript       // the source of a name will do something when it is run
	deedOutside      // a goroutine of the test publishes for it
	deedLate         // publish of a Run that is over is called
	deedSleep
	deedReload // and those that wait are told something
	deedGiveUp // a Reload that ends by its context
	deedClose
	deedRestart // the feed is closed and another opened
)

// A marketStep is one thing that happens.
type marketStep struct {
	Deed    deed
	Changes []marketChange // of a commit
	Name    int
	Vendor  int
	Do      act
	Goods   int
	Sleep   time.Duration
}

type marketChange struct {
	Narrow   bool
	Op       model.Op
	Name     int
	Vendor   int
	Names    []int
	Priority int
}

var (
	marketNames    = []string{"harbour", "mill", "smith"}
	marketLevels   = map[bool]string{false: "engine", true: "orders"}
	marketVendors  = 4 // for each name
	marketUnused   = "nobody"
	marketSleeps   = []time.Duration{time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, time.Second, time.Minute}
	marketOps      = []model.Op{model.Bind, model.Bind, model.Bind, model.Rebind, model.Rebind, model.Unbind, model.Unbind, model.Mask, model.Select}
	marketDeeds    = []deed{deedCommit, deedCommit, deedCommit, deedCommit, deedTell, deedTell, deedTell, deedTell, deedScript, deedScript, deedScript, deedOutside, deedLate, deedSleep, deedSleep, deedReload, deedReload, deedGiveUp, deedRestart, deedClose}
	marketActs     = []act{actPublish, actPublish, actPublish, actPublish, actWait, actReturn, actFail, actPanic, actExit}
	oneProviderErr = regexp.MustCompile(`^capability "goods", provider "([a-z]+)", scope "[a-z ]+": (.*)$`)
)

var marketChanges = rapid.Custom(func(t *rapid.T) marketChange {
	return marketChange{
		Narrow:   rapid.Bool().Draw(t, "narrow"),
		Op:       rapid.SampledFrom(marketOps).Draw(t, "op"),
		Name:     rapid.IntRange(0, len(marketNames)-1).Draw(t, "name"),
		Vendor:   rapid.IntRange(0, marketVendors-1).Draw(t, "vendor"),
		Names:    rapid.SliceOfNDistinct(rapid.IntRange(0, len(marketNames)-1), 0, 2, rapid.ID[int]).Draw(t, "names"),
		Priority: rapid.IntRange(-1, 1).Draw(t, "priority"),
	}
})

var marketSteps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) marketStep {
	return marketStep{
		Deed:    rapid.SampledFrom(marketDeeds).Draw(t, "deed"),
		Changes: rapid.SliceOfN(marketChanges, 1, 2).Draw(t, "changes"),
		Name:    rapid.IntRange(0, len(marketNames)-1).Draw(t, "name"),
		Vendor:  rapid.IntRange(0, marketVendors-1).Draw(t, "vendor"),
		Do:      rapid.SampledFrom(marketActs).Draw(t, "do"),
		Goods:   rapid.IntRange(0, 47).Draw(t, "goods"),
		Sleep:   rapid.SampledFrom(marketSleeps).Draw(t, "sleep"),
	}
}), 10, 40)

// A market is the real thing and the model, changed together.
type market[K cmp.Ordered, V any] struct {
	key   capability.Capability[data.Source[K, V]]
	keys  []K // the last is never published
	value func(n int) V

	registries map[bool]*capability.Registry
	scope      *capability.Scope
	feed       *data.Feed[K, V]
	vendors    map[string]*vendor[K, V]

	state  *model.State
	chain  []string // of names and vendors
	stands []*stand[K, V]
	closed bool

	table    *data.Table[K, V] // at the end of the step before
	shown    []*wares[K, V]    // in it
	was      []sold[K, V]      // what it said
	kept     map[*data.Table[K, V]][]sold[K, V]
	versions map[string]string // of goods, and the goods of each version

	mu      sync.Mutex
	bound   []string       // values of all bindings that were accepted
	retired map[string]int // how often

	watched  []sold[K, V] // what a watcher made of all changes it was told
	tables   int          // it was told of
	watching context.CancelFunc
	watches  sync.WaitGroup
}

// A sold is what the model says of one source.
type sold[K cmp.Ordered, V any] struct {
	Source string
	Goods  map[K]V
}

// wrong is what a market panics with when the real thing is not what it should be.
type wrong string

func fail(format string, args ...any) { panic(wrong(fmt.Sprintf(format, args...))) }

func differ(what string, want, got any) {
	if diff := gocmp.Diff(want, got); diff != "" {
		fail("%s (-want +got):\n%s", what, diff)
	}
}

// newMarket returns an empty market, with what the vendors do at first, of those that do
// not always do the same.
func newMarket[K cmp.Ordered, V any](keys []K, value func(n int) V, firsts []act) *market[K, V] {
	w := &market[K, V]{
		key:  capability.New[data.Source[K, V]]("goods", "says what things cost"),
		keys: keys, value: value,
		registries: make(map[bool]*capability.Registry), vendors: make(map[string]*vendor[K, V]),
		state:    model.NewState(map[string]model.Rules{"goods": {}}),
		kept:     make(map[*data.Table[K, V]][]sold[K, V]),
		versions: make(map[string]string), retired: make(map[string]int),
	}
	for narrow, level := range map[bool]capability.Level{false: capability.Engine, true: capability.Pipeline} {
		w.registries[narrow] = capability.NewRegistry(level, marketLevels[narrow])
		w.state.Add(marketLevels[narrow], int(level))
	}
	for n, name := range marketNames {
		for i := range marketVendors {
			v := &vendor[K, V]{id: fmt.Sprintf("%s-%d", name, i), told: make(chan order[K, V])}
			v.first = order[K, V]{actPublish, w.goods(7 * (n + i))}
			if i < 3 {
				v.first.do = firsts[3*n+i]
			}
			switch v.source = v; i {
			case 2:
				v.loose = true
				v.source = loose[K, V]{vendor: v}
			case 3:
				v.fixed = true
				given := maps.Clone(v.first.goods)
				v.source = data.Static(given)
				clear(given) // Static has copied it
			}
			w.vendors[v.id] = v
		}
	}
	return w
}

// goods returns the goods of a number. Those of neighbours often have the same keys, and
// those of small numbers many.
func (w *market[K, V]) goods(n int) map[K]V {
	goods := make(map[K]V)
	for i, k := range w.keys[:len(w.keys)-1] {
		switch absent := n / 3 & (1 << i); {
		case absent != 0:
		case n%3 == 1, n%3 == 2 && i == 0:
			goods[k] = w.value(2)
		default:
			goods[k] = w.value(1)
		}
	}
	return goods
}

// change returns the change of the model and the real one.
func (w *market[K, V]) change(c marketChange, n int) (model.Change, capability.Change) {
	name := marketNames[c.Name]
	var names []string
	for _, i := range c.Names {
		names = append(names, marketNames[i])
	}
	m := model.Change{Op: c.Op, Capability: "goods", Statement: model.Statement{Name: name}}
	id := fmt.Sprintf("%s-%d", name, c.Vendor)
	value := fmt.Sprintf("%s#%d", id, n)
	retire := func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.retired[value]++
		return nil
	}
	switch c.Op {
	case model.Bind:
		m.Statement.Value, m.Statement.Priority = value, c.Priority
		return m, w.key.Bind(name, w.vendors[id].source).Priority(c.Priority).OnRetire(retire)
	case model.Rebind:
		m.Statement.Value, m.Statement.Rebind = value, true
		return m, w.key.Rebind(name, w.vendors[id].source).OnRetire(retire)
	case model.Unbind:
		return m, w.key.Unbind(name)
	case model.Mask:
		m.Names = names
		return m, w.key.Mask(names...)
	default:
		m.Names = names
		return m, w.key.Select(names...)
	}
}

// commit makes the changes in both as one transaction, and compares the verdicts.
func (w *market[K, V]) commit(changes []marketChange) {
	var edits []model.Edit
	var staged []capability.Edit
	var values []string
	for _, narrow := range []bool{false, true} {
		edit := model.Edit{Registry: marketLevels[narrow]}
		var real []capability.Change
		for _, c := range changes {
			if c.Narrow != narrow {
				continue
			}
			m, r := w.change(c, len(w.bound)+len(values))
			edit.Changes, real = append(edit.Changes, m), append(real, r)
			if m.Statement.Value != "" {
				values = append(values, m.Statement.Value)
			}
		}
		edits, staged = append(edits, edit), append(staged, w.registries[narrow].Stage(real...))
	}
	err := capability.Commit(staged...)
	if faults := w.state.Commit(edits...); (err != nil) != (len(faults) > 0) {
		fail("the commit of %+v: got %v, the model says %v", changes, err, faults)
	}
	if err == nil {
		w.bound = append(w.bound, values...)
	}
	if w.feed != nil {
		synctest.Wait()
		w.follow()
	}
}

// follow makes the stands those of the chain that the model sees.
func (w *market[K, V]) follow() {
	if w.closed {
		return
	}
	entries, _ := w.state.World(1, "goods").Chain()
	var chain []string
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Value, "#")
		chain = append(chain, e.Name+" "+id)
	}
	before := w.stands
	w.stands = nil
	for _, line := range chain {
		name, id, _ := strings.Cut(line, " ")
		next := &stand[K, V]{name: name, vendor: w.vendors[id]}
		if i := slices.IndexFunc(before, func(s *stand[K, V]) bool { return s.name == name }); i >= 0 {
			old := before[i]
			if old.vendor == next.vendor && !w.startedAnew(old, !slices.Equal(chain, w.chain)) {
				w.stands = append(w.stands, old)
				continue
			}
			next.wares = old.wares
		}
		next.start(time.Now())
		w.stands = append(w.stands, next)
	}
	w.chain = chain
}

// startedAnew reports whether a source that is in the chain as before was started anew.
func (w *market[K, V]) startedAnew(s *stand[K, V], changed bool) bool {
	if s.vendor.fixed {
		return false
	}
	runs, _ := s.vendor.runs()
	anew := runs != s.runs
	if anew && !s.vendor.loose {
		fail("%s was started anew although it is the same", s.name)
	}
	if !anew && s.vendor.loose && changed {
		fail("%s was not started anew with the chain, although nobody can say that it is the same", s.name)
	}
	return anew
}

// open opens the feed, at first with sources that keep it waiting if there are any.
func (w *market[K, V]) open() {
	w.stands, w.chain, w.closed = nil, nil, false
	entries, _ := w.state.World(1, "goods").Chain()
	var mute []string
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Value, "#")
		if v := w.vendors[id]; v.first.do == actWait {
			mute = append(mute, fmt.Sprintf("%q", e.Name))
			defer v.script(order[K, V]{actWait, nil})
		}
	}
	if len(mute) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := data.Open(ctx, w.scope, w.key, data.Options{})
		cancel()
		slices.Sort(mute)
		want := "opening ended before " + strings.Join(mute, ", ") + " had published or failed: context deadline exceeded"
		if !errors.Is(err, context.DeadlineExceeded) || !strings.HasSuffix(err.Error(), want) {
			fail("Open with sources that wait: got %v, want %s", err, want)
		}
		for _, e := range entries {
			id, _, _ := strings.Cut(e.Value, "#")
			if v := w.vendors[id]; v.first.do == actWait {
				v.script(order[K, V]{actPublish, w.goods(5)})
			}
		}
	}
	feed, err := data.Open(context.Background(), w.scope, w.key, data.Options{})
	if err != nil {
		fail("Open: %v", err)
	}
	at := feed.Table().Get()
	w.feed = feed
	w.follow()
	synctest.Wait()
	if at != feed.Table().Get() {
		fail("the table has changed after Open returned")
	}
	w.table, w.shown, w.was, w.watched, w.tables = nil, nil, nil, nil, 0
	ctx, cancel := context.WithCancel(context.Background())
	w.watching = cancel
	w.watches.Go(func() {
		for old, now := range feed.Table().Watch(ctx) {
			w.tables++
			w.watched = patched(w.watched, now, data.Diff(old, now))
		}
	})
	synctest.Wait()
	w.check()
}

// patched is what somebody knows who knew the old table and is told what changed.
func patched[K cmp.Ordered, V any](old []sold[K, V], now *data.Table[K, V], changes func(func(data.Change[K, V]) bool)) []sold[K, V] {
	known := make(map[string]map[K]V)
	for _, s := range old {
		known[s.Source] = maps.Clone(s.Goods)
	}
	for c := range changes {
		switch {
		case c.New == nil:
			delete(known[c.Source], c.Key)
		default:
			if known[c.Source] == nil {
				known[c.Source] = make(map[K]V)
			}
			known[c.Source][c.Key] = *c.New
		}
	}
	var list []sold[K, V]
	for source := range now.Sources() {
		if known[source] == nil {
			known[source] = make(map[K]V) // of a source without entries nothing is said
		}
		list = append(list, sold[K, V]{source, known[source]})
		delete(known, source)
	}
	for _, source := range slices.Sorted(maps.Keys(known)) {
		if len(known[source]) > 0 {
			list = append(list, sold[K, V]{source, known[source]})
		}
	}
	return list
}

// sold returns what the table should say.
func (w *market[K, V]) sold() (list []sold[K, V], shown []*wares[K, V]) {
	for _, s := range w.stands {
		if s.wares != nil {
			list, shown = append(list, sold[K, V]{s.name, s.wares.of}), append(shown, s.wares)
		}
	}
	return list, shown
}

// step does one thing in both, and compares them.
func (w *market[K, V]) step(s marketStep) {
	name := marketNames[s.Name]
	o := order[K, V]{s.Do, w.goods(s.Goods)}
	var at *stand[K, V]
	if i := slices.IndexFunc(w.stands, func(st *stand[K, V]) bool { return st.name == name }); i >= 0 {
		at = w.stands[i]
	}
	listens := at != nil && at.live && !at.vendor.fixed && !w.closed
	switch s.Deed {
	case deedCommit:
		w.commit(s.Changes)
	case deedTell:
		if listens {
			at.vendor.told <- o
			at.does(o, time.Now())
		}
	case deedScript:
		w.vendors[fmt.Sprintf("%s-%d", name, s.Vendor)].script(o)
	case deedOutside:
		if listens {
			at.vendor.publish[len(at.vendor.publish)-1](o.goods)
			at.does(order[K, V]{actPublish, o.goods}, time.Now())
		}
	case deedLate:
		for _, v := range w.vendors {
			for i, publish := range v.publish {
				if last := i == len(v.publish)-1; !last || !w.lives(v) {
					publish(map[K]V{w.keys[len(w.keys)-1]: w.value(9)})
				}
			}
		}
	case deedSleep:
		w.sleep(s.Sleep)
	case deedReload, deedGiveUp:
		w.reload(s.Deed == deedGiveUp, o)
	case deedClose, deedRestart:
		w.close()
		if s.Deed == deedRestart {
			w.stopWatching()
			w.open()
		}
	}
	synctest.Wait()
	w.check()
}

// lives reports whether the vendor should run.
func (w *market[K, V]) lives(v *vendor[K, V]) bool {
	return !w.closed && slices.ContainsFunc(w.stands, func(s *stand[K, V]) bool { return s.vendor == v && s.live })
}

// sleep lets time pass: sources that pause are run again.
func (w *market[K, V]) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	if w.closed {
		return
	}
	now := time.Now()
	for _, s := range w.stands {
		for !s.live && !s.next.After(now) {
			s.start(s.next)
		}
	}
}

// reload reloads. Those that wait are told something, or the context ends first.
func (w *market[K, V]) reload(giveUp bool, o order[K, V]) {
	ctx := context.Background()
	if giveUp {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	}
	var err error
	var table *data.Table[K, V]
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		err = w.feed.Reload(ctx)
		table = w.feed.Table().Get()
	}()
	isBack := func() bool {
		synctest.Wait()
		select {
		case <-returned:
			return true
		default:
			return false
		}
	}
	if w.closed {
		if !isBack() || !errors.Is(err, capability.ErrClosed) {
			fail("Reload of a closed feed: got %v", err)
		}
		return
	}
	want := make(map[string]string) // texts by name
	outcome := func(s *stand[K, V], do act) {
		if text, failed := do.failed(); failed {
			want[s.name] = text
		}
	}
	var pending []*stand[K, V]
	for _, s := range w.stands {
		s.returns = 0
		first := s.vendor.first
		s.start(time.Now())
		outcome(s, first.do)
		if first.do == actWait {
			pending = append(pending, s)
		}
	}
	for len(pending) > 0 {
		if isBack() {
			fail("Reload has returned %v before %s had published", err, pending[0].name)
		}
		if giveUp {
			for _, s := range pending {
				want[s.name] = "it has not published since it was started anew: context deadline exceeded"
			}
			w.sleep(time.Second)
			break
		}
		if o.do == actWait {
			o.do = actPublish
		}
		s := pending[0]
		pending = pending[1:]
		s.vendor.told <- o
		s.does(o, time.Now())
		outcome(s, o.do)
	}
	if !isBack() {
		fail("Reload has not returned")
	}
	if !giveUp && table != w.feed.Table().Get() {
		fail("the table has changed after Reload returned")
	}
	got := make(map[string]string)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			m := oneProviderErr.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				fail("Reload: got the line %q", line)
			}
			got[m[1]] = m[2]
		}
	}
	differ("errors of Reload", want, got)
}

func (w *market[K, V]) close() {
	if err := w.feed.Close(); err != nil {
		fail("Close: %v", err)
	}
	for _, v := range w.vendors {
		if _, active := v.runs(); active != 0 {
			fail("%s runs after Close has returned", v.id)
		}
	}
	w.closed = true
}

func (w *market[K, V]) stopWatching() {
	w.watching()
	w.watches.Wait()
}

// check compares all that can be seen.
func (w *market[K, V]) check() {
	table := w.feed.Table().Get()
	want, shown := w.sold()
	if w.closed {
		want, shown = w.was, w.shown // after Close it keeps the last table
	}
	w.checkViews(table, want)
	if w.table != nil {
		if same := slices.Equal(shown, w.shown); same != (table == w.table) {
			fail("nothing has changed is %t, it is the same table is %t", same, table == w.table)
		}
	}
	w.checkDiff(w.was, want, data.Diff(w.table, table))
	w.checkDiff(want, w.was, data.Diff(table, w.table))
	if w.kept[table] == nil {
		w.kept[table] = want
	}
	var notEmpty []sold[K, V]
	differ("what a watcher knows", append(notEmpty, want...), append(notEmpty, w.watched...))
	w.table, w.shown, w.was = table, shown, want
	w.checkStatus()
	for _, v := range w.vendors {
		if v.fixed {
			continue
		}
		if _, active := v.runs(); (active == 1) != w.lives(v) || active > 1 {
			fail("%s has %d Runs, is to run: %t", v.id, active, w.lives(v))
		}
	}
	for _, s := range w.stands {
		s.runs, _ = s.vendor.runs()
	}
	w.checkRetired()
}

// checkViews compares each view of a table with the naive one.
func (w *market[K, V]) checkViews(t *data.Table[K, V], want []sold[K, V]) {
	all := []data.Entry[K, V]{}
	sources := []string{}
	distinct := make(map[K]bool)
	for _, s := range want {
		sources = append(sources, s.Source)
		for _, k := range slices.Sorted(maps.Keys(s.Goods)) {
			all = append(all, data.Entry[K, V]{Source: s.Source, Key: k, Value: s.Goods[k]})
			distinct[k] = true
		}
	}
	keys := append([]K{}, slices.Sorted(maps.Keys(distinct))...)
	differ("All", all, append([]data.Entry[K, V]{}, slices.Collect(t.All())...))
	differ("Sources", sources, append([]string{}, slices.Collect(t.Sources())...))
	differ("Keys", keys, append([]K{}, slices.Collect(t.Keys())...))
	differ("Len", len(keys), t.Len())
	for _, k := range w.keys {
		by := []data.Entry[K, V]{}
		for _, e := range all {
			if e.Key == k {
				by = append(by, e)
			}
		}
		got := []data.Entry[K, V]{}
		for source, v := range t.ByKey(k) {
			got = append(got, data.Entry[K, V]{Source: source, Key: k, Value: v})
		}
		differ(fmt.Sprintf("ByKey(%v)", k), by, got)
		v, source, ok := t.Lookup(k)
		first := data.Entry[K, V]{Key: k}
		if len(by) > 0 {
			first = by[0]
		}
		differ(fmt.Sprintf("Lookup(%v)", k), first, data.Entry[K, V]{Source: source, Key: k, Value: v})
		if ok != (len(by) > 0) {
			fail("Lookup(%v) is %t", k, ok)
		}
		for _, name := range append(marketNames, marketUnused, "") {
			i := slices.IndexFunc(by, func(e data.Entry[K, V]) bool { return e.Source == name })
			var one V
			if i >= 0 {
				one = by[i].Value
			}
			v, ok := t.Get(name, k)
			differ(fmt.Sprintf("Get(%s, %v)", name, k), one, v)
			if ok != (i >= 0) {
				fail("Get(%s, %v) is %t", name, k, ok)
			}
		}
		for range t.ByKey(k) {
			break
		}
	}
	for _, name := range append(marketNames, marketUnused) {
		i := slices.IndexFunc(want, func(s sold[K, V]) bool { return s.Source == name })
		of, ordered := []data.Entry[K, V]{}, []data.Entry[K, V]{}
		for _, e := range all {
			if e.Source == name && i >= 0 {
				of = append(of, e)
			}
		}
		for k, v := range t.BySource(name) {
			ordered = append(ordered, data.Entry[K, V]{Source: name, Key: k, Value: v})
		}
		differ("BySource("+name+")", of, ordered)
		for range t.BySource(name) {
			break
		}
	}
	firsts := 0
	for range t.All() {
		firsts++
		break
	}
	for range t.Keys() {
		firsts++
		break
	}
	for range t.Sources() {
		firsts++
		break
	}
	differ("what a loop that ends at once sees", min(len(all), 1)+min(len(keys), 1)+min(len(sources), 1), firsts)
}

// A changed is a data.Change with the values themselves.
type changed[K cmp.Ordered, V any] struct {
	Source   string
	Key      K
	Old, New V
	Is, Was  bool
}

// checkDiff compares changes with those of the naive walk.
func (w *market[K, V]) checkDiff(old, now []sold[K, V], changes func(func(data.Change[K, V]) bool)) {
	find := func(list []sold[K, V], source string) (map[K]V, bool) {
		for _, s := range list {
			if s.Source == source {
				return s.Goods, true
			}
		}
		return nil, false
	}
	order := []string{}
	for _, s := range now {
		order = append(order, s.Source)
	}
	for _, s := range old {
		if _, ok := find(now, s.Source); !ok {
			order = append(order, s.Source)
		}
	}
	want := []changed[K, V]{}
	for _, source := range order {
		before, _ := find(old, source)
		after, _ := find(now, source)
		for _, k := range slices.Sorted(slices.Values(w.keys)) {
			c := changed[K, V]{Source: source, Key: k}
			c.Old, c.Was = before[k]
			c.New, c.Is = after[k]
			if c.Was != c.Is || !reflect.DeepEqual(c.Old, c.New) {
				want = append(want, c)
			}
		}
	}
	got := []changed[K, V]{}
	for c := range changes {
		one := changed[K, V]{Source: c.Source, Key: c.Key, Was: c.Old != nil, Is: c.New != nil}
		if one.Was {
			one.Old = *c.Old
		}
		if one.Is {
			one.New = *c.New
		}
		got = append(got, one)
	}
	differ("Diff", want, got)
	n := 0
	for range changes {
		n++
		break
	}
	differ("what a loop over Diff that ends at once sees", min(len(want), 1), n)
}

// checkStatus compares what the feed says of each source.
func (w *market[K, V]) checkStatus() {
	list := w.feed.Status()
	if len(list) != len(w.stands) {
		fail("the status of %d sources, want %d", len(list), len(w.stands))
	}
	for i, s := range w.stands {
		got := list[i]
		entries := 0
		if s.wares != nil {
			entries = len(s.wares.of)
		}
		if got.Source != s.name || got.Entries != entries || !got.Good.Equal(s.good) || !got.Tried.Equal(s.tried) {
			fail("status %+v, want source %s, %d entries, good %v, tried %v", got, s.name, entries, s.good, s.tried)
		}
		if (got.Version != "") != (s.wares != nil) {
			fail("status %+v: whether it has a version", got)
		}
		if s.wares != nil {
			text, err := json.Marshal(s.wares.of)
			must(err)
			goods := string(text)
			for a, b := range map[string]string{"of " + goods: got.Version, "is " + got.Version: goods} {
				if w.versions[a] == "" {
					w.versions[a] = b
				}
				differ("version "+a, w.versions[a], b)
			}
		}
		text, failed := s.err.failed()
		if (got.Err != nil) != failed {
			fail("%s: the error is %v, want one: %t", s.name, got.Err, failed)
		}
		if failed {
			m := oneProviderErr.FindStringSubmatch(got.Err.Error())
			if m == nil || m[1] != s.name || m[2] != text {
				fail("%s: the error is %v, want %s", s.name, got.Err, text)
			}
			if panicked := s.err != actFail; panicked != errors.Is(got.Err, capability.ErrPanic) {
				fail("%s: the error is %v, a panic: %t", s.name, got.Err, panicked)
			}
		}
	}
}

// checkRetired compares which bindings are retired: those that are bound no more, for
// all their Runs have returned, unless another binding lets the source go on.
func (w *market[K, V]) checkRetired() {
	bound := make(map[string]bool)
	for _, name := range marketLevels {
		for _, s := range w.state.Layer(name, "goods").Statements {
			bound[s.Value] = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, value := range w.bound {
		id, _, _ := strings.Cut(value, "#")
		least, most := 1, 1
		if bound[value] {
			least, most = 0, 0
		} else if slices.ContainsFunc(w.stands, func(s *stand[K, V]) bool { return s.vendor.id == id }) {
			least = 0
		}
		if n := w.retired[value]; n < least || n > most {
			fail("the binding of %s was retired %d times, want %d to %d", value, n, least, most)
		}
	}
}

// run opens a feed after some commits, does the steps, and says what is wrong.
func (w *market[K, V]) run(before [][]marketChange, steps []marketStep) (problem string) {
	trail := "opening"
	defer func() {
		switch r := recover().(type) {
		case nil:
		case wrong:
			problem = trail + ": " + string(r)
		default:
			panic(r)
		}
		if w.feed != nil {
			_ = w.feed.Close() // again, for some
			if w.watching != nil {
				w.stopWatching()
			}
		}
		for _, close := range []func() error{
			w.scope.Close,
			func() error { return w.registries[true].Close(context.Background()) },
			func() error { return w.registries[false].Close(context.Background()) },
		} {
			if err := close(); err != nil && problem == "" {
				problem = fmt.Sprintf("closing what is below the feed: %v", err)
			}
		}
	}()
	var err error
	w.scope, err = capability.Compose(w.registries[true], w.registries[false])
	must(err)
	w.state.Compose(1, "engine", "orders")
	for _, changes := range before {
		w.commit(changes)
	}
	w.open()
	for i, s := range steps {
		trail = fmt.Sprintf("step %d, %+v", i, s)
		w.step(s)
	}
	trail = "at the end"
	for t, want := range w.kept {
		w.checkViews(t, want) // tables are immutable
	}
	return ""
}

// checkMarkets draws cases, each in a bubble of its own.
func checkMarkets[K cmp.Ordered, V any](t *testing.T, keys []K, value func(n int) V) {
	rapid.Check(t, func(rt *rapid.T) {
		before := rapid.SliceOfN(rapid.SliceOfN(marketChanges, 1, 3), 0, 4).Draw(rt, "before")
		firsts := rapid.SliceOfN(rapid.SampledFrom(marketActs), 3*len(marketNames), 3*len(marketNames)).Draw(rt, "firsts")
		steps := marketSteps.Draw(rt, "steps")
		problem := ""
		synctest.Test(t, func(*testing.T) { problem = newMarket(keys, value, firsts).run(before, steps) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// The keys come sorted wrongly, and the values can be compared with ==.
func TestModelOfFeeds(t *testing.T) {
	checkMarkets(t, []string{"tea", "*", "jam/*", "ale", "oil"}, func(n int) int { return n })
}

// The keys are numbers, and equal values are not the same.
func TestModelOfFeedsWithDeepValues(t *testing.T) {
	checkMarkets(t, []int{7, -300, 0, 12, 1 << 30}, func(n int) *[]string { return &[]string{fmt.Sprint(n, " cents")} })
}

// A Reload that another overtakes waits for what comes of that one, and both return.
func TestReloadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPushed()
		s := openWith(t, data.Options{}, p, prices{"tea": 3})
		returned := make(chan error, 3)
		for range cap(returned) {
			go func() { returned <- s.feed.Reload(t.Context()) }()
			synctest.Wait()
			if len(returned) > 0 {
				t.Fatalf("Reload has returned %v before the source had published", <-returned)
			}
		}
		p.ch <- prices{"tea": 4}
		for range cap(returned) {
			if err := <-returned; err != nil {
				t.Errorf("Reload: %v", err)
			}
		}
		s.expect(t, "list tea 4")
	})
}

// A Run that has lasted longer than the last pause is the first of a new count.
func TestPausesStartAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		lasts := []time.Duration{0, 0, 0, 401 * ms, 0, 200 * ms, 401 * ms, 0}
		pauses := []time.Duration{100 * ms, 200 * ms, 400 * ms, 100 * ms, 200 * ms, 400 * ms, 100 * ms}
		var at []time.Time
		open(t, data.Options{}, Prices.Bind("list", runFunc(func(ctx context.Context, publish func(prices)) error {
			at = append(at, time.Now())
			publish(prices{"runs": len(at)})
			if len(at) >= len(lasts) {
				<-ctx.Done()
				return nil
			}
			time.Sleep(lasts[len(at)-1])
			return errors.New("no paper")
		})))
		time.Sleep(time.Minute)
		synctest.Wait()
		var got []time.Duration
		for i := range pauses {
			got = append(got, at[i+1].Sub(at[i])-lasts[i])
		}
		if diff := gocmp.Diff(pauses, got); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
	})
}
