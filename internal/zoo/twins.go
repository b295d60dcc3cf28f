//go:build zoo

// The twins.

package zoo

// A twin is the core with one text replaced, and the test that must notice.
type twin struct {
	name string // what is wrong with it
	file string
	good string // as it stands in file, once
	bad  string
	test string // a pattern for -run
}

var twins = []twin{
	{
		name: "a publish forgets the last cell",
		file: "audience.go", good: "\tfor _, c := range a.cells {\n\t\tif was.own {", bad: "\tfor _, c := range a.cells[:len(a.cells)-1] {\n\t\tif was.own {",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a commit returns before it has published",
		file: "publish.go", good: "s.audiences.each(audienceOf.publish)", bad: "go s.audiences.each(audienceOf.publish)",
		test: "TestPromise1.*",
	},
	{
		name: "inheriting slots are not recomputed",
		file: "publish.go", good: "stack = append(stack[:len(stack)-1], s.below...)", bad: "stack = stack[:len(stack)-1]",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a split leaves the cells where they were",
		file: "place.go", good: "asked.sockets.each(func(c socket) { c.move(from, s) })", bad: "asked.sockets.each(func(c socket) {})",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a cell shows nothing for a moment",
		file: "handle.go", good: "\tc.now.Store(v)\n", bad: "\tfor range 1000 {\n\t\tc.now.Store(new(V))\n\t}\n\tc.now.Store(v)\n",
		test: "TestPromise2NeverBack",
	},
	{
		name: "a refused transaction is not taken back",
		file: "registry.go", good: "\t\tundo()\n", bad: "\t\t_ = undo\n",
		test: "TestPromise4RefusedChangesNothing",
	},
	{
		name: "a refused transaction publishes",
		file: "registry.go", good: "\t\tt.compute()\n\t}\n\tif len(t.errs) > 0 {\n\t\treturn join(t.errs)\n\t}\n\tt.publish()\n\treturn nil", bad: "\t\tt.compute()\n\t}\n\tt.publish()\n\treturn join(t.errs)",
		test: "TestPromise4RefusedChangesNothing",
	},
	{
		name: "a published chain is overwritten by the next",
		file: "query.go", good: "return newChain[T](m)", bad: `c := newChain[T](m)
	if s := m.where.slots[m.key]; s != nil {
		if in, ok := s.audiences.all.(*audience[Chain[T]]); ok && in.now.value != nil {
			for to, from := in.now.value.first, c.first; to != nil && from != nil; to, from = to.next, from.next {
				to.value = from.value
			}
		}
	}
	return c`,
		test: "TestPromise5OneChainInADispatch",
	},
	{
		name: "a commit takes providers from readers",
		file: "publish.go", good: "refused.lose(k, a.readers(), err)", bad: "_ = refused.lose",
		test: "TestPromise8HeldHandleHasItsProvider",
	},
	{
		name: "a registry in use can be closed",
		file: "registry.go", good: "if len(r.places) > 0 {", bad: "if len(r.places) < 0 {",
		test: "TestPromise8HeldHandleHasItsProvider",
	},
	{
		name: "the order of binding alone makes the one provider",
		file: "place.go", good: "if len(m.firsts) == 1 {", bad: "if len(m.firsts) >= 1 {",
		test: "TestPromise8HeldHandleHasItsProvider",
	},
	{
		name: "all registries share a lock",
		file: "lock.go", good: "func newDomain() *domain {\n", bad: "var everybodys = &domain{slot: make(chan struct{}, 1)}\n\nfunc newDomain() *domain {\n\tif everybodys != nil {\n\t\treturn everybodys\n\t}\n",
		test: "TestPromise10UnrelatedRegistriesNeverBlock",
	},
	{
		name: "composed registries do not share a lock",
		file: "scope.go", good: "\th.join()\n", bad: "",
		test: "TestPromise10UnrelatedRegistriesNeverBlock",
	},
	{
		name: "registries stay joined for ever",
		file: "scope.go", good: "case len(r.places) == 0:", bad: "case len(r.places) < 0:",
		test: "TestDomainsPart",
	},
	{
		name: "locks are taken in the order of the arguments",
		file: "lock.go", good: "\t\tslices.SortFunc(h, byID)\n\t\th = slices.Compact(h)\n", bad: "\t\tif len(h) == 2 && h[0] == h[1] {\n\t\t\th = h[:1]\n\t\t}\n",
		test: "TestCrossedLocks",
	},
	{
		name: "a verb makes its error before it needs one",
		file: "chain.go", good: "\t\tif err := f(l.value); err != nil {\n\t\t\treturn &providerError{l.by, err}\n\t\t}", bad: "\t\te := &providerError{l.by, nil}\n\t\tif e.err = f(l.value); e.err != nil {\n\t\t\treturn e\n\t\t}",
		test: "TestPromise11NoAllocation|TestInlining",
	},
	{
		name: "a verb calls a function to make its error",
		file: "chain.go", good: "\t\t\treturn a, &providerError{l.by, err}", bad: "\t\t\treturn a, join([]error{&providerError{l.by, err}})",
		test: "TestInlining",
	},
	{
		name: "a scope closes twice",
		file: "scope.go", good: "if s.closed.Swap(true) {", bad: "if s.closed.Swap(true) && s.place != nil {",
		test: "TestPromise13ClosingInAnyOrder",
	},
	{
		name: "a closed scope leaves its cells",
		file: "scope.go", good: "\t\ta.sockets.each(func(c socket) { c.leave(from) })\n", bad: "",
		test: "TestClosedScopesAreGone",
	},
	{
		name: "slots are computed before all are split",
		file: "publish.go", good: "if at.place.root().slots[at.key] != nil && at.place.slots[at.key] == nil {", bad: "if false {",
		test: "TestVerdictDoesNotDependOnTheOrderOfEdits|TestPromise1CommittedIsVisible",
	},
	{
		name: "priorities are sorted the wrong way round",
		file: "order.go", good: "cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.i, b.i))", bad: "cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.i, b.i))",
		test: "TestAllSmallWorldsEqualTheModel|TestPromise7.*",
	},
	{
		name: "a follower goes on while somebody is missing",
		file: "order.go", good: "if after[f]--; after[f] == 0 && state[f] == waitsAfter {", bad: "if after[f]--; after[f] <= 1 && state[f] == waitsAfter {",
		test: "TestOrderOfSmallGraphsEqualsNaiveWalk",
	},
	{
		name: "who was set free goes on in the order of declaring",
		file: "order.go", good: "\t\t\tslices.Sort(free)\n", bad: "\t\t\tslices.Sort(free)\n\t\t\tslices.Reverse(free)\n",
		test: "TestOrderOfSmallGraphsEqualsNaiveWalk",
	},
	{
		name: "a selection does not order its block",
		file: "order.go", good: "\t\t\t\tafters = append(afters, edge{me, prior})\n", bad: "\t\t\t\t_ = prior\n",
		test: "TestOrderAroundSelectionEqualsNaiveWalk",
	},
	{
		name: "a Rebind shadows",
		file: "order.go", good: "if r.shadow && l.binds > 0 {", bad: "if r.shadow && len(l.index) > 0 {",
		test: "TestAllSmallWorldsEqualTheModel|TestPromise7OrderAndMergeEqualTheModel",
	},
	{
		name: "a mask hides what its own registry binds",
		file: "order.go", good: "\t\tblocks[d] = make([]seat, 0, l.binds)\n\t\tfor _, p := range l.providers {\n\t\t\tswitch {\n\t\t\tcase p == nil:", bad: "\t\tblocks[d] = make([]seat, 0, l.binds)\n\t\tfor _, p := range l.providers {\n\t\t\tswitch {\n\t\t\tcase p == nil || slices.Contains(l.mask.list, p.name):",
		test: "TestAllSmallWorldsEqualTheModel|TestPromise7OrderAndMergeEqualTheModel",
	},
	{
		name: "a dispatch forgets who failed",
		file: "errors.go", good: "Provider: e.by.name, Scope: e.by.from.where.String()", bad: "Scope: e.by.from.where.String()",
		test: "ExampleError|ExamplePipe",
	},
	{
		name: "the last error speaks first",
		file: "errors.go", good: "cmp.Compare(pb, pa), cmp.Compare(cb, ca)", bad: "cmp.Compare(pa, pb), cmp.Compare(cb, ca)",
		test: "TestJoin.*",
	},
	{
		name: "an error loses its priority on the wire",
		file: "errors_json.go", good: "Scope: w.Scope, Priority: w.Priority}", bad: "Scope: w.Scope}",
		test: "TestErrorJSON.*",
	},
	{
		name: "a typed nil is a provider",
		file: "capability.go", good: "return v.IsNil() || isNil(v.Elem())", bad: "return v.IsNil()",
		test: "TestBad.*|TestNil.*",
	},
	{
		name: "an error text loses its remedy",
		file: "registry.go", good: "use Rebind to replace it, or Unbind it first", bad: "",
		test: "TestErrorTexts|TestPromise14.*",
	},
	{
		name: "a closed scope leaves its place",
		file: "scope.go", good: "left := s.place.close()", bad: "left := s.place",
		test: "TestClosedScopesAreGone|TestPromise8.*|TestDomainsPart",
	},
}
