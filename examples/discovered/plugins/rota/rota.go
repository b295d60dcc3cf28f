// The rota: people who are on duty by turns.

// Package rota is a plug-in that knows who is on duty. A blank import adds it to what
// the program finds.
package rota

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/discover"
	"github.com/typedcap/capability/examples/discovered/alarm"
	"github.com/typedcap/capability/extension"
)

func init() { discover.Add(Extension) }

// Extension is the plug-in. Its lifecycle turns the rota, its handle reads it.
var Extension = extension.Active[Config]{
	Manifest: extension.Manifest{
		Name: "rota", Version: "1.0.0",
		Doc: "puts people on duty by turns, an hour each", URL: "https://example.org/plugins/rota",
	},
	Exports: []extension.Key{alarm.Rosters},
	New: func(c Config, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		if len(c.People) == 0 {
			c.People = []string{"the operator"}
		}
		on := new(atomic.Pointer[string])
		return []capability.Binding{alarm.Rosters.Bind(d.Name, roster{on})}, turner{on, c.People}, nil
	},
}

// A Config says who is on the rota.
type Config struct {
	People []string `json:"people" doc:"who takes turns; the operator if nobody is named"`
}

// Validate refuses people without a name.
func (c Config) Validate() error {
	if slices.Contains(c.People, "") {
		return errors.New("one of the people has no name: name everybody, or leave that one out")
	}
	return nil
}

// A roster is what others get.
type roster struct{ on *atomic.Pointer[string] }

func (r roster) OnDuty() string { return *r.on.Load() }

// A turner is what runs.
type turner struct {
	on     *atomic.Pointer[string]
	people []string
}

func (t turner) Run(ctx context.Context, ready func()) error {
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	for n := 0; ; n++ {
		t.on.Store(&t.people[n%len(t.people)])
		ready()
		select {
		case <-hour.C:
		case <-ctx.Done():
			return nil
		}
	}
}
