// Schedules of watches among commits, writes and closing.

//go:build capability_yield

package capability_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/schedule"
)

// An onlooker checks what a watch yields: each old value is the one that was
// yielded last, and numbers only grow.
type onlooker struct {
	yard  *yard
	last  int
	ended bool
}

// watch returns the loop. leave says after which value its body
// leaves it.
func (w *onlooker) watch(ctx context.Context, h capability.Handle[int], leave func(n int) bool) func() {
	return func() {
		defer func() { w.ended = true }()
		for old, now := range h.Watch(ctx) {
			if old != w.last {
				w.yard.Errorf("a watch yields %d as the old value after %d", old, w.last)
			}
			if now <= w.last {
				w.yard.Errorf("a watch yields %d after %d", now, w.last)
			}
			if ctx.Err() != nil {
				w.yard.Errorf("a watch yields %d after its ctx has ended", now)
			}
			w.last = now
			if leave(now) {
				return
			}
			schedule.Yield("watching")
		}
	}
}

func never(int) bool { return false }

// set commits the numbers one after the other.
func (y *yard) set(numbers ...int) func() {
	return func() {
		for _, n := range numbers {
			y.ok(y.engine.Apply(tariffs.Rebind("day", n)))
		}
	}
}

// Promise 9: a watch sees the last of several commits, and ends with the scope.
func TestScheduleCommitAndWatch(t *testing.T) {
	explore(t, schedule.Options{Min: 4_500}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		h, err := tariffs.Handle(y.scope)
		y.ok(err)
		w := &onlooker{yard: y}
		y.Background("watch", w.watch(context.Background(), h, never))
		y.Go("commit", y.set(2, 3))
		y.Wait()
		if w.last != 3 {
			y.Errorf("a watch has seen %d last, want 3", w.last)
		}
		y.finish()
		synctest.Wait()
		if !w.ended {
			y.Errorf("a watch goes on after its scope was closed")
		}
	})
}

// Promise 9: a watch sees the last value also when the scope closes meanwhile.
func TestScheduleCommitAndWatchAndClose(t *testing.T) {
	explore(t, schedule.Options{Min: 4_800, Preemptions: 4}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		h, err := tariffs.Handle(y.scope)
		y.ok(err)
		w := &onlooker{yard: y}
		y.Go("watch", w.watch(context.Background(), h, never))
		y.Go("commit", y.set(2))
		y.Go("close", y.close)
		y.Wait()
		if w.last != h.Get() {
			y.Errorf("a watch has seen %d last, and the handle keeps %d", w.last, h.Get())
		}
		y.finish()
	})
}

// Promise 9: two watches of one handle, of which one leaves, are each told.
func TestScheduleCommitAndTwoWatches(t *testing.T) {
	explore(t, schedule.Options{Min: 6_600, Preemptions: 3}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		h, err := tariffs.Handle(y.scope)
		y.ok(err)
		stays, leaves := &onlooker{yard: y}, &onlooker{yard: y}
		y.Background("watch", stays.watch(context.Background(), h, never))
		y.Background("leave", leaves.watch(context.Background(), h, func(n int) bool { return n > 1 }))
		y.Go("commit", y.set(2, 3))
		y.Wait()
		if stays.last != 3 || !leaves.ended {
			y.Errorf("one watch has seen %d last, want 3; the other has left: %v", stays.last, leaves.ended)
		}
		y.finish()
	})
}

// Promise 9: a watch ends with its ctx and then yields nothing more; writers do
// not wait for it.
func TestScheduleCommitAndWatchAndCancel(t *testing.T) {
	explore(t, schedule.Options{Min: 230, Preemptions: 3}, func(y *yard) {
		y.open(tariffs.Bind("day", 1))
		h, err := tariffs.Handle(y.scope)
		y.ok(err)
		ctx, cancel := context.WithCancel(context.Background())
		w := &onlooker{yard: y}
		y.Go("watch", w.watch(ctx, h, never))
		y.Go("commit", y.set(2))
		y.Go("cancel", cancel)
		y.Wait()
		y.finish()
	})
}

// Promises 9 and 12: the body of a watch may commit, close the scope and panic;
// others are told all the same.
func TestScheduleWatchThatPanics(t *testing.T) {
	explore(t, schedule.Options{Min: 1_800, Preemptions: 3}, func(y *yard) {
		y.open(tariffs.Bind("day", 1), tariffs.Bind("night", 1))
		day, err := tariffs.Named("day").Handle(y.scope)
		y.ok(err)
		night, err := tariffs.Named("night").Handle(y.scope)
		y.ok(err)
		w := &onlooker{yard: y}
		y.Background("watch", w.watch(context.Background(), night, never))
		y.Go("panic", func() {
			defer func() {
				if recover() == nil {
					y.Errorf("the panic of a body is lost")
				}
			}()
			for _, now := range day.Watch(context.Background()) {
				if now == 2 {
					y.ok(y.engine.Apply(tariffs.Rebind("night", 2)))
					panic("the clock stops")
				}
			}
		})
		y.Go("commit", y.set(2))
		y.Wait()
		if w.last != 2 {
			y.Errorf("another watch has seen %d last, want 2", w.last)
		}
		y.finish()
	})
}

// Promise 9, for what is derived: a watch sees whole values, and the last.
func TestScheduleCommitAndWatchDerived(t *testing.T) {
	explore(t, schedule.Options{Min: 1_600, Preemptions: 5}, func(y *yard) {
		y.openTariffs()
		h, err := dayAndNight.Handle(y.scope)
		y.ok(err)
		last := 0
		y.Go("watch", func() {
			for _, now := range h.Watch(context.Background()) {
				last = y.whole(now)
				schedule.Yield("watching")
			}
		})
		y.Go("commit", func() {
			y.ok(y.setTariffs(2))
			y.close()
		})
		y.Wait()
		if last != 2 {
			y.Errorf("a watch has seen %d last, want 2", last)
		}
		y.finish()
	})
}

// Published state: of two writers either is the last, and all agree which.
func TestScheduleWriteAndWatch(t *testing.T) {
	explore(t, schedule.Options{Min: 3_200, Preemptions: 5}, func(y *yard) {
		h, set := capability.NewValue(1)
		ctx, cancel := context.WithCancel(context.Background())
		last := 0
		y.Background("watch", func() {
			for old, now := range h.Watch(ctx) {
				if old != last {
					y.Errorf("a watch yields %d as the old value after %d", old, last)
				}
				last = now
				schedule.Yield("watching")
			}
		})
		for n := 2; n <= 3; n++ {
			y.Go(fmt.Sprint("write", n), func() {
				set(n)
				if got := h.Get(); got == 1 {
					y.Errorf("the value is %d after %d was set", got, n)
				}
			})
		}
		y.Wait()
		if last != h.Get() {
			y.Errorf("a watch has seen %d last, and the value is %d", last, h.Get())
		}
		cancel()
	})
}
