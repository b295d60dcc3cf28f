// The code of testing.md: a pharmacy that tells patients when their medicine is there.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/data"
)

// A PharmacyMessage is what a patient is told.
type PharmacyMessage struct{ To, Text string }

var (
	// PharmacyMessengers tell patients.
	PharmacyMessengers = capability.New[func(PharmacyMessage) error]("messengers", "tell patients")

	// PharmacyStocks say how many packs there are.
	PharmacyStocks = capability.New[func(medicine string) int]("stock", "says how many packs there are")
)

// A Dispensary is the code under test.
type Dispensary struct {
	messengers capability.ChainHandle[func(PharmacyMessage) error]
	stock      capability.Handle[func(string) int]
}

func (d *Dispensary) Needs() []capability.Need {
	return []capability.Need{PharmacyMessengers.All().Into(&d.messengers), PharmacyStocks.Into(&d.stock)}
}

func NewDispensary(s *capability.Scope) (*Dispensary, error) {
	d := new(Dispensary)
	return d, s.Resolve(d.Needs()...)
}

// Ready tells the patient if the medicine is there.
func (d *Dispensary) Ready(patient, medicine string) error {
	if d.stock.Get()(medicine) == 0 {
		return errors.New("out of " + medicine)
	}
	return capability.Each(d.messengers.Get(), func(tell func(PharmacyMessage) error) error {
		return tell(PharmacyMessage{patient, medicine + " is ready"})
	})
}

// pharmacy returns the scope of the program, as main composes it.
func pharmacy(t *testing.T) *capability.Scope {
	shop := capability.NewRegistry(capability.Engine, "shop")
	must(shop.Apply(
		PharmacyMessengers.Bind("sms", func(PharmacyMessage) error { return errors.New("no network in tests") }),
		PharmacyMessengers.Bind("board", func(PharmacyMessage) error { return nil }),
		PharmacyStocks.Bind("ledger", func(medicine string) int { return len(medicine) - len("aspirin") }),
	))
	scope, err := capability.Compose(shop)
	must(err)
	t.Cleanup(func() {
		must(scope.Close())
		must(shop.Close(context.Background()))
	})
	return scope
}

// With the real ones, a test sees what the program does.
func TestPharmacyReal(t *testing.T) {
	d, err := NewDispensary(pharmacy(t))
	must(err)
	if err := d.Ready("Ann", "aspirin"); err == nil || err.Error() != "out of aspirin" {
		t.Errorf("Ready returns %v", err)
	}
}

func TestPharmacyRecorded(t *testing.T) {
	t.Parallel()
	capabilitytest.NoLeaks(t)
	production := pharmacy(t)

	var sent capabilitytest.Recorder[PharmacyMessage]
	scope := capabilitytest.Overlay(t, production,
		PharmacyMessengers.Rebind("sms", func(m PharmacyMessage) error { sent.Record(m); return nil }),
		PharmacyStocks.Rebind("ledger", func(string) int { return 1 }),
	)
	d, err := NewDispensary(scope)
	must(err)
	must(d.Ready("Ann", "aspirin"))
	sent.Called(t, PharmacyMessage{"Ann", "aspirin is ready"})
}

func TestPharmacyOff(t *testing.T) {
	t.Parallel()
	production := pharmacy(t)

	scope := capabilitytest.Overlay(t, production,
		PharmacyMessengers.Mask("sms"),
		PharmacyStocks.Rebind("ledger", func(medicine string) int {
			t.Errorf("the ledger is asked for %s", medicine)
			return 1
		}),
	)
	d, err := NewDispensary(scope)
	must(err)
	if got := d.messengers.Get().Names(); !slices.Equal(got, []string{"board"}) {
		t.Errorf("the messengers are %v", got)
	}
}

func TestPharmacyFits(t *testing.T) {
	till := new(Dispensary)
	report := capability.Preflight(capability.Consumer{Name: "dispensary", Scope: pharmacy(t), Needs: till.Needs()})
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}

// pharmacyMessengers is what a shop may bind. The board shows what the others have sent.
func pharmacyMessengers() []capability.Binding {
	tell := func(PharmacyMessage) error { return nil }
	return []capability.Binding{
		PharmacyMessengers.Bind("sms", tell),
		PharmacyMessengers.Bind("mail", tell),
		PharmacyMessengers.Bind("board", tell).After("sms", "mail"),
	}
}

func TestPharmacyBoardIsLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := capabilitytest.Worlds(pharmacyMessengers()...).Draw(t, "world")
		for i := range world {
			world[i].Select = nil // who selects says the order
		}
		chain, err := PharmacyMessengers.All().Handle(world.Open(t))
		must(err)
		names := chain.Get().Names()
		if at := slices.Index(names, "board"); at >= 0 && at < len(names)-1 {
			t.Fatalf("after the board come %v", names[at+1:])
		}
	})
}

// A PharmacyPriceList is a source of data: what packs cost, by medicine.
type PharmacyPriceList struct{ changed chan map[string]int }

func (p *PharmacyPriceList) Run(ctx context.Context, publish func(map[string]int)) error {
	publish(map[string]int{"aspirin": 450})
	for {
		select {
		case prices := <-p.changed:
			publish(prices)
		case <-ctx.Done():
			return nil
		}
	}
}

func TestPharmacyPriceList(t *testing.T) {
	list, price := &PharmacyPriceList{make(chan map[string]int, 1)}, 450
	capabilitytest.TestSource(t, func() data.Source[string, int] { return list }, func() {
		price += 25 // it is called twice
		list.changed <- map[string]int{"aspirin": price}
	})
}

// A hasty price list ends as soon as it has published.
type hastyPharmacyPriceList struct{}

func (hastyPharmacyPriceList) Run(_ context.Context, publish func(map[string]int)) error {
	publish(map[string]int{"aspirin": 450})
	return nil
}

// A pharmacyCapture is a test that keeps what it is told.
type pharmacyCapture struct {
	capabilitytest.TB
	told []string
}

func (*pharmacyCapture) Helper() {}
func (c *pharmacyCapture) Errorf(format string, args ...any) {
	c.told = append(c.told, fmt.Sprintf(format, args...))
}

func Example_testing() {
	c := new(pharmacyCapture)
	capabilitytest.TestSource(c, func() data.Source[string, int] { return hastyPharmacyPriceList{} }, nil)
	fmt.Println(c.told[0])
	// Output:
	// Run returned "<nil>" while its context had not ended: wait for that when there is nothing more to say, as a Run that returns is called again after a pause
}
