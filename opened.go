// What is open, for tests that look for leaks.

package capability

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/typedcap/capability/internal/inside"
)

// opened holds scopes and registries that are open, of those that were made while
// somebody looked for leaks. Otherwise it holds nothing and costs a load.
var opened struct {
	lookers atomic.Int32

	mu  sync.Mutex
	all map[any]inside.Opened
	seq uint64
}

func init() {
	inside.Look = func() (since uint64, stop func()) {
		opened.lookers.Add(1)
		opened.mu.Lock()
		defer opened.mu.Unlock()
		return opened.seq, sync.OnceFunc(func() {
			opened.mu.Lock()
			defer opened.mu.Unlock()
			if opened.lookers.Add(-1) == 0 {
				opened.all = nil
			}
		})
	}
	inside.Goroutine = goroutine
	inside.StillOpen = func(since uint64) []inside.Opened {
		opened.mu.Lock()
		defer opened.mu.Unlock()
		var list []inside.Opened
		for _, o := range opened.all {
			if o.Seq > since {
				list = append(list, o)
			}
		}
		slices.SortFunc(list, func(a, b inside.Opened) int { return cmp.Compare(a.Seq, b.Seq) })
		return list
	}
}

// noteOpened notes that what was opened there, or where the func that calls it was called
// if at is 0.
func noteOpened(what any, at site) {
	if opened.lookers.Load() == 0 {
		return
	}
	if at == 0 {
		at = caller(2)
	}
	name := fmt.Sprint(what)
	if s, ok := what.(*Scope); ok {
		name = "scope " + quote(s.String())
	}
	o := inside.Opened{Name: name, Site: at.String(), By: goroutine(), Stack: make([]uintptr, 64)}
	o.Stack = o.Stack[:runtime.Callers(2, o.Stack)]
	opened.mu.Lock()
	defer opened.mu.Unlock()
	if opened.lookers.Load() == 0 {
		return
	}
	if opened.all == nil {
		opened.all = make(map[any]inside.Opened)
	}
	opened.seq++
	o.Seq = opened.seq
	opened.all[what] = o
}

// noteClosed notes that what is not open any more.
func noteClosed(what any) {
	if opened.lookers.Load() == 0 {
		return
	}
	opened.mu.Lock()
	defer opened.mu.Unlock()
	delete(opened.all, what)
}
