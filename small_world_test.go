// One small world: everything that a few bindings at three levels, a
// constraint, a mask, a selection and a rebinding can mean together.

package capability_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/model"
)

// smallStage returns the layers as changes to fresh registries.
func smallStage(key capability.Capability[string], layers []model.Layer) ([]*capability.Registry, []capability.Edit) {
	registries := make([]*capability.Registry, len(layers))
	edits := make([]capability.Edit, len(layers))
	for i, l := range layers {
		var changes []capability.Change
		for _, st := range l.Statements {
			c := model.Change{Op: model.Bind, Capability: key.Name(), Statement: st}
			if st.Rebind {
				c.Op = model.Rebind
			}
			changes = append(changes, change(c, false))
		}
		if l.Mask != nil {
			changes = append(changes, key.Mask(l.Mask...))
		}
		if l.Select != nil {
			changes = append(changes, key.Select(l.Select...))
		}
		registries[i] = capability.NewRegistry(capability.Level(l.Level), capability.Level(l.Level).String())
		edits[i] = registries[i].Stage(changes...)
	}
	return registries, edits
}

// smallAnswer commits the edits before the registries are composed, or late,
// after a scope of them resolved the chain. It returns what the scope answers:
// the chain, and the one or why there is none.
func smallAnswer(key capability.Capability[string], registries []*capability.Registry, edits []capability.Edit, late bool) (chain []model.Entry, one string, err error) {
	if !late {
		if err := capability.Commit(edits...); err != nil {
			return nil, "", err
		}
	}
	scope, err := capability.Compose(registries...)
	if err != nil {
		return nil, "", err
	}
	all, err := key.All().Handle(scope)
	if err != nil {
		return nil, "", err
	}
	if late {
		if err := capability.Commit(edits...); err != nil {
			return nil, "", err
		}
	}
	chain = entriesOf(all.Get())
	h, err := key.Handle(scope)
	switch {
	case errors.Is(err, capability.ErrAmbiguous):
		return chain, model.Ambiguous.String(), nil
	case errors.Is(err, capability.ErrNotProvided):
		return chain, model.None.String(), nil
	case err != nil:
		return nil, "", err
	}
	return chain, h.Get(), nil
}

// TestSmallWorldEqualsTheModel makes small worlds of registries, composes them
// and compares what the scope answers with the model; in every second world the
// scope is there before the commit. It takes all worlds of up to two bindings and
// a fair share of those of three; the internal tests of the order take all.
func TestSmallWorldEqualsTheModel(t *testing.T) {
	share := 17 // one in so many, prime to all the counts that make a world
	if testing.Short() {
		share = 211
	}
	keys := []capability.Capability[string]{modelAuth, modelStore, modelFilter}
	worlds, ambiguous, n := 0, 0, 0
	for layers := range model.SmallWorlds(3) {
		binds := 0
		for _, l := range layers {
			binds += len(slices.DeleteFunc(slices.Clone(l.Statements), func(st model.Statement) bool { return st.Rebind }))
		}
		for _, key := range keys {
			if n++; n%share != 0 && (binds > 2 || testing.Short()) {
				continue
			}
			worlds++
			w := model.World{Rules: modelRules[key.Name()], Layers: layers}
			want, ok := w.Chain()
			if !ok {
				t.Fatalf("%+v: a cycle, though one constraint makes none", w)
			}
			for i := range want {
				want[i].Layer = 0
			}
			wantOne := ""
			switch e, a := w.One(); a {
			case model.Clear:
				wantOne = e.Value
			case model.Ambiguous:
				ambiguous++
				wantOne = a.String()
			default:
				wantOne = a.String()
			}
			late := worlds%2 == 0
			registries, edits := smallStage(key, layers)
			got, one, err := smallAnswer(key, registries, edits, late)
			if err != nil {
				t.Fatalf("%+v: committed late: %t: %v", w, late, err)
			}
			if one != wantOne || !slices.Equal(got, want) {
				t.Fatalf("%+v: committed late: %t: the one is %q, want %q; the chain (-want +got):\n%s", w, late, one, wantOne, cmp.Diff(want, got))
			}
		}
	}
	t.Logf("compared %d worlds of %d, %d with an ambiguous one", worlds, n, ambiguous)
}
