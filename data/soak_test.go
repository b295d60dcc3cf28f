// A soak: readers of all views while sources publish, fail, come and go, and are started
// anew. It is worth most under the race detector.

package data_test

import (
	"context"
	"encoding/json"
	"errors"
	goflag "flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

var soakFor = goflag.Duration("soak", 1500*time.Millisecond, "how long TestSoak runs; with -short a fifth of it")

// A stamp says which publish an entry is of.
type stamp struct {
	By  string
	Gen int64
}

var Stamps = capability.New[data.Source[string, stamp]]("stamps", "say what was published when")

type stampTable = data.Table[string, stamp]

// soakKeys is how many keys a source has, but for its pattern, in each generation.
func soakKeys(gen int64) int { return 1 + int(gen*7%40) }

// stamps returns the entries of a generation.
func stamps(by string, gen int64) map[string]stamp {
	m := map[string]stamp{"k*": {by, gen}}
	for i := range soakKeys(gen) {
		m[fmt.Sprintf("k%02d", i)] = stamp{by, gen}
	}
	return m
}

// A soak is what all its goroutines share.
type soak struct {
	t                *testing.T
	engine, orders   *capability.Registry
	scope            *capability.Scope
	feed             *data.Feed[string, stamp]
	gens             map[string]*atomic.Int64 // the last of each source
	calm             atomic.Bool              // sources do nothing wrong any more
	active           atomic.Int64             // Runs
	failed           atomic.Bool
	over             context.Context
	work             sync.WaitGroup
	reads, tables    atomic.Int64
	publishes, wrong atomic.Int64
	commits, reloads atomic.Int64
	failedReloads    atomic.Int64
	opened, stated   atomic.Int64
}

func (s *soak) fail(format string, args ...any) {
	if !s.failed.Swap(true) { // one is enough
		s.t.Errorf(format, args...)
	}
}

// pause waits a little, and reports whether ctx still lasts.
func pause(ctx context.Context, most time.Duration) bool {
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// A stamper publishes one generation after the other, and goes wrong now and then.
type stamper struct {
	s    *soak
	name string
}

func (p stamper) Run(ctx context.Context, publish func(map[string]stamp)) error {
	p.s.active.Add(1)
	defer p.s.active.Add(-1)
	for {
		// What one Run publishes is in order. Runs may overlap when the source is bound
		// anew, but then only the last one counts.
		m := stamps(p.name, p.s.gens[p.name].Add(1))
		publish(m)
		clear(m)
		p.s.publishes.Add(1)
		if p.s.calm.Load() {
			<-ctx.Done()
			return nil
		}
		what := rand.IntN(60)
		if what < 4 {
			p.s.wrong.Add(1)
		}
		switch what {
		case 0:
			return errors.New("out of ink")
		case 1:
			panic("out of paper")
		case 2:
			runtime.Goexit()
		case 3:
			return nil
		}
		if !pause(ctx, 300*time.Microsecond) {
			return ctx.Err()
		}
	}
}

// check compares all views of a table with each other and with the generations that the
// reader has seen before.
func (s *soak) check(t *stampTable, seen map[string]int64) {
	s.reads.Add(1)
	firsts := make(map[string]stamp)
	counts := make(map[string]int)
	gens := make(map[string]int64)
	sources := slices.Collect(t.Sources())
	at := -1
	last := ""
	for e := range t.All() {
		if at < 0 || sources[at] != e.Source {
			last = ""
			for at++; at < len(sources) && sources[at] != e.Source; at++ {
			}
			if at == len(sources) {
				s.fail("%s comes out of order in All: %q", e.Source, sources)
				return
			}
			gens[e.Source] = e.Value.Gen
		}
		if e.Value.By != e.Source || e.Value.Gen != gens[e.Source] {
			s.fail("source %s of generation %d has %s of %+v", e.Source, gens[e.Source], e.Key, e.Value)
		}
		if e.Key <= last {
			s.fail("the key %s comes after %s", e.Key, last)
		}
		last = e.Key
		counts[e.Source]++
		if _, ok := firsts[e.Key]; !ok {
			firsts[e.Key] = e.Value
		}
	}
	for source, gen := range gens {
		if counts[source] != soakKeys(gen)+1 {
			s.fail("generation %d of %s has %d entries, want %d", gen, source, counts[source], soakKeys(gen)+1)
		}
		if gen < seen[source] {
			s.fail("%s goes back from generation %d to %d", source, seen[source], gen)
		}
		seen[source] = gen
	}
	keys := slices.Collect(t.Keys())
	if !slices.Equal(keys, slices.Sorted(maps.Keys(firsts))) || t.Len() != len(keys) {
		s.fail("the keys are %q, %d of them", keys, t.Len())
	}
	for _, k := range keys {
		v, source, ok := t.Lookup(k)
		if !ok || v != firsts[k] || source != v.By {
			s.fail("%s is %+v from %s, %t; want %+v", k, v, source, ok, firsts[k])
		}
		if v, ok := t.Get(source, k); !ok || v != firsts[k] {
			s.fail("%s of %s is %+v, %t", k, source, v, ok)
		}
		for by, v := range t.ByKey(k) {
			if by != v.By || v.Gen != gens[by] {
				s.fail("%s by key is %+v from %s", k, v, by)
			}
		}
	}
	for _, source := range sources {
		n := 0
		for _, v := range t.BySource(source) {
			n++
			if v.By != source || v.Gen != gens[source] {
				s.fail("%s has %+v", source, v)
			}
		}
		if n != counts[source] {
			s.fail("%s has %d entries by source, and %d of all", source, n, counts[source])
		}
	}
	if len(keys) > 0 {
		if v, pattern, ok := data.Match(t, "kettle"); !ok || pattern != "k*" || v != firsts["k*"] {
			s.fail("a kettle is %+v by %q, %t; want %+v", v, pattern, ok, firsts["k*"])
		}
	}
}

// read reads tables until the soak is over.
func (s *soak) read() {
	seen := make(map[string]int64)
	for s.over.Err() == nil && !s.failed.Load() {
		s.check(s.feed.Table().Get(), seen)
	}
}

// watch follows the table by what Diff says, until the soak is over.
func (s *soak) watch(ctx context.Context) {
	seen := make(map[string]int64)
	known := make(map[string]map[string]stamp)
	for old, now := range s.feed.Table().Watch(ctx) {
		s.tables.Add(1)
		s.check(now, seen)
		for c := range data.Diff(old, now) {
			if known[c.Source] == nil {
				known[c.Source] = make(map[string]stamp)
			}
			was, ok := known[c.Source][c.Key]
			if ok != (c.Old != nil) || ok && was != *c.Old {
				s.fail("Diff says that %s of %s was %v, and it was %+v, %t", c.Key, c.Source, c.Old, was, ok)
			}
			if c.New == nil {
				delete(known[c.Source], c.Key)
			} else {
				known[c.Source][c.Key] = *c.New
			}
		}
		for source, m := range known {
			if !maps.Equal(m, maps.Collect(now.BySource(source))) {
				s.fail("after all changes %s should have %v", source, m)
			}
		}
	}
}

// state reads the status until the soak is over.
func (s *soak) state() {
	for pause(s.over, time.Millisecond) {
		s.stated.Add(1)
		for _, st := range s.feed.Status() {
			if st.Tried.Before(st.Good) || st.Entries == 1 || st.Entries > 0 != (st.Version != "") {
				s.fail("the status is %+v", st)
			}
			if st.Err != nil && !strings.Contains(st.Err.Error(), fmt.Sprintf("provider %q", st.Source)) {
				s.fail("the error of %s is %v", st.Source, st.Err)
			}
		}
	}
}

// operate changes the registries until the soak is over.
func (s *soak) operate() {
	at := func(name string) data.Source[string, stamp] { return stamper{s, name} }
	for pause(s.over, time.Millisecond) {
		s.commits.Add(1)
		name := []string{"ink", "lead"}[rand.IntN(2)]
		var err error
		switch rand.IntN(7) {
		case 0:
			err = s.engine.Apply(Stamps.Unbind(name))
		case 1:
			err = s.engine.Apply(Stamps.Bind(name, at(name)).Priority(rand.IntN(3)))
		case 2:
			err = s.engine.Apply(Stamps.Unbind(name), Stamps.Bind(name, &stamper{s, name}))
		case 3:
			err = s.orders.Apply(Stamps.Rebind(name, &stamper{s, name}))
		case 4:
			err = s.orders.Apply(Stamps.Unbind(name))
		case 5:
			err = s.orders.Apply(Stamps.Mask("chalk"))
		case 6:
			err = s.orders.Apply(Stamps.Mask())
		}
		if err != nil && !errors.Is(err, capability.ErrConflict) && !errors.Is(err, capability.ErrUnknown) {
			s.fail("a commit: %v", err)
		}
	}
}

// reload starts all sources anew until the soak is over, at times without patience.
func (s *soak) reload() {
	for pause(s.over, 5*time.Millisecond) {
		ctx, cancel := context.WithTimeout(s.over, rand.N(10*time.Millisecond))
		if err := s.feed.Reload(ctx); err != nil {
			s.failedReloads.Add(1)
		}
		cancel()
		s.reloads.Add(1)
	}
}

// reopen opens and closes other feeds of the same sources until the soak is over.
func (s *soak) reopen() {
	for pause(s.over, 5*time.Millisecond) {
		f, err := data.Open(context.Background(), s.scope, Stamps, data.Options{Backoff: atOnce})
		if err != nil {
			s.fail("another feed: %v", err)
			return
		}
		s.check(f.Table().Get(), make(map[string]int64))
		s.work.Go(func() { _ = f.Reload(s.over) })
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			s.fail("closing another feed: %v", err)
		}
		s.opened.Add(1)
	}
}

// write changes the file until the soak is over: in one go, or so that it is not whole
// for a while.
func (s *soak) write(path string) {
	for pause(s.over, 2*time.Millisecond) {
		gen := s.gens["file"].Add(1)
		text, err := json.Marshal(stamps("file", gen))
		must(err)
		switch rand.IntN(4) {
		case 0:
			must(os.RemoveAll(path))
		case 1:
			must(os.WriteFile(path, text[:rand.IntN(len(text))], 0o644))
			continue // it is never whole
		}
		must(os.WriteFile(path+".new", text, 0o644))
		must(os.Rename(path+".new", path))
	}
}

func atOnce(int) time.Duration { return time.Millisecond }

func TestSoak(t *testing.T) {
	length := *soakFor
	if testing.Short() {
		length /= 5
	}
	over, end := context.WithTimeout(t.Context(), length)
	defer end()
	s := &soak{
		t: t, over: over, gens: make(map[string]*atomic.Int64),
		engine: capability.NewRegistry(capability.Engine, "engine"), orders: capability.NewRegistry(capability.Pipeline, "orders"),
	}
	for _, name := range []string{"ink", "lead", "chalk", "file"} {
		s.gens[name] = new(atomic.Int64)
	}
	path := filepath.Join(t.TempDir(), "stamps.json")
	must(s.engine.Apply(
		Stamps.Bind("ink", stamper{s, "ink"}), Stamps.Bind("lead", stamper{s, "lead"}), Stamps.Bind("chalk", stamper{s, "chalk"}),
		Stamps.Bind("file", data.File(path, time.Millisecond, data.JSON[stamp])),
	))
	var err error
	s.scope, err = capability.Compose(s.engine, s.orders)
	must(err)
	s.feed, err = data.Open(t.Context(), s.scope, Stamps, data.Options{Backoff: atOnce})
	must(err)

	watching, unwatch := context.WithCancel(t.Context())
	var watches sync.WaitGroup
	for range 2 {
		s.work.Go(s.read)
		watches.Go(func() { s.watch(watching) })
	}
	s.work.Go(s.state)
	s.work.Go(s.operate)
	s.work.Go(s.reload)
	s.work.Go(s.reopen)
	s.work.Go(func() { s.write(path) })
	s.work.Wait()

	// From now on nothing goes wrong: after a Reload the table has the last generation of
	// all.
	s.calm.Store(true)
	must(s.orders.Apply(Stamps.Mask()))
	text, err := json.Marshal(stamps("file", s.gens["file"].Add(1)))
	must(err)
	must(os.WriteFile(path, text, 0o644))
	s.over = t.Context()
	chain, err := Stamps.All().Handle(s.scope)
	must(err)
	current := 0
	// The feed may not know of the last commits yet.
	for tries := 0; tries < 1000 && current != chain.Get().Len() && !t.Failed() && pause(s.over, time.Millisecond); tries++ {
		if err := s.feed.Reload(s.over); err != nil {
			t.Errorf("Reload when all is well: %v", err)
		}
		table := s.feed.Table().Get()
		s.check(table, make(map[string]int64))
		current = 0
		for source := range table.Sources() {
			for _, v := range table.BySource(source) {
				if v.Gen == s.gens[source].Load() {
					current++
				}
				break
			}
		}
	}
	if current != chain.Get().Len() && !t.Failed() {
		t.Errorf("after a Reload %d of %d sources are of the last generation", current, chain.Get().Len())
	}
	if err := s.feed.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := s.active.Load(); n != 0 {
		t.Errorf("%d sources run after Close has returned", n)
	}
	unwatch()
	watches.Wait()
	must(s.scope.Close())
	must(s.orders.Close(t.Context()))
	must(s.engine.Close(t.Context()))

	t.Logf("%v: %d reads, %d tables watched, %d publishes, %d of them the last before a failure, %d commits, %d reloads, %d of them with errors, %d other feeds, %d times the status",
		length, s.reads.Load(), s.tables.Load(), s.publishes.Load(), s.wrong.Load(), s.commits.Load(), s.reloads.Load(), s.failedReloads.Load(), s.opened.Load(), s.stated.Load())
	for what, count := range map[string]struct{ got, wantASecond int64 }{
		"reads": {s.reads.Load(), 200}, "tables": {s.tables.Load(), 50}, "publishes": {s.publishes.Load(), 100}, "failures": {s.wrong.Load(), 5},
		"commits": {s.commits.Load(), 20}, "reloads": {s.reloads.Load(), 6}, "reloads with errors": {s.failedReloads.Load(), 3}, "other feeds": {s.opened.Load(), 3}, "looks at the status": {s.stated.Load(), 20},
	} {
		if want := count.wantASecond * int64(length) / int64(time.Second); count.got < want && !t.Failed() {
			t.Errorf("%d %s in %v, want at least %d: that proves nothing", count.got, what, length, want)
		}
	}
}
