package capabilitytest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
	"github.com/typedcap/capability/observed"
)

// A register is what a house keeps of its rooms.
type register struct {
	rooms atomic.Pointer[map[string]int]
}

func (r *register) Set(rooms map[string]int) { r.rooms.Store(&rooms) }

// Source returns a source that follows the register.
func (r *register) Source() data.Source[string, int] {
	return data.Func(time.Millisecond, func(context.Context) (map[string]int, error) { return *r.rooms.Load(), nil })
}

// A source of data passes the suite of sources.
func TestRegister(t *testing.T) {
	r := new(register)
	beds := 2
	r.Set(map[string]int{"garden": beds})
	capabilitytest.TestSource(t, r.Source, func() {
		beds++
		r.Set(map[string]int{"garden": beds})
	})
}

// A tally counts what fails, by provider.
type tally struct{ failures atomic.Int64 }

func (t *tally) Observe(e observed.Event) {
	if e.End && e.Err != nil {
		t.failures.Add(1)
	}
}

// An observer passes the suite of observers.
func TestTally(t *testing.T) {
	capabilitytest.TestObserver(t, func() observed.Observer { return new(tally) })
}

// Guests are let in by a door, which an extension opens.
var Doors = capability.New[func(guest string) error]("doors", "let guests in")

var porter = extension.Active[struct{}]{
	Manifest: extension.Manifest{Name: "porter", Version: "1.0.0", Doc: "opens the door", URL: "https://example.org/porter"},
	Exports:  []extension.Key{Doors},
	New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		open := new(atomic.Bool)
		enter := func(guest string) error {
			if !open.Load() {
				return errors.New("the door is closed for " + guest)
			}
			return nil
		}
		door := Doors.Bind(d.Name, enter).OnRetire(func() error { open.Store(false); return nil })
		return []capability.Binding{door}, extension.RunFunc(func(ctx context.Context, ready func()) error {
			open.Store(true)
			ready()
			<-ctx.Done()
			return nil
		}), nil
	},
}

// An extension passes the suite of extensions, used as its consumers use it.
func TestPorter(t *testing.T) {
	capabilitytest.TestExtension(t, func() extension.Instance { return porter.Instance("front", struct{}{}) }, capabilitytest.ExtensionOptions{
		Use: func(scope *capability.Scope) error {
			door, err := Doors.Leased(scope)
			if err != nil {
				return err
			}
			return door.Use(func(enter func(string) error) error { return enter("Ann") })
		},
	})
}
