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
		file: "handle.go", good: "for _, c := range a.cells {\n\t\tc.now.Store", bad: "for _, c := range a.cells[:len(a.cells)-1] {\n\t\tc.now.Store",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a commit returns before it has published",
		file: "publish.go", good: "s.slot.audiences.each(audienceOf.publish)", bad: "go s.slot.audiences.each(audienceOf.publish)",
		test: "TestPromise1.*",
	},
	{
		name: "inheriting slots are not recomputed",
		file: "publish.go", good: "stack = append(stack[:len(stack)-1], s.below...)", bad: "stack = stack[:len(stack)-1]",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a split leaves the cells where they were",
		file: "publish.go", good: "asked.sockets.each(func(c socket) { c.move(s) })", bad: "asked.sockets.each(func(c socket) {})",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a cell shows nothing for a moment",
		file: "handle.go", good: "for _, c := range a.cells {\n\t\tc.now.Store", bad: "for _, c := range a.cells {\n\t\tc.now.Store(new(V))\n\t\tc.now.Store",
		test: "TestPromise2NeverBack",
	},
	{
		name: "a refused transaction is not taken back",
		file: "registry.go", good: "\t\tundo()\n", bad: "\t\t_ = undo\n",
		test: "TestPromise4RefusedChangesNothing",
	},
	{
		name: "a refused transaction publishes",
		file: "registry.go", good: "\t\tcheck()\n\t}\n\tif len(t.errs) > 0 {\n\t\treturn join(t.errs)\n\t}\n\tt.publish()\n\treturn nil", bad: "\t\tcheck()\n\t}\n\tt.publish()\n\treturn join(t.errs)",
		test: "TestPromise4RefusedChangesNothing",
	},
	{
		name: "a published chain is overwritten by the next",
		file: "query.go", good: "\tdata.self.data = data\n", bad: `	data.self.data = data
	if s := m.where.slots[m.key]; s != nil {
		if in, ok := s.audiences.all.(*audience[Chain[T]]); ok && in.now != nil {
			copy(in.now.data.links, data.links)
		}
	}
`,
		test: "TestPromise5OneChainInADispatch",
	},
	{
		name: "a commit takes providers from readers",
		file: "publish.go", good: "note(inUseError(k, m, a.readers(), err))", bad: "_ = inUseError(k, m, a.readers(), err)",
		test: "TestPromise8HeldHandleHasItsProvider",
	},
	{
		name: "a registry in use can be closed",
		file: "registry.go", good: "if len(r.places) > 0 {", bad: "if len(r.places) < 0 {",
		test: "TestPromise8HeldHandleHasItsProvider",
	},
	{
		name: "the order of binding alone makes the one provider",
		file: "publish.go", good: "if len(m.firsts) == 1 {", bad: "if len(m.firsts) >= 1 {",
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
		file: "scope.go", good: "if len(r.places) == 0 {", bad: "if len(r.places) < 0 {",
		test: "TestDomainsPart",
	},
	{
		name: "locks are taken in the order of the arguments",
		file: "lock.go", good: "slices.SortFunc(h, func(a, b *domain) int { return cmp.Compare(a.id, b.id) })", bad: "_ = cmp.Compare(1, 2)",
		test: "TestCrossedLocks",
	},
	{
		name: "a verb makes its error before it needs one",
		file: "chain.go", good: "\t\t\tif err := f(l.value); err != nil {\n\t\t\t\treturn &providerError{l.by, err}\n\t\t\t}", bad: "\t\t\te := &providerError{l.by, nil}\n\t\t\tif e.err = f(l.value); e.err != nil {\n\t\t\t\treturn e\n\t\t\t}",
		test: "TestPromise11NoAllocation|TestInlining",
	},
	{
		name: "a verb calls a function to make its error",
		file: "chain.go", good: "\t\t\tif next, err = f(l.value, a); err != nil {\n\t\t\t\treturn a, &providerError{l.by, err}\n\t\t\t}", bad: "\t\t\tif next, err = f(l.value, a); err != nil {\n\t\t\t\treturn a, join([]error{&providerError{l.by, err}})\n\t\t\t}",
		test: "TestInlining",
	},
	{
		name: "a scope closes twice",
		file: "scope.go", good: "if s.closed.Swap(true) {", bad: "if s.closed.Swap(true) && s.place != nil {",
		test: "TestPromise13ClosingInAnyOrder",
	},
	{
		name: "a closed scope leaves its cells",
		file: "scope.go", good: "\t\ta.sockets.each(socket.leave)\n", bad: "",
		test: "TestClosedScopesAreGone",
	},
	{
		name: "a closed scope leaves its place",
		file: "scope.go", good: "\ts.place.close()\n\ts.place, s.asks = nil, nil\n", bad: "\ts.place, s.asks = nil, nil\n",
		test: "TestClosedScopesAreGone|TestPromise8.*|TestDomainsPart",
	},
}
