// How much memory things take.

package main

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"github.com/typedcap/capability"
)

// usage is what is taken of the heap, and of the stacks of goroutines.
type usage struct{ heap, stack float64 }

// settled returns the usage when all that can be collected has been.
func settled() usage {
	runtime.GC()
	runtime.GC() // what was kept for reuse is free now
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{float64(m.HeapAlloc), float64(m.StackInuse)}
}

// grown returns by how much the usage grows for each of n things when make makes
// them.
func grown(n int, make func() error) (usage, error) {
	before := settled()
	err := make()
	after := settled()
	return usage{(after.heap - before.heap) / float64(n), (after.stack - before.stack) / float64(n)}, err
}

// warmUp starts as many goroutines as will ever watch, so that what the runtime
// keeps about each is there before anything is weighed.
func warmUp(p plan) {
	most := p.together
	for _, a := range axes {
		if a.name == "watchers" {
			most = max(most, maximum(a.values(p)))
		}
	}
	var alive sync.WaitGroup
	open := make(chan struct{})
	for range most {
		alive.Go(func() { <-open })
	}
	close(open)
	alive.Wait()
}

// maximum returns the greatest of xs, 0 if there is none.
func maximum(xs []int) (most int) {
	for _, x := range xs {
		most = max(most, x)
	}
	return most
}

// wordSize is what a consumer needs to keep one handle.
const wordSize = 8

// weighScopes weighs groups of x scopes below an engine, and their handles.
func weighScopes(groups, x int) ([]weight, error) {
	n := groups * x
	fleets := make([]*fleet, groups)
	for i := range fleets {
		f, err := newEngine(newChecks(handles))
		if err != nil {
			return nil, err
		}
		f.nodes = make([]node, x)
		for j := range f.nodes {
			f.nodes[j].reads = new([handles]capability.Handle[check])
		}
		fleets[i] = f
	}
	composed, err := grown(n, func() error {
		for _, f := range fleets {
			if err := f.compose(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	resolved, err := grown(n, func() error {
		for _, f := range fleets {
			for _, node := range f.nodes {
				if err := f.resolve(node); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range fleets {
		if err := f.close(); err != nil {
			return nil, err
		}
	}
	clear(fleets)

	checks := newChecks(handles)
	locked, atomic := make([]*lockedEngine, groups), make([]*atomicEngine, groups)
	for i := range groups {
		locked[i], atomic[i] = newLocked(checks, 0), newAtomic(checks, 0)
	}
	// Neither of these fails, nor do those below that return no error.
	inLocks, _ := grown(n, func() error {
		for _, e := range locked {
			for range x {
				e.compose(names)
			}
		}
		return nil
	})
	inAtomics, _ := grown(n, func() error {
		for _, e := range atomic {
			for range x {
				e.compose()
			}
		}
		return nil
	})
	maps := make([]map[string]check, n)
	inMaps, _ := grown(n, func() error {
		for i := range maps {
			maps[i] = make(map[string]check, handles)
			for j, name := range names {
				maps[i][name] = checks[j]
			}
		}
		return nil
	})
	runtime.KeepAlive(locked)
	runtime.KeepAlive(atomic)
	runtime.KeepAlive(maps)
	return []weight{
		{"memory-scopes", "scope and registry", composed.heap},
		{"memory-scopes", "scope, registry and ten handles", composed.heap + resolved.heap + handles*wordSize},
		{"memory-scopes", withLocks, inLocks.heap},
		{"memory-scopes", withAtomic, inAtomics.heap},
		{"memory-handles", "handle", resolved.heap/handles + wordSize},
		{"memory-handles", entry, inMaps.heap / handles},
	}, nil
}

// weighCapabilities weighs engines with x capabilities that have one provider each.
func weighCapabilities(groups, x int) ([]weight, error) {
	n := groups * x
	checks := newChecks(x)
	fleets, maps := make([]*fleet, groups), make([]map[string]check, groups)
	bound, err := grown(n, func() (err error) {
		for i := range fleets {
			if fleets[i], err = newEngine(checks); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	inMaps, _ := grown(n, func() error {
		for i := range maps {
			maps[i] = newLocked(checks, 0).checks
		}
		return nil
	})
	runtime.KeepAlive(fleets)
	runtime.KeepAlive(maps)
	return []weight{
		{"memory-capabilities", "capability", bound.heap},
		{"memory-capabilities", entry, inMaps.heap},
	}, nil
}

// weighProviders weighs groups of x providers of one capability that one scope reads.
func weighProviders(groups, x int) ([]weight, error) {
	n := groups * x
	checks := newChecks(x)
	crowds, lists := make([]*crowd, groups), make([][]check, groups)
	for i := range crowds {
		c, err := newCrowd()
		if err != nil {
			return nil, err
		}
		crowds[i] = c
	}
	bound, err := grown(n, func() error {
		for _, c := range crowds {
			if err := c.bind(checks); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	listed, _ := grown(n, func() error {
		for i := range lists {
			lists[i] = append(make([]check, 0, x), checks...)
		}
		return nil
	})
	for _, c := range crowds {
		if err := c.scope.Close(); err != nil {
			return nil, err
		}
	}
	runtime.KeepAlive(lists)
	return []weight{
		{"memory-providers", "provider", bound.heap},
		{"memory-providers", copied, listed.heap},
	}, nil
}

// weighWatchers weighs groups of x goroutines that watch one handle.
func weighWatchers(groups, x int) ([]weight, error) {
	n := groups * x
	fleets, boards := make([]*fleet, groups), make([]*board, groups)
	for i := range fleets {
		f, err := newFleet(handles, 1)
		if err != nil {
			return nil, err
		}
		fleets[i], boards[i] = f, newBoard(newChecks(1)[0])
	}
	audiences := make([]*audience, groups)
	watching := func(watch func(ctx context.Context, i int) iter.Seq2[check, check]) usage {
		// Starting goroutines cannot fail.
		u, _ := grown(n, func() error {
			for i := range audiences {
				audiences[i] = gather(x, func(ctx context.Context, _ int) iter.Seq2[check, check] { return watch(ctx, i) })
			}
			rest(n)
			return nil
		})
		for _, a := range audiences {
			a.leave()
		}
		clear(audiences)
		return u
	}
	watched := watching(func(ctx context.Context, i int) iter.Seq2[check, check] {
		return fleets[i].nodes[0].reads[changed].Watch(ctx)
	})
	byHand := watching(func(ctx context.Context, i int) iter.Seq2[check, check] { return boards[i].watch(ctx) })
	for _, f := range fleets {
		if err := f.close(); err != nil {
			return nil, err
		}
	}
	return []weight{
		{"memory-watchers", "heap", watched.heap},
		{"memory-watchers", "stack", watched.stack},
		{"memory-watchers", broadcast + ", heap", byHand.heap},
		{"memory-watchers", broadcast + ", stack", byHand.stack},
	}, nil
}
