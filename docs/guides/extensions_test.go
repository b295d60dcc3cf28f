// The code of extensions.md: what runs in a harbour.

package guides_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// HarbourDepths say how deep the water is. They are only leased, so that one that was
// replaced can be stopped as soon as nobody reads it.
var HarbourDepths = capability.New[HarbourDepth]("harbour-depth",
	"says how deep the water is", capability.OnlyLeased())

type HarbourDepth interface{ Centimetres() int }

// A HarbourGaugeConfig is the configuration of a gauge.
type HarbourGaugeConfig struct {
	Sensor string        `json:"sensor" doc:"which one is read"`
	Every  time.Duration `json:"every" doc:"how often, in nanoseconds"`
}

// Validate is called before anything starts.
func (c HarbourGaugeConfig) Validate() error {
	if c.Every <= 0 {
		return fmt.Errorf("every is %v: give it a time", c.Every)
	}
	return nil
}

// harbourSensors are the hardware.
var harbourSensors = map[string]func() (int, error){
	"pier-1": func() (int, error) { return 740, nil },
	"pier-2": func() (int, error) { return 810, nil },
}

var errNoHarbourSensor = errors.New("there is no such sensor")

// HarbourGauge is an extension: one side of an instance runs, the other one is exported,
// and both hold the number.
var HarbourGauge = extension.Active[HarbourGaugeConfig]{
	Manifest: extension.Manifest{
		Name: "gauge", Doc: "reads a sensor", URL: "https://example.org/gauge",
	},
	Exports: []extension.Key{HarbourDepths},
	New: func(c HarbourGaugeConfig, d extension.Dependencies) (
		[]capability.Binding, extension.Runner, error,
	) {
		last := new(atomic.Int64)
		exports := []capability.Binding{HarbourDepths.Bind(d.Name, harbourReading{last})}
		return exports, extension.RunFunc(func(ctx context.Context, ready func()) error {
			read, ok := harbourSensors[c.Sensor]
			if !ok {
				return extension.Fatal(errNoHarbourSensor) // never call me again
			}
			tick := time.NewTicker(c.Every)
			defer tick.Stop()
			for {
				cm, err := read()
				if err != nil {
					return extension.RetryAfter(time.Minute, err) // call me then
				}
				last.Store(int64(cm))
				ready() // from now on it may be used
				select {
				case <-tick.C:
				case <-ctx.Done():
					return nil
				}
			}
		}), nil
	},
}

// A harbourReading is what callers get: it cannot stop what runs.
type harbourReading struct{ last *atomic.Int64 }

func (r harbourReading) Centimetres() int { return int(r.last.Load()) }

// HarbourSignal is a background extension: it shows ships whether they may enter.
var HarbourSignal = extension.Background[int]{
	Manifest: extension.Manifest{
		Name: "signal", Doc: "lets ships in, or not", URL: "https://example.org/signal",
		Requires: []extension.Key{HarbourDepths},
	},
	New: func(draught int, d extension.Dependencies) (extension.Runner, error) {
		depth, err := HarbourDepths.Named("east").Leased(d.Scope)
		if err != nil {
			return nil, err
		}
		return extension.RunFunc(func(ctx context.Context, ready func()) error {
			err := depth.Use(func(h HarbourDepth) error {
				fmt.Println("enter:", h.Centimetres() > draught)
				return nil
			})
			ready()
			<-ctx.Done()
			return err
		}), nil
	},
}

// A harbourPlace is what a file says of an instance.
type harbourPlace struct {
	Name, Extension string
	Config          json.RawMessage
}

// instance returns the instance. known comes from discover.All, or is a list of yours.
func (p harbourPlace) instance(
	known []extension.Extension, at *capability.Registry, line string,
) (extension.Instance, error) {
	i := slices.IndexFunc(known, func(e extension.Extension) bool { return e.Describe().Name == p.Extension })
	if i < 0 {
		return extension.Instance{}, fmt.Errorf("%s: there is no extension %q", line, p.Extension)
	}
	decode := func(config any) error { return json.Unmarshal(p.Config, config) }
	return known[i].Decode(p.Name, decode).At(at).From(line), nil
}

func Example_extensions() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	harbour := capability.NewRegistry(capability.Engine, "harbour")
	known := []extension.Extension{HarbourGauge, HarbourSignal}
	var placed []harbourPlace
	must(json.Unmarshal([]byte(`[
		{"name": "lamp", "extension": "signal", "config": 600},
		{"name": "east", "extension": "gauge", "config": {"sensor": "pier-1"}}]`), &placed))
	var instances []extension.Instance
	for n, p := range placed {
		instance, err := p.instance(known, harbour, fmt.Sprintf("harbour.json, entry %d", n+1))
		must(err)
		instances = append(instances, instance)
	}
	fmt.Println(extension.Validate(instances).Err())

	host := extension.NewHost(extension.Options{})
	must(host.Start(ctx,
		HarbourSignal.Instance("lamp", 600).At(harbour),
		HarbourGauge.Instance("east", HarbourGaugeConfig{"pier-1", time.Hour}).At(harbour),
	))
	fmt.Println("ready:", host.Ready())

	scope, err := capability.Compose(harbour)
	must(err)
	depth, err := HarbourDepths.Leased(scope)
	must(err)
	show := func(h HarbourDepth) error { fmt.Println(h.Centimetres()); return nil }
	must(depth.Use(show))
	other := HarbourGaugeConfig{"pier-2", time.Hour}
	must(host.Replace(ctx, HarbourGauge.Instance("east", other)))
	must(depth.Use(show))

	err = host.Replace(ctx, HarbourGauge.Instance("east", HarbourGaugeConfig{"pier-9", 1}))
	fmt.Println("no such sensor:", errors.Is(err, errNoHarbourSensor))
	must(depth.Use(show)) // of pier-2, which goes on
	err = host.Remove(ctx, "east")
	fmt.Println("in use:", errors.Is(err, capability.ErrInUse))

	must(scope.Close()) // who consumes ends before who provides
	must(host.Stop(ctx))
	for _, s := range host.Status().Get() {
		fmt.Println(s.Instance, s.State)
	}
	// Output:
	// provider "east", scope "harbour": extension "gauge", instance made at harbour.json, entry 2: its configuration is not valid: every is 0s: give it a time
	// enter: true
	// ready: <nil>
	// 740
	// 810
	// no such sensor: true
	// 810
	// in use: true
	// lamp stopped
	// east stopped
}
