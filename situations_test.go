// Four situations in which a plug-in interface that replaces code in a running
// system is known to fail; docs/couch_epi.md tells what happens elsewhere.

package capability_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// A greeter greets. Its version shows which set of providers it belongs to.
type greeter func(version func(string)) error

var greeters = capability.New[greeter]("greeter", "says which version it is of")

func versioned(version string, meanwhile func()) greeter {
	return func(say func(string)) error {
		say(version)
		meanwhile()
		return nil
	}
}

// The set of providers is replaced while a dispatch over it runs: the dispatch
// ends with the set that it began with, the next one has the other set.
func TestSituationReplacedDuringDispatch(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	replace := func() {
		must(engine.Apply(
			greeters.Rebind("first", versioned("new", func() {})),
			greeters.Rebind("second", versioned("new", func() {})),
			greeters.Bind("third", versioned("new", func() {})),
		))
	}
	must(engine.Apply(
		greeters.Bind("first", versioned("old", replace)),
		greeters.Bind("second", versioned("old", func() {})),
	))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	all, err := greeters.All().Handle(scope)
	must(err)
	for _, want := range [][]string{{"old", "old"}, {"new", "new", "new"}} {
		var got []string
		must(capability.Each(all.Get(), func(g greeter) error {
			return g(func(version string) { got = append(got, version) })
		}))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("one dispatch (-want +got):\n%s", d)
		}
	}
}

// A provider is replaced twice while it is being called: the call goes on and
// returns, and what it works with is retired after that.
func TestSituationReplacedTwiceDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		stores := []*blobStore{{name: "a"}, {name: "b"}, {name: "c"}}
		must(engine.Apply(strict.Bind("disk", stores[0]).OnRetire(stores[0].close)))
		scope, err := capability.Compose(engine)
		must(err)
		l, err := strict.Leased(scope)
		must(err)
		must(l.Use(func(s *blobStore) error {
			for _, next := range stores[1:] {
				must(engine.Apply(strict.Rebind("disk", next).OnRetire(next.close)))
			}
			synctest.Wait()
			if s.closed() || !stores[1].closed() {
				t.Errorf("in use closed %v, never used closed %v", s.closed(), stores[1].closed())
			}
			return nil
		}))
		must(engine.Drain(t.Context()))
		if !stores[0].closed() || stores[2].closed() {
			t.Errorf("after the call: old closed %v, current closed %v", stores[0].closed(), stores[2].closed())
		}
		must(scope.Close())
		must(engine.Close(t.Context()))
	})
}

// The file that a value is made of is deleted: the change that would read it is
// refused, the last good value stays, and the next change with a file goes
// through.
func TestSituationFileDeleted(t *testing.T) {
	files := fstest.MapFS{"limits": {Data: []byte("10")}}
	paths := capability.New[string]("path", "where the limits are")
	content := capability.Derive(func(r *capability.Resolver) (string, error) {
		path, err := paths.In(r)
		if err != nil {
			return "", err
		}
		data, err := fs.ReadFile(files, path)
		return string(data), err
	})
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(paths.Bind("limits", "limits")))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	h, err := content.Handle(scope)
	must(err)
	delete(files, "limits")
	err = engine.Apply(paths.Rebind("limits", "limits"))
	if !errors.Is(err, fs.ErrNotExist) || h.Get() != "10" {
		t.Errorf("without the file: %v, the handle shows %q", err, h.Get())
	}
	files["limits"] = &fstest.MapFile{Data: []byte("20")}
	must(engine.Apply(paths.Rebind("limits", "limits")))
	if h.Get() != "20" {
		t.Errorf("with the file back the handle shows %q", h.Get())
	}
}

// Somebody who is told of changes crashes: the others are told, and the registry
// goes on.
func TestSituationObserverCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(engine.Apply(limits.Bind("low", 1)))
		scope, err := capability.Compose(engine)
		must(err)
		h, err := limits.Handle(scope)
		must(err)
		var seen []int
		crashed := false
		go func() {
			defer func() { crashed = recover() != nil }()
			for _, now := range h.Watch(context.Background()) {
				if now == 2 {
					panic("on fire")
				}
			}
		}()
		go func() {
			for _, now := range h.Watch(context.Background()) {
				seen = append(seen, now)
			}
		}()
		for n := range 3 {
			synctest.Wait()
			must(engine.Apply(limits.Rebind("low", n+2)))
		}
		must(scope.Close())
		synctest.Wait()
		if !crashed || !slices.Equal(seen, []int{1, 2, 3, 4}) {
			t.Errorf("crashed %v; the other saw %v", crashed, seen)
		}
	})
}
