// A desk keeps the same checks in every way that the benchmarks compare.

package benchmarks

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/typedcap/capability"
)

// A desk is a consumer. It is reached by pointer, as a server's node is.
type desk struct {
	check   Check                         // one, in a field
	checks  []Check                       // all, in a field
	swapOne atomic.Pointer[Check]         // one, exchangeable by hand
	swapAll atomic.Pointer[[]Check]       // all, exchangeable by hand
	one     capability.Handle[Check]      // one, resolved
	all     capability.ChainHandle[Check] // all, resolved
	engine  *capability.Registry          // what binds the checks
	scope   *capability.Scope             // where they are resolved
}

// newDesk binds n checks in a registry of the engine and resolves them in a
// scope of a pipeline.
func newDesk(tb testing.TB, n int, busy bool) *desk {
	tb.Helper()
	d := &desk{checks: makeChecks(n, busy)}
	d.check = d.checks[0]
	d.swapOne.Store(&d.check)
	d.swapAll.Store(&d.checks)
	d.engine = capability.NewRegistry(capability.Engine, "engine")
	orders := capability.NewRegistry(capability.Pipeline, "orders")
	for i, c := range d.checks {
		if err := d.engine.Apply(Checks.Bind(fmt.Sprintf("check-%d", i), c).Priority(-i)); err != nil {
			tb.Fatal(err)
		}
	}
	scope, err := capability.Compose(orders, d.engine)
	if err != nil {
		tb.Fatal(err)
	}
	d.scope = scope
	tb.Cleanup(func() { _ = scope.Close() })
	if err := scope.Resolve(Checks.Into(&d.one), Checks.All().Into(&d.all)); err != nil {
		tb.Fatal(err)
	}
	return d
}
