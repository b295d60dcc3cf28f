package capabilitytest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

// The keys of the worlds, one for each combination of rules.
var worldKeys = []capability.Capability[string]{
	capability.New[string]("plain", "has no rules"),
	capability.New[string]("shadow", "has a rule", capability.Shadow()),
	capability.New[string]("broad-first", "has a rule", capability.BroadFirst()),
	capability.New[string]("both", "has two rules", capability.Shadow(), capability.BroadFirst()),
	capability.New[string]("only-at", "is bound at few levels", capability.OnlyAt(capability.Engine, capability.Node)),
	capability.New[string]("leased", "is only leased", capability.OnlyLeased()),
}

// What the model says of a world is what the library shows.
func TestWorldsAreAsTheModelSays(t *testing.T) {
	var cycles, ambiguous, clear, hidden int
	for _, key := range worldKeys {
		t.Run(key.Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				bindings := []capability.Binding{
					key.Bind("jwt", "1").OnRetire(func() error { t.Error("what a world binds is retired"); return nil }),
					key.Bind("cookie", "2").Before("jwt"),
					key.Bind("cookie", "3").After("saml"),
					key.Bind("saml", "4").Priority(1),
					key.Bind("ldap", "5"),
					key.Bind("jwt", "6").Before("cookie"),
				}
				w := capabilitytest.Worlds(bindings...).Draw(t, "world")
				want, err := w.Chain()
				one, oneErr := w.One()
				if err != nil {
					cycles++
					refused := new(refusing)
					refused.open(w)
					if !errors.Is(err, capability.ErrCycle) || !errors.Is(oneErr, capability.ErrCycle) || !strings.Contains(refused.fatal, "world is refused") {
						t.Fatalf("the model says %v and %v, and opening %q", err, oneErr, refused.fatal)
					}
					return
				}
				scope := w.Open(t)
				names := []capabilitytest.Entry{}
				held, err := key.All().Leased(scope)
				must(err)
				var is capability.CapabilityState
				for _, c := range scope.Snapshot().Capabilities {
					if c.Name == key.Name() {
						is = c
					}
				}
				must(held.Use(func(c capability.Chain[string]) error {
					for i, name := range c.Names() {
						names = append(names, capabilitytest.Entry{Name: name, Level: is.Providers[i].Level})
					}
					return nil
				}))
				if diff := cmp.Diff(want, names); diff != "" {
					t.Fatalf("chain of the world (-model +library):\n%s\n%v", diff, w)
				}
				if len(want) < 4 {
					hidden++
				}
				_, err = key.Leased(scope)
				switch {
				case oneErr == nil && err == nil:
					clear++
					if is.One != one.Name {
						t.Fatalf("the one is %q, and the model says %q\n%v", is.One, one.Name, w)
					}
				case errors.Is(oneErr, capability.ErrAmbiguous) && errors.Is(err, capability.ErrAmbiguous):
					ambiguous++
				case errors.Is(oneErr, capability.ErrNotProvided) && errors.Is(err, capability.ErrNotProvided):
				default:
					t.Fatalf("the one is refused for %v, and the model says %v\n%v", err, oneErr, w)
				}
			})
		})
	}
	if cycles == 0 || ambiguous == 0 || clear == 0 || hidden == 0 {
		t.Errorf("%d cycles, %d ambiguous, %d clear, %d with something hidden: that proves little", cycles, ambiguous, clear, hidden)
	}
}

// A refusing test keeps what it is told.
type refusing struct {
	capabilitytest.TB
	fatal    string
	cleanups []func()
}

func (*refusing) Helper()            {}
func (*refusing) Name() string       { return "refusing" }
func (r *refusing) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *refusing) Errorf(format string, args ...any) {
	r.fatal += fmt.Sprintf(format, args...)
}

type failed struct{}

func (r *refusing) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(failed{})
}

// open opens a world until that is refused.
func (r *refusing) open(w capabilitytest.World) {
	defer func() {
		if p := recover(); p != nil && p != (failed{}) {
			panic(p)
		}
		for _, f := range slices.Backward(r.cleanups) {
			f()
		}
	}()
	w.Open(r)
}

// A world prints as what its registries say.
func TestWorldPrints(t *testing.T) {
	key := worldKeys[0]
	w := capabilitytest.World{
		{Level: capability.Engine, Bindings: []capability.Binding{key.Bind("jwt", "").Priority(2), key.Bind("saml", "").Before("jwt").After("ldap", "cookie")}},
		{Level: capability.Pipeline, Bindings: []capability.Binding{key.Rebind("jwt", "")}, Mask: []string{"saml"}, Select: []string{"jwt", "saml"}},
		{Level: 150},
	}
	want := `pipeline rebinds jwt, masks saml, selects jwt, then saml
level 150 says nothing
engine binds jwt with priority 2, binds saml before jwt after ldap and cookie`
	if diff := cmp.Diff(want, fmt.Sprintf("%v", w)); diff != "" {
		t.Errorf("text of the world (-want +got):\n%s", diff)
	}
	if got := fmt.Sprintf("%#v", w[2]); got != "level 150 says nothing" {
		t.Errorf("a layer is reported as %q", got)
	}
}

// Mistakes in what worlds are drawn from are told at once.
func TestWorldsOfMistakes(t *testing.T) {
	for want, bindings := range map[string][]capability.Binding{
		"of no bindings":     nil,
		"a zero Binding":     {{}},
		"is a Rebind":        {worldKeys[0].Rebind("jwt", "")},
		"another capability": {worldKeys[0].Bind("jwt", ""), worldKeys[1].Bind("jwt", "")},
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, want) {
					t.Errorf("the panic says %q, which does not hold %q", text, want)
				}
			}()
			capabilitytest.Worlds(bindings...)
		}()
	}
}

// A world is of one capability.
func TestWorldsOfTwoCapabilities(t *testing.T) {
	w := capabilitytest.World{
		{Level: capability.Engine, Bindings: []capability.Binding{worldKeys[0].Bind("jwt", "")}},
		{Level: capability.Group, Bindings: []capability.Binding{worldKeys[1].Bind("jwt", "")}},
	}
	refused := new(refusing)
	refused.open(w)
	says := []string{refused.fatal}
	for _, ask := range []func(){func() { w.Chain() }, func() { w.One() }} {
		func() {
			defer func() { says = append(says, fmt.Sprint(recover())) }()
			ask()
		}()
	}
	for _, text := range says {
		if !strings.Contains(text, `is another capability than "plain": a world is of one`) {
			t.Errorf("it says %q", text)
		}
	}
}

// A registry that no broader one binds anything for, and that may bind nothing, says
// nothing.
func TestLayersOfNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := capabilitytest.Layers(capability.Group, nil, worldKeys[4].Bind("jwt", "")).Draw(t, "layer")
		if got := l.String(); got != "group says nothing" {
			t.Errorf("the layer %s", got)
		}
		l = capabilitytest.Layers(capability.Group, []string{"jwt", "saml", "jwt"}).Draw(t, "layer without bindings")
		for _, names := range [][]string{l.Mask, l.Select} {
			if slices.Sort(names); len(slices.Compact(slices.Clone(names))) < len(names) {
				t.Errorf("a name is twice in the layer %v", l)
			}
		}
		if len(l.Bindings) > 0 {
			t.Errorf("the layer %v", l)
		}
	})
}
