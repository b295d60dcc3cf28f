// The code of replacement.md: an observatory changes its catalogue of stars while charts
// are drawn.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
)

// A StarCatalogue is open as long as somebody may look into it.
type StarCatalogue struct {
	edition string
	closed  atomic.Bool
}

func (c *StarCatalogue) Find(star string) (string, error) {
	if c.closed.Load() {
		return "", errors.New("the catalogue is closed")
	}
	return star + " as of " + c.edition, nil
}

func (c *StarCatalogue) Close() error {
	c.closed.Store(true)
	fmt.Println("closed", c.edition)
	return nil
}

// StarCatalogues is the extension point.
var StarCatalogues = capability.New[*StarCatalogue]("catalogue", "knows the stars")

// observe is what a telescope does all night.
func observe(stars capability.Leased[*StarCatalogue], star string) (position string, err error) {
	err = stars.Use(func(c *StarCatalogue) error {
		position, err = c.Find(star)
		return err
	})
	return position, err
}

func Example_replacement() {
	sky := capability.NewRegistry(capability.Engine, "observatory")
	first := &StarCatalogue{edition: "2024"}
	must(sky.Apply(StarCatalogues.Bind("stars", first).OnRetire(first.Close)))
	scope, err := capability.Compose(sky)
	must(err)
	stars, err := StarCatalogues.Leased(scope)
	must(err)

	var failed atomic.Int64
	var telescopes sync.WaitGroup
	for range 4 {
		telescopes.Go(func() {
			for range 10_000 {
				if _, err := observe(stars, "Vega"); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	next := &StarCatalogue{edition: "2025"}
	must(sky.Apply(StarCatalogues.Rebind("stars", next).OnRetire(next.Close)))
	must(sky.Drain(context.Background())) // the last Use of 2024 has returned
	fmt.Println("2025 serves")
	telescopes.Wait()
	fmt.Println(failed.Load(), "observations failed")

	must(scope.Close())
	must(sky.Close(context.Background()))
	// Output:
	// closed 2024
	// 2025 serves
	// 0 observations failed
	// closed 2025
}

func Example_replacementHeld() {
	sky := capability.NewRegistry(capability.Engine, "observatory")
	first := &StarCatalogue{edition: "2024"}
	must(sky.Apply(StarCatalogues.Bind("stars", first).OnRetire(first.Close)))
	scope, err := capability.Compose(sky)
	must(err)
	stars, err := StarCatalogues.Handle(scope)
	must(err)

	kept := stars.Get() // by a chart that takes its time
	must(sky.Apply(StarCatalogues.Rebind("stars", &StarCatalogue{edition: "2025"})))
	fmt.Println(stars.Get().Find("Vega"))
	fmt.Println(kept.Find("Vega"))

	soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err = sky.Drain(soon)
	fmt.Println(errors.Is(err, capability.ErrInUse), errors.Is(err, context.DeadlineExceeded))

	must(scope.Close())
	must(sky.Drain(context.Background()))
	// Output:
	// Vega as of 2025 <nil>
	// Vega as of 2024 <nil>
	// true true
	// closed 2024
}

func Example_replacementGrace() {
	sky := capability.NewRegistry(capability.Engine, "observatory")
	first := &StarCatalogue{edition: "2024"}
	must(sky.Apply(StarCatalogues.Bind("stars", first).
		OnRetire(first.Close).
		Grace(5 * time.Millisecond))) // no exposure takes longer, and each reads the handle anew
	scope, err := capability.Compose(sky)
	must(err)
	defer scope.Close()
	_, err = StarCatalogues.Handle(scope)
	must(err)

	must(sky.Apply(StarCatalogues.Rebind("stars", &StarCatalogue{edition: "2025"})))
	must(sky.Drain(context.Background())) // the scope is still open
	// Output: closed 2024
}

// keepIndex makes a new index for each catalogue, until the scope is closed.
func keepIndex(plain capability.Handle[*StarCatalogue], index chan<- string) {
	for _, now := range plain.Watch(context.Background()) {
		index <- "index of " + now.edition
	}
	close(index)
}

func Example_replacementWatch() {
	sky := capability.NewRegistry(capability.Engine, "observatory")
	must(sky.Apply(StarCatalogues.Bind("stars", &StarCatalogue{edition: "2024"})))
	scope, err := capability.Compose(sky)
	must(err)
	stars, err := StarCatalogues.Handle(scope)
	must(err)

	index := make(chan string)
	go keepIndex(stars, index)
	fmt.Println(<-index)
	must(sky.Apply(StarCatalogues.Rebind("stars", &StarCatalogue{edition: "2025"})))
	fmt.Println(<-index)
	must(scope.Close()) // ends the loop
	_, more := <-index
	fmt.Println(more)
	// Output:
	// index of 2024
	// index of 2025
	// false
}

// StarEpochs says of which year positions are wanted.
var StarEpochs = capability.New[string]("epoch", "says of which year positions are")

// A StarChart is drawn with a catalogue and an epoch that belong together.
type StarChart struct{ Epoch, Edition string }

func drawChart(r *capability.Resolver) (StarChart, error) {
	c, err := StarCatalogues.In(r)
	if err != nil {
		return StarChart{}, err
	}
	epoch, err := StarEpochs.In(r)
	if err == nil && c.edition != epoch {
		err = fmt.Errorf("a catalogue of %s for the epoch %s", c.edition, epoch)
	}
	return StarChart{epoch, c.edition}, err
}

var starCharts = capability.Derive(drawChart)

func Example_replacementDerive() {
	sky := capability.NewRegistry(capability.Engine, "observatory")
	dome := capability.NewRegistry(capability.Group, "dome")
	must(sky.Apply(StarCatalogues.Bind("stars", &StarCatalogue{edition: "2024"})))
	must(dome.Apply(StarEpochs.Bind("year", "2024")))
	scope, err := capability.Compose(dome, sky)
	must(err)
	defer scope.Close()
	chart, err := starCharts.Handle(scope)
	must(err)
	fmt.Println(chart.Get())

	rebound := StarCatalogues.Rebind("stars", &StarCatalogue{edition: "2025"})
	err = sky.Apply(rebound)
	fmt.Println(withoutSites(err.Error()))
	fmt.Println(chart.Get())

	must(capability.Commit(
		sky.Stage(rebound),
		dome.Stage(StarEpochs.Rebind("year", "2025")),
	))
	fmt.Println(chart.Get())
	// Output:
	// {2024 2024}
	// scope "dome over observatory": the change is refused, because the build of Derive failed: a catalogue of 2025 for the epoch 2024
	// {2024 2024}
	// {2025 2025}
}

func Example_replacementRefused() {
	sky := capability.NewRegistry(capability.Engine, "observatory")
	must(sky.Apply(StarCatalogues.Bind("stars", &StarCatalogue{edition: "2024"})))
	scope, err := capability.Compose(sky)
	must(err)
	defer scope.Close()
	stars, err := StarCatalogues.Handle(scope)
	must(err)

	err = sky.Apply(StarCatalogues.Unbind("stars"))
	fmt.Println(errors.Is(err, capability.ErrInUse), withoutSites(err.Error()))
	err = sky.Apply(StarCatalogues.Bind("spare", &StarCatalogue{edition: "2020"}))
	fmt.Println(errors.Is(err, capability.ErrInUse), withoutSites(err.Error()))
	must(sky.Apply(StarCatalogues.Bind("spare", &StarCatalogue{edition: "2020"}).Priority(-1)))

	next := &StarCatalogue{edition: "2025"}
	binding := StarCatalogues.Rebind("stars", next).OnRetire(next.Close)
	err = sky.Apply(binding, StarCatalogues.Unbind("spair")) // all or none
	fmt.Println(errors.Is(err, capability.ErrUnknown), stars.Get().edition)
	must(sky.Apply(binding)) // the refused one took nothing over
	err = sky.Apply(binding) // and now it would be closed twice
	fmt.Println(errors.Is(err, capability.ErrInvalid), stars.Get().edition)
	// Output:
	// true capability "catalogue", scope "observatory": the change would leave a resolved handle without its provider (scope "observatory" resolved it): close the scopes first, or Rebind instead
	// true capability "catalogue", scope "observatory": the change would leave a resolved handle with several candidates for the one provider (scope "observatory" resolved it): close the scopes first, or Rebind instead
	// true 2024
	// true 2025
}
