// Publications with a flaw: the checks of the soak report each.

package stress_test

import (
	"errors"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A board publishes by hand what a lane shows, with a flaw unless that is "none".
// A board without a flaw keeps the promises by one pointer for each view.
type board struct {
	flaw  string
	mu    sync.Mutex
	views []*boardView
	late  []func()       // stores that a flawed commit left to the next one
	was   [2]generations // before the last commit, and before the one before it
}

// generations is all that a view shows.
type generations struct{ one, wide uint64 }

type boardView struct {
	now    atomic.Pointer[generations]
	old    atomic.Pointer[generations]
	closed atomic.Bool
	parts  [3]atomic.Uint64 // of a torn derived value, a mixed chain or half a quote
	reads  atomic.Uint64
}

func newBoard(flaw string) *board {
	b := &board{flaw: flaw}
	for range 2 {
		b.views = append(b.views, newBoardView(generations{}))
	}
	return b
}

func newBoardView(g generations) *boardView {
	v := new(boardView)
	v.now.Store(&g)
	v.old.Store(&g)
	for i := range v.parts {
		v.parts[i].Store(g.wide)
	}
	return v
}

// commit does what a commit does, but for the flaw.
func (b *board) commit(g uint64, wide bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, store := range b.late {
		store()
	}
	b.late = nil
	next := *b.views[0].now.Load()
	b.was = [2]generations{next, b.was[0]}
	if wide {
		next.wide = g
	}
	next.one = g
	for i, v := range b.views {
		store := func() {
			now := next
			v.old.Store(v.now.Load())
			v.now.Store(&now)
			for j := range v.parts {
				if wide || b.flaw == "half a quote" {
					v.parts[j].Store(g)
					runtime.Gosched()
				}
			}
		}
		switch {
		case b.flaw == "refuses" && g > 1000:
			return errors.New("no")
		case b.flaw == "returns before the last view is stored" && i == len(b.views)-1:
			b.late = append(b.late, store)
			continue
		case b.flaw == "shows what it refuses" && g%64 == 0:
			v.now.Store(&generations{forged, forged})
			runtime.Gosched()
		}
		store()
	}
	return nil
}

// view says how to read v.
func (b *board) view(v *boardView) *view {
	read := func() *generations {
		switch n := v.reads.Add(1); {
		case b.flaw == "goes back" && n%1000 == 0:
			return v.old.Load()
		case b.flaw == "forgets at close" && v.closed.Load():
			return new(generations)
		}
		return v.now.Load()
	}
	return &view{
		one: func() quote {
			if b.flaw == "half a quote" {
				return quote{v.parts[0].Load(), v.parts[1].Load()}
			}
			return quoteOf(read().one)
		},
		chain: func() iter.Seq[quote] {
			return func(yield func(quote) bool) {
				g := read().wide
				for i := range v.parts {
					if b.flaw == "mixes a chain" {
						g = v.parts[i].Load()
					}
					if b.flaw == "empties a chain" && v.reads.Add(1)%1000 == 0 || !yield(quoteOf(g)) {
						return
					}
				}
			}
		},
		bill: func() bill {
			if b.flaw == "derives with three loads" {
				return bill{v.parts[0].Load(), v.parts[1].Load(), v.parts[2].Load()}
			}
			g := read().wide
			return bill{g, g, g}
		},
		close: func() error {
			v.closed.Store(true)
			b.mu.Lock()
			defer b.mu.Unlock()
			for i := range b.views {
				if b.views[i] == v {
					b.views = append(b.views[:i:i], b.views[i+1:]...)
					break
				}
			}
			if b.flaw == "cannot close" {
				return errors.New("no")
			}
			return nil
		},
	}
}

// open makes another view.
func (b *board) open() (*view, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := *b.views[0].now.Load()
	switch b.flaw {
	case "cannot open":
		return nil, errors.New("no")
	case "opens with what was before":
		g = b.was[1]
	}
	v := newBoardView(g)
	if b.flaw != "leaves a new scope out" {
		b.views = append(b.views, v)
	}
	return b.view(v), nil
}

// reports says whether the text holds one of the parts of want.
func reports(text, want string) bool {
	for part := range strings.SplitSeq(want, "|") {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestBrokenPublications feeds the soak with flawed boards.
func TestBrokenPublications(t *testing.T) {
	for _, b := range []struct{ flaw, report string }{
		{"none", "nothing"},
		{"goes back", "went back|a read of"},
		{"forgets at close", "went back"},
		{"half a quote", "half of"},
		{"mixes a chain", "a dispatch meets generations"},
		{"empties a chain", "empty chain"},
		{"derives with three loads", "mixes generations"},
		{"returns before the last view is stored", "after the commit"},
		{"opens with what was before", "after the commit"},
		{"leaves a new scope out", "after the commit"},
		{"shows what it refuses", "a refused commit is seen"},
		{"refuses", "commit of generation"},
		{"cannot open", "could not be opened"},
		{"cannot close", "could not be closed"},
	} {
		t.Run(b.flaw, func(t *testing.T) {
			flaw, report := b.flaw, b.report
			p := &publication{run: newRun()}
			for range 2 {
				b := newBoard(flaw)
				l := &lane{commit: b.commit, open: b.open}
				for _, v := range b.views {
					l.views = append(l.views, b.view(v))
				}
				p.lanes = append(p.lanes, l)
			}
			limit := patience
			if flaw == "none" {
				limit = *duration / 4
			}
			text := "nothing"
			if err := p.soak(2, 1, limit); err != nil {
				text = err.Error()
			}
			if !reports(text, report) {
				t.Errorf("the soak reports %s, want %s", text, report)
			}
			if reads, commits := p.reads.Load(), p.commits.Load(); flaw == "none" && (reads == 0 || commits == 0) {
				t.Errorf("%d reads, %d commits", reads, commits)
			}
		})
	}
}
