// Leases, one situation at a time: what f of Use may do, and what a lease holds.

package capability_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/typedcap/capability"
)

// A leaseTest is an engine with a leased store under OnlyLeased.
type leaseTest struct {
	engine *capability.Registry
	scope  *capability.Scope
	store  *blobStore
	one    capability.Leased[*blobStore]
	all    capability.Leased[capability.Chain[*blobStore]]
}

func newLeaseTest(t *testing.T) *leaseTest {
	t.Helper()
	l := &leaseTest{engine: capability.NewRegistry(capability.Engine, "engine"), store: &blobStore{name: "store"}}
	accepted(t, l.engine.Apply(strict.Bind("disk", l.store).OnRetire(l.store.close)))
	l.scope = composedOf(t, l.engine)
	accepted(t, l.scope.Resolve(strict.IntoLeased(&l.one), strict.All().IntoLeased(&l.all)))
	return l
}

// replace puts a store that needs no retirement in the place of the leased one.
func (l *leaseTest) replace() { must(l.engine.Apply(strict.Rebind("disk", &blobStore{name: "next"}))) }

// end closes everything and expects the store to be retired.
func (l *leaseTest) end(t *testing.T) {
	t.Helper()
	accepted(t, l.scope.Close())
	accepted(t, l.engine.Close(t.Context()))
	expectShut(t, "at the end", []*blobStore{l.store}, l.store)
}

func TestUseOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeaseTest(t)
		called := func(*blobStore) error { t.Error("called"); return nil }
		refused(t, capability.Leased[*blobStore]{}.Use(called), capability.ErrInvalid)
		refused(t, capability.Leased[*blobStore]{}.Use(nil), capability.ErrInvalid)
		refused(t, l.one.Use(nil), capability.ErrInvalid)
		var none capability.Leased[*blobStore]
		refused(t, l.scope.Resolve(strict.Named("nobody").IntoLeased(&none), strict.IntoLeased(&none)), capability.ErrNotProvided)
		refused(t, none.Use(called), capability.ErrInvalid)
		accepted(t, l.scope.Close())
		refused(t, l.one.Use(called), capability.ErrClosed)
		refused(t, l.all.Use(func(capability.Chain[*blobStore]) error { return nil }), capability.ErrClosed)
		l.end(t)
	})
}

// However f ends, the lease ends with it.
func TestPromise12UseEndsTheLease(t *testing.T) {
	errOwn := errors.New("own error")
	for name, end := range map[string]func() error{
		"return": func() error { return nil },
		"error":  func() error { return errOwn },
		"panic":  func() error { panic("on fire") },
		"nil":    func() error { panic(nil) },
		"exit":   func() error { runtime.Goexit(); return nil },
	} {
		for _, nested := range []bool{false, true} {
			if nested {
				name += "-nested"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLeaseTest(t)
					ended := false
					f := func(s *blobStore) error {
						l.replace()
						expectShut(t, "in use", nil, s)
						ended = true
						return end()
					}
					var got error
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { recover() }()
						if !nested {
							got = l.one.Use(f)
							return
						}
						got = l.all.Use(func(c capability.Chain[*blobStore]) error {
							return l.one.Use(func(s *blobStore) error { return l.one.Use(f) })
						})
					}()
					<-done
					if want := strings.HasPrefix(name, "error"); (got == errOwn) != want || !want && got != nil {
						t.Errorf("Use returns %v", got)
					}
					if !ended {
						t.Error("f did not come to its end")
					}
					expectShut(t, "after Use", []*blobStore{l.store}, l.store)
					l.end(t)
				})
			})
		}
	}
}

func TestUseMayDoAnything(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, l *leaseTest){
		"close-scope":     func(t *testing.T, l *leaseTest) { accepted(t, l.scope.Close()) },
		"close-and-leave": func(t *testing.T, l *leaseTest) { accepted(t, l.scope.Close()); l.replace() },
		"replace":         func(t *testing.T, l *leaseTest) { l.replace(); l.replace() },
		"unbind": func(t *testing.T, l *leaseTest) {
			refused(t, l.engine.Apply(strict.Unbind("disk")), capability.ErrInUse)
			accepted(t, l.engine.Apply(strict.Bind("spare", &blobStore{}).Priority(1), strict.Unbind("disk")))
		},
		"close-all": func(t *testing.T, l *leaseTest) {
			accepted(t, l.scope.Close())
			refused(t, l.engine.Close(endedContext()), capability.ErrInUse)
			refused(t, l.engine.Drain(endedContext()), capability.ErrInUse)
		},
		"resolve": func(t *testing.T, l *leaseTest) {
			again, err := strict.Leased(l.scope)
			accepted(t, err)
			accepted(t, again.Use(func(s *blobStore) error { l.replace(); return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeaseTest(t)
				accepted(t, l.one.Use(func(s *blobStore) error {
					do(t, l)
					expectShut(t, "in use", nil, s)
					return nil
				}))
				l.end(t)
			})
		})
	}
}

// A second Use inside the first gets what is current, and each lease holds its
// own.
func TestNestedUseSeesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeaseTest(t)
		next := &blobStore{name: "next"}
		accepted(t, l.one.Use(func(first *blobStore) error {
			must(l.engine.Apply(strict.Rebind("disk", next).OnRetire(next.close)))
			must(l.one.Use(func(second *blobStore) error {
				if first != l.store || second != next {
					t.Errorf("the leases see %q and %q", first.name, second.name)
				}
				l.replace()
				expectShut(t, "in both", nil, first, second)
				return nil
			}))
			expectShut(t, "in the outer", []*blobStore{next}, first, next)
			return nil
		}))
		l.end(t)
	})
}

// A lease that began before a mask holds what is unbound long after it.
func TestLeaseBeforeTheMask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		disk, tape := &blobStore{name: "disk"}, &blobStore{name: "tape"}
		accepted(t, engine.Apply(strict.Bind("disk", disk).OnRetire(disk.close), strict.Bind("tape", tape).OnRetire(tape.close)))
		scope := composedOf(t, engine, orders)
		all, err := strict.All().Leased(scope)
		accepted(t, err)
		accepted(t, all.Use(func(kept capability.Chain[*blobStore]) error {
			must(orders.Apply(strict.Mask("disk")))
			must(all.Use(func(c capability.Chain[*blobStore]) error {
				must(engine.Apply(strict.Unbind("disk")))
				expectShut(t, "unbound, in a lease from before the mask", nil, disk, tape)
				must(engine.Apply(strict.Unbind("tape")))
				return nil
			}))
			if kept.Len() != 2 {
				t.Errorf("the kept chain has %d providers", kept.Len())
			}
			expectShut(t, "in the first lease", nil, disk, tape)
			return nil
		}))
		expectShut(t, "after it", []*blobStore{disk, tape}, disk, tape)
		accepted(t, scope.Close())
	})
}

// Leases are of one scope and one query: others neither hold nor are held up.
func TestLeaseOfAnotherQueryHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeaseTest(t)
		spare := &blobStore{name: "spare"}
		accepted(t, l.engine.Apply(strict.Bind("spare", spare).Priority(-1).OnRetire(spare.close)))
		accepted(t, l.one.Use(func(*blobStore) error {
			must(l.engine.Apply(strict.Unbind("spare")))
			expectShut(t, "in a lease of another provider", []*blobStore{spare}, spare, l.store)
			return nil
		}))
		l.end(t)
	})
}

// Many users come and go while the store is exchanged: none sees a closed one.
func TestNoUseSeesAClosedStore(t *testing.T) {
	l := newLeaseTest(t)
	var users sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				must(l.one.Use(func(s *blobStore) error {
					if s.closed() {
						t.Error("a lease sees a closed store")
					}
					runtime.Gosched()
					if s.closed() {
						t.Error("a store was closed in a lease")
					}
					return nil
				}))
			}
		})
	}
	var stores []*blobStore
	for range 2000 {
		s := &blobStore{}
		stores = append(stores, s)
		must(l.engine.Apply(strict.Rebind("disk", s).OnRetire(s.close)))
		runtime.Gosched()
	}
	close(stop)
	users.Wait()
	accepted(t, l.scope.Close())
	accepted(t, l.engine.Close(t.Context()))
	for i, s := range append(stores, l.store) {
		if !s.closed() {
			t.Fatalf("store %d was not closed", i)
		}
	}
}

// A lease that has ended is not named as one that holds, while others hold on.
func TestEndedLeaseIsNotNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeaseTest(t)
		end, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			must(l.one.Use(func(*blobStore) error { <-end; return nil }))
		}()
		synctest.Wait()
		other := composedOf(t, l.engine, capability.NewRegistry(capability.Pipeline, "other"))
		again := must1(strict.Leased(other))
		accepted(t, again.Use(func(*blobStore) error {
			l.replace()
			for _, leases := range []int{2, 1} {
				text := l.engine.Drain(endedContext()).Error()
				if n := strings.Count(text, "a lease of scope"); n != leases {
					t.Errorf("%d leases hold, want %d: %s", n, leases, text)
				}
				if leases == 2 {
					close(end)
					<-ended
				}
			}
			return nil
		}))
		accepted(t, other.Close())
		l.end(t)
	})
}

// A Leased may be a provider, but not the zero Leased.
func TestLeasedAsProvider(t *testing.T) {
	keepers := capability.New[capability.Leased[int]]("keeper", "lends a number")
	engine := capability.NewRegistry(capability.Engine, "engine")
	accepted(t, engine.Apply(limits.Bind("low", 1)))
	scope := composedOf(t, engine)
	low := must1(limits.Leased(scope))
	refused(t, engine.Apply(keepers.Bind("none", capability.Leased[int]{})), capability.ErrInvalid)
	accepted(t, engine.Apply(keepers.Bind("low", low)))
	accepted(t, scope.Close())
	accepted(t, engine.Close(t.Context()))
}
