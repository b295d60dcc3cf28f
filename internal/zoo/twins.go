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
	tags string // for the build
	in   string // directory of the test's package, if it is not the core's

	// alone is a twin that must be compiled by itself, because its test looks at what
	// the compiler makes of the core.
	alone bool
}

var twins = []twin{
	{
		name: "a publish forgets the last cell",
		file: "audience.go", good: "showAll(a.cells, ", bad: "showAll(a.cells[:len(a.cells)-1], ",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a commit returns before it has published",
		file: "publish.go", good: "s.audiences.each((*audience).publish)", bad: "go s.audiences.each((*audience).publish)",
		test: "TestPromise1.*",
	},
	{
		name: "inheriting slots are not recomputed",
		file: "publish.go", good: "stack = append(stack[:len(stack)-1], s.below...)", bad: "stack = stack[:len(stack)-1]",
		test: "TestPromise1CommittedIsVisible",
	},
	{
		name: "a split leaves the cells where they were",
		file: "place.go", good: "asked.cells.each(func(c *core) { c.move(from, s) })", bad: "asked.cells.each(func(c *core) {})",
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
		file: "registry.go", good: "\t\tt.compute()\n\t}\n\tif len(t.errs) > 0 {\n\t\treturn Join(t.errs...)\n\t}\n\tt.publish()\n\treturn nil", bad: "\t\tt.compute()\n\t}\n\tt.publish()\n\treturn Join(t.errs...)",
		test: "TestPromise4RefusedChangesNothing",
	},
	{
		name: "a published chain is overwritten by the next",
		file: "chain.go", good: "return &Chain[T]{first: &links[0]}", bad: `c := &Chain[T]{first: &links[0]}
	if s := m.where.slots[m.key]; s != nil && s.audiences.all != nil {
		if old, ok := s.audiences.all.now.value.(*Chain[T]); ok {
			for to, from := old.first, c.first; to != nil && from != nil; to, from = to.next, from.next {
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
		test: "TestPromise11NoAllocation|TestInlining", alone: true,
	},
	{
		name: "a verb calls a function to make its error",
		file: "chain.go", good: "\t\t\treturn a, &providerError{l.by, err}", bad: "\t\t\treturn a, Join(&providerError{l.by, err})",
		test: "TestInlining", alone: true,
	},
	{
		name: "a scope closes twice",
		file: "scope.go", good: "if s.closed.Swap(true) {", bad: "if s.closed.Swap(true) && s.place != nil {",
		test: "TestPromise13ClosingInAnyOrder",
	},
	{
		name: "a closed scope leaves its cells",
		file: "scope.go", good: "\t\ta.cells.each(func(c *core) { c.leave(from) })\n", bad: "",
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

	// While traffic flows.
	{
		name: "what was built of a derived value is not built anew",
		file: "session.go", good: "list = s.todo[i].(producer).base().taps", bad: "list = nil",
		test: "TestDerivedValuesEqualTheOracle",
	},
	{
		name: "a build keeps tapping what it does not read any more",
		file: "session.go", good: "\t\t\tr.on.untap(p)\n\t\t\tif n", bad: "\t\t\tif n",
		test: "TestDerivedValueThatNobodyAsksForIsDropped",
	},
	{
		name: "a build does not hold what it read",
		file: "session.go", good: "r.funcs, needs)", bad: "r.funcs, needs[:0])",
		test: "TestWhatABuildReadIsHeldAsLongAsWhatItMade",
	},
	{
		name: "a maker sees its own capability in full",
		file: "instance.go", good: "if p.key != k {", bad: "if p.key != nil {",
		test: "TestDecoratorsOverThreeLevels",
	},
	{
		name: "an instance outlives its binding",
		file: "publish.go", good: "\t\t\t\ti.close()\n", bad: "\t\t\t\t_ = i\n",
		test: "TestInstanceIsRetiredWithItsScopeOrItsBinding",
	},
	{
		name: "OnlyLeased ends at a build",
		file: "derive.go", good: " || ans.strict || q.key.rules.onlyLeased", bad: " || ans.strict",
		test: "TestOnlyLeasedHoldsThroughWhatIsMade",
	},
	{
		name: "a build that exits is waited for",
		file: "shelter.go", good: "\t\tdefer t.goOn()\n", bad: "",
		test: "TestBuildsThatMisbehave",
	},
	{
		name: "a failed build takes its provider along",
		file: "derive.go", good: "r.lost = r.lost || c.in.now", bad: "r.lost = false && c.in.now",
		test: "TestBuildThatLosesItsProviderIsInUse",
	},
	{
		name: "cells that move forget what they showed",
		file: "audience.go", good: "past: slices.Clone(was.past), seq", bad: "seq",
		test: "TestCellsThatMoveKeepWhatTheyShowed",
	},
	{
		name: "the grace has no end",
		file: "retire.go", good: "r.timer = after(r.grace, r.endPlain)", bad: "_ = after",
		test: "TestGraceEndsThePlainHold",
	},
	{
		name: "what was opened first is closed first",
		file: "retire.go", good: "r.funcs[last-i]()", bad: "r.funcs[last-last+i]()",
		test: "TestOnRetireFuncsRunNewestFirst",
	},
	{
		name: "a binding is accepted again",
		file: "loan.go", good: "\tif a.by != nil {\n\t\treturn false, false\n\t}\n", bad: "",
		test: "TestBindingsWithOnRetireAreAcceptedOnce",
	},
	{
		name: "each Drain returns all errors",
		file: "retire.go", good: "t.errs, t.dropped = nil, 0", bad: "t.dropped = 0",
		test: "TestDrainsAtOnceReturnEachErrorOnce",
	},
	{
		name: "what was made for a scope is not its own",
		file: "instance.go", good: "\tc.keep(m.now.held)\n", bad: "",
		test: "TestPlainHandleKeepsEachInstanceItShowed",
	},

	// What a schedule of goroutines has to find.
	{
		name: "a lease is not looked at again",
		file: "lease.go", good: "if now == b {\n\t\t\tbreak", bad: "if true {\n\t\t\tbreak",
		test: "TestScheduleCommitAndLease", tags: "capability_yield",
	},
	{
		name: "a lease looks and then counts",
		file: "lease.go", good: "\t\tb.lease.users.Add(1)\n\t\tyield(\"leased\")\n\t\tnow := l.from.now.Load()\n\t\tif now == b {\n\t\t\tbreak\n\t\t}\n\t\tb.lease.release() // a commit came between\n", bad: "\t\tnow := l.from.now.Load()\n\t\tyield(\"leased\")\n\t\tif now == b {\n\t\t\tb.lease.users.Add(1)\n\t\t\tbreak\n\t\t}\n",
		test: "TestScheduleCommitAndLease", tags: "capability_yield",
	},
	{
		name: "a provider is retired at once",
		file: "retire.go", good: "\t\t\tr.timer = after(r.grace, r.endPlain)\n\t\t}\n\t}\n\tr.drop()\n", bad: "\t\t\tr.timer = after(r.grace, r.endPlain)\n\t\t}\n\t}\n\tr.holds.Store(1)\n\tr.drop()\n",
		test: "TestScheduleCommitAndLease", tags: "capability_yield",
	},
	{
		name: "a fixed delay stands for the count of users",
		file: "lease.go", good: "\tfor _, r := range l.held {\n\t\tr.holds.Add(1)\n\t\tr.leased.add(l)\n\t}\n\tyield(\"lease-held\")\n\tif l.users.Add(replaced) == replaced {\n\t\tl.over()\n\t}\n", bad: "\tl.users.Store(ended)\n\tfor _, r := range l.held {\n\t\tr.holds.Add(1)\n\t\tr.leased.add(l)\n\t\tafter(1000, r.drop)\n\t}\n",
		test: "TestScheduleGraceAndLease", tags: "capability_yield",
	},
	{
		name: "a latecomer ends a lease a second time",
		file: "lease.go", good: "\tif !l.users.CompareAndSwap(replaced, ended) {\n\t\treturn // a latecomer counts itself, and will take itself back\n\t}\n", bad: "\tl.users.Store(replaced)\n",
		test: "TestScheduleCommitAndLatecomers", tags: "capability_yield",
	},
	{
		name: "a panic leaves a lease open",
		file: "lease.go", good: "\tdefer b.lease.release()\n\treturn f(b.value)", bad: "\terr := f(b.value)\n\tb.lease.release()\n\treturn err",
		test: "TestScheduleCommitAndPanicInUse", tags: "capability_yield",
	},
	{
		name: "a build reads what was published before",
		file: "instance.go", good: "\tif a.staged {\n\t\tnow = &a.next\n\t}\n", bad: "\tif a.staged && a.next.own {\n\t\tnow = &a.next\n\t}\n",
		test: "TestScheduleCommitAndDerive", tags: "capability_yield",
	},
	{
		name: "a build is torn",
		file: "instance.go", good: "\tif a.staged {\n\t\tnow = &a.next\n\t}\n", bad: "\tif a.staged && (a.next.own || len(s.made) != 0 || a.ask.pick != \"night\") {\n\t\tnow = &a.next\n\t}\n",
		test: "TestScheduleCommitAndDerive", tags: "capability_yield",
	},
	{
		name: "a watch listens after it has looked",
		file: "handle.go", good: "\t\t\tb := h.cell.core.listen()\n\t\t\tif v := h.cell.now.Load(); v != last {", bad: "\t\t\tv := h.cell.now.Load()\n\t\t\tb := h.cell.core.listen()\n\t\t\tif v != last {",
		test: "TestScheduleCommitAndWatch", tags: "capability_yield",
	},
	{
		name: "a bell rings before the value is there",
		file: "handle.go", good: "\tyield(\"store\")\n\tc.now.Store(v)\n\tyield(\"stored\")\n\tif b := c.core.bell.Load(); b != nil {\n\t\tc.core.ring(b)\n\t}\n", bad: "\tif b := c.core.bell.Load(); b != nil {\n\t\tc.core.ring(b)\n\t}\n\tyield(\"store\")\n\tc.now.Store(v)\n\tyield(\"stored\")\n",
		test: "TestScheduleCommitAndWatch", tags: "capability_yield",
	},
	{
		name: "a watch ends before it has looked for the last value",
		file: "handle.go", good: "\t\t\tif v := h.cell.now.Load(); v != last {", bad: "\t\t\tif b == lastBell && last != nil {\n\t\t\t\treturn\n\t\t\t}\n\t\t\tif v := h.cell.now.Load(); v != last {",
		test: "TestScheduleCommitAndWatchAndClose", tags: "capability_yield",
	},
	{
		name: "OnRetire is called under the lock",
		file: "retire.go", good: "\t\tfinished: func() { r.retired(Join(errs...)) },\n\t}\n\tt.start()\n", bad: "\t\tfinished: func() { r.retired(Join(errs...)) },\n\t}\n\tt.begin()\n\tfor ; t.i < t.n; t.i++ {\n\t\tt.done(t.i, t.task(t.i))\n\t}\n\tt.finished()\n",
		test: "TestScheduleRetirementThatCommits", tags: "capability_yield",
	},
	{
		name: "Grace ends at once",
		file: "retire.go", good: "\t\tif r.grace <= 0 {", bad: "\t\tif r.grace >= 0 {",
		test: "TestScheduleGraceAndClose", tags: "capability_yield",
	},
	{
		name: "Grace forgets the plain handles of the rest",
		file: "retire.go", good: "\tif r.graced && r.plainly.Load() {", bad: "\tif r.plainly.Load() {",
		test: "TestSchedulePlainHandleAndClose", tags: "capability_yield",
	},
	{
		name: "a closed scope holds on",
		file: "audience.go", good: "\t\twas.past[i].res.hide(1)\n", bad: "",
		test: "TestSchedulePlainHandleAndClose", tags: "capability_yield",
	},
	{
		name: "plain handles do not hold",
		file: "audience.go", good: "\t\tr.show(a.plains)\n", bad: "\t\tr.show(0)\n",
		test: "TestSchedulePlainHandleAndClose", tags: "capability_yield",
	},
	{
		name: "a watch looks at its ctx too early",
		file: "handle.go", good: "if ctx.Err() != nil || !yield(old, *v) {", bad: "if !yield(old, *v) {",
		test: "TestScheduleCommitAndWatchAndCancel", tags: "capability_yield",
	},
	{
		name: "the end of Grace looks and then takes",
		file: "retire.go", good: "\tif r.plainly.Swap(false) {\n\t\tr.drop()", bad: "\tif r.plainly.Load() {\n\t\tyield(\"plain\")\n\t\tr.plainly.Store(false)\n\t\tr.drop()",
		test: "TestScheduleGraceAndClose", tags: "capability_yield",
	},
	{
		name: "what is derived is published before the rest and others come between",
		file: "publish.go", good: "\tt.done = true\n\tfor _, s := range t.staged {", bad: "\tt.done = true\n\tt.session.publish()\n\tt.session.made = nil\n\tt.session.locked.unlock()\n\tfor _, d := range t.session.locked {\n\t\td.slot <- struct{}{}\n\t}\n\tfor _, s := range t.staged {",
		test: "TestScheduleCommitAndResolve", tags: "capability_yield",
	},
	{
		name: "what left is given up before the cells are stored",
		file: "publish.go", good: "\tt.done = true\n\tfor _, s := range t.staged {", bad: "\tt.done = true\n\tfor _, g := range t.gone {\n\t\tif g.is.res != nil {\n\t\t\tg.is.res.leave(g.from)\n\t\t\tg.is.res = nil\n\t\t}\n\t}\n\tfor _, s := range t.staged {",
		test: "TestScheduleCommitAndLease", tags: "capability_yield",
	},
	{
		name: "a commit returns before others see it",
		file: "publish.go", good: "\t\ts.audiences.each((*audience).publish)\n", bad: "\t\tspawn(func() { s.audiences.each((*audience).publish) })\n",
		test: "TestScheduleCommitAndGet", tags: "capability_yield",
	},
	{
		name: "a refused commit retires what it would have bound",
		file: "registry.go", good: "\tt.session.discard()\n\tfor _, s := range t.staged {", bad: "\tt.session.discard()\n\tfor _, touched := range t.touched {\n\t\tfor _, p := range touched.layer.providers {\n\t\t\tif p != nil && p.res != nil && p.name == \"lost\" {\n\t\t\t\tp.res.leave()\n\t\t\t}\n\t\t}\n\t}\n\tfor _, s := range t.staged {",
		test: "TestScheduleRefusedCommit", tags: "capability_yield",
	},
	{
		name: "a refused commit forgets what its builds made",
		file: "session.go", good: "\t\tif res := p.next.res; res != nil && res != p.now.res {\n\t\t\tres.leave(p.scope.registries...)\n\t\t}\n", bad: "",
		test: "TestScheduleRefusedCommit", tags: "capability_yield",
	},
	{
		name: "a scope that is closed is closed again",
		file: "scope.go", good: "if s.closed.Swap(true) {", bad: "if s.closed.Swap(true) && s.place != nil {",
		test: "TestScheduleCloseTwiceAndLease", tags: "capability_yield",
	},
	{
		name: "locks are taken in the order of the arguments, and nobody waits",
		file: "lock.go", good: "\t\tslices.SortFunc(h, byID)\n\t\th = slices.Compact(h)\n\t\tfor _, d := range h {\n\t\t\td.slot <- struct{}{}\n\t\t}\n", bad: "\t\tif len(h) == 2 && h[0] == h[1] {\n\t\t\th = h[:1]\n\t\t}\n\t\tfor _, d := range h {\n\t\t\td.slot <- struct{}{}\n\t\t\tyield(\"slot\")\n\t\t}\n\t\tslices.SortFunc(h, byID)\n",
		test: "TestScheduleCrossedRegistries", tags: "capability_yield",
	},
	{
		name: "a new lock is handed out before all have it",
		file: "scope.go", good: "\t\td.slot <- struct{}{} // until all have it: others may find it at those that have\n\t\th = append(h, d)\n", bad: "",
		test: "TestScheduleTwoClosesThatPart", tags: "capability_yield",
	},
	{
		name: "Drain forgets what runs",
		file: "retire.go", good: "\treturn slices.Collect(maps.Keys(t.pending))", bad: "\treturn slices.DeleteFunc(slices.Collect(maps.Keys(t.pending)), func(r *resource) bool { return r.state.Load().phase == phaseRunning })",
		test: "TestScheduleDrainAndLease", tags: "capability_yield",
	},
	{
		name: "a closed scope does not end its leases",
		file: "lease.go", good: "if old := l.now.Swap(b); old != nil && old.lease != nil {", bad: "if old := l.now.Swap(b); b != nil && old != nil && old.lease != nil {",
		test: "TestScheduleCloseTwiceAndLease", tags: "capability_yield",
	},

	// The verbs in other modes.
	{
		name: "a vote that failed counts when everybody is asked",
		file: "keepgoing/keepgoing.go", good: "if yes, err := f(p); err != nil {\n\t\t\t\tt.fail(err)\n\t\t\t} else if yes {", bad: "yes, err := f(p)\n\t\t\tif err != nil {\n\t\t\t\tt.fail(err)\n\t\t\t}\n\t\t\tif yes {",
		test: "TestKeepgoingAndFanoutEqualTheModel", in: "internal/modes",
	},
	{
		name: "a panic ends the whole dispatch",
		file: "keepgoing/keepgoing.go", good: "for !t.each(f) {\n\t}", bad: "t.each(f)",
		test: "TestEveryFaultInEveryModeAndPosition", in: "internal/modes",
	},
	{
		name: "a pipe goes on with what came beside an error",
		file: "keepgoing/keepgoing.go", good: "t.fail(err)\n\t\t\t} else {\n\t\t\t\t*a = next\n\t\t\t}", bad: "t.fail(err)\n\t\t\t\t*a = next\n\t\t\t} else {\n\t\t\t\t*a = next\n\t\t\t}",
		test: "TestEveryFaultInEveryModeAndPosition", in: "internal/modes",
	},
	{
		name: "a concurrent verb does not wait",
		file: "internal/parallel/parallel.go", good: "\tdefer r.wait.Wait()\n", bad: "",
		test: "TestConcurrentWithSeveralFaults", in: "internal/modes",
	},
	{
		name: "a provider that ends its goroutine is waited for",
		file: "internal/parallel/parallel.go", good: "\t\tr.ended(i, err, panicked)\n", bad: "\t\tif returned || panicked {\n\t\t\tr.ended(i, err, panicked)\n\t\t}\n",
		test: "TestConcurrentWithSeveralFaults", in: "internal/modes",
	},
	{
		name: "more than the limit are asked at a time",
		file: "internal/parallel/parallel.go", good: "min(t.Limit, t.N)", bad: "t.N",
		test: "TestNoMoreThanLimitAtATime", in: "internal/modes",
	},
	{
		name: "who was not started is not spoken of",
		file: "internal/parallel/parallel.go", good: "for i := range r.ends {", bad: "for i := range r.ends[:0] {",
		test: "TestContextEnds", in: "internal/modes",
	},
	{
		name: "what is not wanted any more runs on",
		file: "internal/parallel/parallel.go", good: "if cancel := r.cancels[r.wanted]; cancel != nil {\n\t\t\tcancel()\n\t\t}", bad: "",
		test: "TestOthersAreCancelledAtOnce", in: "internal/modes",
	},
	{
		name: "the fastest decides",
		file: "concurrent/concurrent.go", good: "return i + 1", bad: "return 0",
		test: "TestConcurrentEqualsSequentialWhateverTheTiming", in: "internal/modes",
	},
	{
		name: "the first error in order speaks first",
		file: "concurrent/concurrent.go", good: "d.failure(d.first, ", bad: "d.failure(slices.IndexFunc(d.ends, func(e parallel.End) bool { return e.Err != nil }), ",
		test: "TestConcurrentWithSeveralFaults", in: "internal/modes",
	},
	{
		name: "a vote that failed counts in a fan-out",
		file: "fanout/fanout.go", good: "if err == nil {\n\t\t\t\treplies[i].Value = r\n\t\t\t}", bad: "replies[i].Value = r",
		test: "TestKeepgoingAndFanoutEqualTheModel", in: "internal/modes",
	},
	{
		name: "an observer that panics hurts the dispatch",
		file: "observed/observed.go", good: "defer func() { ok = recover() == nil }()", bad: "ok = true",
		test: "TestObserverThatPanics", in: "observed",
	},
	{
		name: "the end of a provider that panics is not told",
		file: "observed/observed.go", good: "\tdefer func() {\n\t\tif !returned {\n\t\t\terr = errNotReturned\n\t\t}\n\t\td.err = d.blame(e.Provider, err)\n\t\td.ended(e, d.err)\n\t}()\n\tr, err = f(p)\n\treturned = true\n", bad: "\tr, err = f(p)\n\tif returned = true; returned {\n\t\td.err = d.blame(e.Provider, err)\n\t\td.ended(e, d.err)\n\t}\n",
		test: "TestProviderThatDoesNotReturn", in: "observed",
	},
	{
		name: "who obeys the context hides who was not started",
		file: "internal/parallel/parallel.go", good: "!end.Begun {", bad: "!end.Begun && i < r.wanted {",
		test: "TestContextEndsForClerksWhoObey", in: "internal/modes",
	},
	{
		name: "joined errors are joined again as one",
		file: "errors.go", good: "\t\t\tranked = append(ranked, e.errs...)\n", bad: "\t\t\tranked = append(ranked, e)\n",
		test: "TestJoin.*",
	},
	{
		name: "a panic that was passed on is told with its stack",
		file: "concurrent/concurrent.go", good: "func (r *relayed) Relayed() error { return r.err }", bad: "func (r *relayed) relay() error { return r.err }",
		test: "TestRelayedPanicIsToldWithoutStack", in: "internal/modes",
	},

	// Data.
	{
		name: "a source that is replaced begins without data",
		file: "data/feed.go", good: "\t\t\tr.part = before[i].part\n", bad: "",
		test: "TestReplacedSourceLeavesItsData", in: "data",
	},
	{
		name: "a changed value is no change",
		file: "data/part.go", good: "!same(v, t.value(n, k))", bad: "!same(v, v)",
		test: "TestNothingChangedNobodyNotified", in: "data",
	},
	{
		name: "the keys of a source are in the order of a map",
		file: "data/part.go", good: "\tslices.Sort(p.keys)\n", bad: "",
		test: "TestViewsHaveOneOrder|TestDiff|TestMatch", in: "data",
	},
	{
		name: "the shortest pattern wins",
		file: "data/match.go", good: "if p.key != \"\" {\n\t\t\tkey = p.key", bad: "if p.key != \"\" && key == \"\" {\n\t\t\tkey = p.key",
		test: "TestMatch", in: "data",
	},
	{
		name: "a failure takes the data away",
		file: "data/runner.go", good: "\tr.err = err\n", bad: "\tr.err = err\n\tr.part = nil\n\tr.feed.make(nil, nil)\n",
		test: "TestFailureKeepsTheLastGoodData", in: "data",
	},
	{
		name: "Reload does not wait",
		file: "data/feed.go", good: "late := all.wait(ctx)", bad: "var late []*runner[K, V]",
		test: "TestReload", in: "data",
	},
	{
		name: "Close does not wait for sources",
		file: "data/feed.go", good: "\t\tf.work.Wait()\n", bad: "",
		test: "TestCloseNamesWhoHangs", in: "data",
	},
	{
		name: "a source is retired while it runs",
		file: "data/feed.go", good: "\t\t\t\t\t<-r.ended\n", bad: "\t\t\t\t\t_ = r.ended\n",
		test: "TestUnboundSourceIsRetired", in: "data",
	},
	{
		name: "a key that an object has twice passes",
		file: "data/json.go", good: "\tif again != nil {\n", bad: "\tif again != nil && len(again.key) > 1000 {\n",
		test: "TestBadJSON", in: "data",
	},
	{
		name: "a column is counted from zero",
		file: "data/json.go", good: "len(before) - bytes.LastIndexByte(before, '\\n')", bad: "len(before) - bytes.LastIndexByte(before, '\\n') - 1",
		test: "TestBadJSON", in: "data",
	},
	{
		name: "a pattern that is split forgets its key",
		file: "data/match.go", good: "\t\t\trest := *child\n", bad: "\t\t\trest := *child\n\t\t\trest.key = \"\"\n",
		test: "TestMatchAmongManyPatterns", in: "data",
	},
	{
		name: "what is published after the end counts",
		file: "data/runner.go", good: "if a.over || r.ctx.Err() != nil {", bad: "if a.over {",
		test: "TestSourceThatPublishesDuringClose", in: "data",
	},
	{
		name: "a Reload that another one overtakes is told too early",
		file: "data/runner.go", good: "r.waiting = append(r.waiting, a.waiting...)", bad: "a.waiting.came(nil)",
		test: "TestReloadsAtOnce", in: "data",
	},
	{
		name: "a file may have a byte more",
		file: "data/file.go", good: "err == nil && int64(len(data)) > most", bad: "err == nil && int64(len(data)) > most+1",
		test: "TestFileLargerThanItSays", in: "data",
	},
	{
		name: "instances stop in the reverse of the listing, whoever requires whom",
		file: "extension/host.go", good: "for _, u := range slices.Backward(link(all)) {", bad: "link(all)\n\tfor _, u := range slices.Backward(all) {",
		test: "TestModelOfGraphs", in: "extension",
	},
	{
		name: "a stop that fails starves those that come later",
		file: "extension/host.go", good: "\tfor _, u := range slices.Backward(link(all)) {\n\t\terrs = append(errs, u.stop(ctx))\n\t}", bad: "\tfor _, u := range slices.Backward(link(all)) {\n\t\tif err := u.stop(ctx); err != nil {\n\t\t\terrs = append(errs, err)\n\t\t\tbreak\n\t\t}\n\t}",
		test: "TestStopThoughOneHangs", in: "extension",
	},
	{
		name: "who is told to stop when the time is over is not waited for",
		file: "extension/stop.go", good: "\t\tif wait(within, lastWait) {\n\t\t\tcancel()\n\t\t}\n", bad: "\t\tcancel()\n",
		test: "TestStopThoughOneHangs", in: "extension",
	},
	{
		name: "an instance counts as ready when it runs",
		file: "extension/start.go", good: "\tgo u.run()\n\tselect {", bad: "\tgo u.run()\n\tif u != nil {\n\t\treturn nil\n\t}\n\tselect {",
		test: "TestModelOfGraphs", in: "extension",
	},
	{
		name: "exports are bound in the order of readiness",
		file: "extension/host.go", good: "func (h *Host) bind(units []*unit) error {\n", bad: "func (h *Host) bind(units []*unit) error {\n\tunits = slices.Clone(units)\n\tslices.SortStableFunc(units, func(a, b *unit) int { return a.now.Since.Compare(b.now.Since) })\n",
		test: "TestModelOfGraphs", in: "extension",
	},
	{
		name: "exports are bound one instance after the other",
		file: "extension/host.go", good: "\tif err := capability.Commit(edits...); err != nil {\n\t\treturn fmt.Errorf(\"all are", bad: "\tvar err error\n\tfor _, e := range edits {\n\t\terr = errors.Join(err, capability.Commit(e))\n\t}\n\tif err != nil {\n\t\treturn fmt.Errorf(\"all are",
		test: "TestModelOfGraphs", in: "extension",
	},
	{
		name: "a dependent does not wait for whom it requires",
		file: "extension/host.go", good: "\t\t\t\tcase <-other.begun:\n", bad: "\t\t\t\tdefault:\n\t\t\t\t\t_ = other\n",
		test: "TestModelOfGraphs", in: "extension",
	},
	{
		name: "instances start one after the other",
		file: "extension/host.go", good: "\t\t\terr := u.start(ctx)\n", bad: "\t\t\ttime.Sleep(time.Duration(i) * time.Millisecond)\n\t\t\terr := u.start(ctx)\n",
		test: "TestModelOfGraphs", in: "extension",
	},
	{
		name: "a rollback forgets one",
		file: "extension/host.go", good: "\t\tif slices.Contains(units, u) {", bad: "\t\tif slices.Contains(units[1:], u) {",
		test: "TestModelOfFailures", in: "extension",
	},
	{
		name: "those who fail because another did are blamed too",
		file: "extension/host.go", good: "\t\t\tif err == nil || errors.Is(context.Cause(ctx), errRolledBack) {", bad: "\t\t\tif err == nil {",
		test: "TestModelOfFailures", in: "extension",
	},
	{
		name: "what was made and is not shown is not retired",
		file: "extension/stop.go", good: "\tif u.bound.Load() == hidden {\n", bad: "\tif u.bound.Load() == public {\n",
		test: "TestModelOfFailures", in: "extension",
	},
	{
		name: "a stop does not wait until nobody uses the exports",
		file: "extension/stop.go", good: "\t\tcase <-u.usage.none:\n\t\t\treturn nil\n\t\tcase <-ctx.Done():", bad: "\t\tdefault:\n\t\t\treturn nil\n\t\tcase <-ctx.Done():",
		test: "TestConsumersAtStop", in: "extension",
	},
	{
		name: "Stop does not wait for consumers",
		file: "extension/host.go", good: "\terrs := h.consumers(ctx, units)\n", bad: "\tvar errs []error\n",
		test: "TestConsumersAtStop", in: "extension",
	},
	{
		name: "Replace stops the old one first",
		file: "extension/replace.go", good: "\tfresh := newUnit(h, instance)\n", bad: "\t_ = old.stop(ctx)\n\tfresh := newUnit(h, instance)\n",
		test: "TestSoakReplaceUnderLeases|TestModelOfHosts", in: "extension",
	},
	{
		name: "Replace stops the old one while it is used",
		file: "extension/replace.go", good: "\tcase <-old.usage.none:\n\t\tif err", bad: "\tdefault:\n\t\told.cancel()\n\t\tif err",
		test: "TestSoakReplaceUnderLeases|TestSoakReplaceWithGrace", in: "extension",
	},
	{
		name: "Replace puts the new one at the end",
		file: "extension/replace.go", good: "\t\tif slices.ContainsFunc(old.made.exports, func(o capability.Binding) bool { return key(o) == key(b) }) {\n\t\t\tbound = inside.Rebound(bound).(capability.Binding)\n\t\t}\n\t\tchanges = append(changes, bound)", bad: "\t\tif slices.ContainsFunc(old.made.exports, func(o capability.Binding) bool { return key(o) == key(b) }) {\n\t\t\tchanges = append(changes, inside.Unbind(b).(capability.Change))\n\t\t}\n\t\tchanges = append(changes, bound)",
		test: "TestReplaceKeepsThePlace", in: "extension",
	},
	{
		name: "a replacement that failed runs on",
		file: "extension/replace.go", good: "\t\treturn capability.Join(err, fresh.stop(ctx))", bad: "\t\treturn err",
		test: "TestModelOfHosts|TestSoakReplaceUnderLeases", in: "extension",
	},
	{
		name: "Remove takes what others require",
		file: "extension/replace.go", good: "\tif err := validate(nil, instancesOf(rest), &old.Instance, nil).Err(); err != nil {", bad: "\tif err := validate(nil, instancesOf(rest), &old.Instance, nil).Err(); err != nil && old == nil {",
		test: "TestModelOfHosts", in: "extension",
	},
	{
		name: "a restart ignores Fatal",
		file: "extension/unit.go", good: "\tif _, ok := errors.AsType[*fatal](err); ok {", bad: "\tif _, ok := errors.AsType[*fatal](err); ok && attempt > 1000 {",
		test: "TestModelOfHosts|TestWhatRunReturnsDecides", in: "extension",
	},
	{
		name: "attempts are counted from the start",
		file: "extension/unit.go", good: "\t\tif wasReady {\n\t\t\tattempt = 1\n\t\t}\n", bad: "\t\t_ = wasReady\n",
		test: "TestModelOfHosts|TestAttemptsAreCountedSinceReady", in: "extension",
	},
	{
		name: "exports of several levels are shown as one",
		file: "extension/start.go", good: "r := private(other.target())", bad: "r := private(u.target())",
		test: "TestDependentsSeeTheNarrowerOne", in: "extension",
	},
	{
		name: "who uses what was lent keeps nothing from being retired",
		file: "publish.go", good: "for _, a := range t.lent {", bad: "for _, a := range t.lent[:0] {",
		test: "TestUseAcrossTheCommit", in: "extension",
	},
	{
		name: "what is lent is not waited for if it has nothing to retire",
		file: "extension/start.go", good: "range other.shown {", bad: "range other.made.exports {",
		test: "TestUseAcrossTheCommit", in: "extension",
	},
	{
		name: "a start that fails retires what is used",
		file: "extension/host.go", good: "\tfor _, u := range units {\n\t\tu.park()\n\t}\n", bad: "",
		test: "TestRollbackWaitsForUses", in: "extension",
	},
	{
		name: "a requirement is met from a narrower place",
		file: "extension/validate.go", good: "func (n *node) sees(other *node) bool { return slices.Contains(n.registries, other.target()) }", bad: "func (n *node) sees(other *node) bool { return true }",
		test: "TestReportsOfBrokenSets", in: "extension",
	},
	{
		name: "a copy of what runs is exported",
		file: "extension/start.go", good: "\t\tcase same(is.Value, u.made.runs):", bad: "\t\tcase same(is.Value, u.made.runs) && u.host == nil:",
		test: "TestModelOfFailures", in: "extension",
	},
	{
		name: "what is resolved and not required passes",
		file: "extension/start.go", good: "\t\tif len(c.Resolved) > 0 && ", bad: "\t\tif len(c.Resolved) > 1000 && ",
		test: "TestModelOfFailures|TestErrorTexts", in: "extension",
	},
	{
		name: "a pending provider hides its namesakes from Diff",
		file: "explain.go", good: "times[id]++", bad: "times[id] = 1",
		test: "TestDiffIsEmptyIfAndOnlyIfNothingThatCountsChanged",
	},
	{
		name: "what a constraint moved is told as what base order says",
		file: "snapshot.go", good: "case places[a.provider] > places[b.provider]:", bad: "case places == nil:",
		test: "TestSnapshotOfSmallWorlds",
	},
	{
		name: "an ambiguous first is called the one",
		file: "snapshot.go", good: "if len(c.Ambiguous) == 1 {", bad: "if len(c.Ambiguous) > 0 {",
		test: "TestSnapshotOfSmallWorlds",
	},
	{
		name: "a masked provider is told to be hidden",
		file: "order.go", good: "note(gone.provider, by, f)", bad: "note(gone.provider, by, fateHidden)",
		test: "TestSnapshotOfSmallWorlds",
	},
	{
		name: "a name leaves its label",
		file: "draw.go", good: "`\"`, \"#quot;\", ", bad: "",
		test: "TestHostileNamesStayInTheirLabels",
	},
	{
		name: "a lease is told as a plain handle",
		file: "handle.go", good: "return e&1 == 1", bad: "return e&1 == 0",
		test: "TestRichSnapshotTexts",
	},
	{
		name: "a snapshot is taken without the lock",
		file: "snapshot.go", good: "\tdefer h.unlock()\n\tfor _, r", bad: "\th.unlock()\n\tfor _, r",
		test: "TestSnapshotsAmongCommits",
	},
	{
		name: "the error of a build is of an earlier commit",
		file: "session.go", good: "if p.shown && (p.now.err == nil || p.missed(s)) {", bad: "if p.shown {",
		test: "TestFailedBuildIsBuiltAgain",
	},
	{
		name: "values of one scope are made with and without a build",
		file: "session.go", good: "if p.shown && (p.now.err == nil || p.missed(s)) {", bad: "if p.shown && p.now.err == nil {",
		test: "TestFailureLastsAsLongAsWhatWasMadeWithoutIt",
	},
	{
		name: "who reads a build that ends its goroutine is named for it",
		file: "session.go", good: "case !returned && inner != nil:", bad: "case false:",
		test: "TestExitOfAnInnerBuildIsItsOwn",
	},
}
