// The pager: messages for whoever is on duty.

// Package pager is a plug-in that sends messages to whoever is on duty. It knows no
// other plug-in: it requires a capability, and somebody exports that or nobody does.
package pager

import (
	"fmt"
	"io"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/discover"
	"github.com/typedcap/capability/examples/discovered/alarm"
	"github.com/typedcap/capability/extension"
)

func init() { discover.Add(Extension) }

// Extension is the plug-in.
var Extension = extension.Passive[Config]{
	Manifest: extension.Manifest{
		Name: "pager", Version: "2.1.0",
		Doc: "sends messages to whoever is on duty", URL: "https://example.org/plugins/pager",
		Requires: []extension.Key{alarm.Rosters, alarm.Output},
	},
	Exports: []extension.Key{alarm.Notifiers},
	New: func(c Config, d extension.Dependencies) ([]capability.Binding, error) {
		p := &pager{prefix: c.Prefix}
		if err := d.Scope.Resolve(alarm.Rosters.IntoLeased(&p.roster), alarm.Output.Into(&p.out)); err != nil {
			return nil, err
		}
		return []capability.Binding{alarm.Notifiers.Bind(d.Name, p)}, nil
	},
}

// A Config says what messages look like.
type Config struct {
	Prefix string `json:"prefix" doc:"what each message begins with"`
}

// A pager holds handles, so it asks whoever provides at that time. The roster is leased,
// so that one that is replaced can stop when no call uses it any more.
type pager struct {
	prefix string
	roster capability.Leased[alarm.Roster]
	out    capability.Handle[io.Writer]
}

func (p *pager) Notify(event string) error {
	return p.roster.Use(func(r alarm.Roster) error {
		_, err := fmt.Fprintf(p.out.Get(), "to %s: %s%s\n", r.OnDuty(), p.prefix, event)
		return err
	})
}
