// The code of threads.md: workers that sift the samples of a seismic station.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/typedcap/capability"
)

// A SeismicFilter says whether a sample may be an earthquake.
type SeismicFilter interface {
	Keep(sample int) (bool, error)
}

// A SeismicDisk has to be closed when it was replaced.
type SeismicDisk struct{ label string }

func (d *SeismicDisk) Write([]int) error { return nil }

func (d *SeismicDisk) Close() error {
	fmt.Println("disk", d.label, "is closed")
	return nil
}

// A seismicTally is what one worker counts. It is alone on its cache lines.
type seismicTally struct {
	kept int
	_    [120]byte
}

// newSeismicTally is called once for each scope that resolves a tally.
func newSeismicTally(*capability.Resolver) (*seismicTally, error) {
	return new(seismicTally), nil
}

var (
	SeismicFilters = capability.New[SeismicFilter]("seismic-filters", "say what may be an earthquake")
	SeismicTallies = capability.New[*seismicTally]("seismic-tallies", "count for one worker")
	SeismicDisks   = capability.New[*SeismicDisk]("seismic-disks", "keep samples", capability.OnlyLeased())
)

// A seismicWorker has a scope of its own, and reads its handles on one goroutine.
type seismicWorker struct {
	own     *capability.Registry
	scope   *capability.Scope
	filters capability.ChainHandle[SeismicFilter]
	tally   capability.Handle[*seismicTally]
	disk    capability.Leased[*SeismicDisk]
}

// newSeismicWorker returns a worker. own is for what is to be otherwise for it alone.
func newSeismicWorker(n int, station *capability.Registry) (*seismicWorker, error) {
	own := capability.NewRegistry(capability.Node, fmt.Sprintf("worker-%d", n))
	scope, err := capability.Compose(own, station)
	if err != nil {
		return nil, err
	}
	w := &seismicWorker{own: own, scope: scope}
	return w, scope.Resolve(
		SeismicFilters.All().Into(&w.filters),
		SeismicTallies.Into(&w.tally),
		SeismicDisks.IntoLeased(&w.disk),
	)
}

// run works until there are no more batches.
func (w *seismicWorker) run(batches <-chan []int) error {
	runtime.LockOSThread() // only if something belongs to the thread, such as its affinity
	defer runtime.UnlockOSThread()
	var errs []error
	for batch := range batches {
		errs = append(errs, w.work(batch))
	}
	return errors.Join(errs...)
}

// work has the disk for one batch.
func (w *seismicWorker) work(batch []int) error {
	return w.disk.Use(func(d *SeismicDisk) error { return w.sift(batch, d) })
}

// sift reads each handle once for the batch.
func (w *seismicWorker) sift(batch []int, d *SeismicDisk) error {
	filters, tally := w.filters.Get(), w.tally.Get()
	for _, sample := range batch {
		keep, err := capability.Every(filters, func(f SeismicFilter) (bool, error) {
			return f.Keep(sample)
		})
		if err != nil {
			return err
		}
		if keep {
			tally.kept++ // no lock, nothing atomic: it is of this worker
		}
	}
	return d.Write(batch)
}

// louderThan is a filter.
type louderThan int

func (l louderThan) Keep(sample int) (bool, error) { return sample > int(l), nil }

func Example_threads() {
	station := capability.NewRegistry(capability.Engine, "station")
	first, second := &SeismicDisk{"one"}, &SeismicDisk{"two"}
	must(station.Apply(
		SeismicFilters.Bind("noise", louderThan(3)),
		SeismicDisks.Bind("disk", first).OnRetire(first.Close),
		SeismicTallies.BindPerScope("tally", newSeismicTally),
	))
	var workers []*seismicWorker
	for n := range 4 { // in a program: runtime.GOMAXPROCS(0)
		w, err := newSeismicWorker(n, station)
		must(err)
		workers = append(workers, w)
	}
	day := func() {
		var done sync.WaitGroup
		for _, w := range workers {
			batches := make(chan []int, 1)
			batches <- []int{1, 2, 3, 4, 5, 6, 7, 8, 9}
			close(batches)
			done.Go(func() { must(w.run(batches)) })
		}
		done.Wait()
		var kept []int
		for _, w := range workers {
			kept = append(kept, w.tally.Get().kept)
			w.tally.Get().kept = 0
		}
		fmt.Println(kept)
	}
	day()
	must(workers[0].own.Apply(SeismicFilters.Bind("trial", louderThan(7))))
	day()
	must(station.Apply(SeismicDisks.Rebind("disk", second).OnRetire(second.Close)))
	must(station.Drain(context.Background())) // all workers have their scopes open
	for _, w := range workers {
		must(w.scope.Close())
	}
	must(station.Close(context.Background()))
	// Output:
	// [6 6 6 6]
	// [2 6 6 6]
	// disk one is closed
	// disk two is closed
}
