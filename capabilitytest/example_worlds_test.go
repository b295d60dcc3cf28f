package capabilitytest_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

// A Filter changes a request.
type Filter func(request string) string

var Filters = capability.New[Filter]("filters", "change requests")

// filters is what the program may bind. "audit" sees what the others have made of it.
func filters() []capability.Binding {
	named := func(name string) Filter { return func(request string) string { return request + " " + name } }
	return []capability.Binding{
		Filters.Bind("audit", named("audit")).After("auth", "gzip"),
		Filters.Bind("auth", named("auth")),
		Filters.Bind("gzip", named("gzip")),
	}
}

// Whatever is bound where and in which order, and whatever tenants rebind and mask, audit
// comes last. It does not hold for what they select, whose order they give.
func TestAuditIsLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := capabilitytest.Worlds(filters()...).Draw(t, "world")
		for i := range world {
			world[i].Select = nil
		}
		scope := world.Open(t)
		chain, err := Filters.All().Handle(scope)
		must(err)
		names := chain.Get().Names()
		if at := slices.Index(names, "audit"); at >= 0 && at != len(names)-1 {
			t.Fatalf("after audit come %v", names[at+1:])
		}
	})
}

// Whatever a tenant says on top of production, its own dispatch keeps to the model.
func TestTenantsOfProduction(t *testing.T) {
	base := capabilitytest.Layer{Level: capability.Engine, Bindings: filters()}
	production := capabilitytest.World{base}.Open(t)
	rapid.Check(t, func(t *rapid.T) {
		tenant := capabilitytest.Layers(capability.Group, []string{"audit", "auth", "gzip"}, filters()...).Draw(t, "tenant")
		scope := capabilitytest.Overlay(t, production, tenant.Changes(Filters.Name())...)
		chain, err := Filters.All().Handle(scope)
		must(err)
		want, err := capabilitytest.World{tenant, base}.Chain()
		must(err)
		got := ""
		for _, f := range chain.Get().All() {
			got = f(got)
		}
		expected := ""
		for _, e := range want {
			expected += " " + e.Name
		}
		if got != expected {
			t.Fatalf("the filters make %q, want %q", got, expected)
		}
	})
}
