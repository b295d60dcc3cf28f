// The code of reload.md: a brewery whose settings are read again while it brews.

package guides_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
)

type BrewingStep interface{ Brew() string }

var (
	BrewingSteps = capability.New[BrewingStep]("brewing-steps", "make beer, one after the other")
	BrewingMalts = capability.New[data.Source[string, int]]("malts", "say how much malt there is")
)

// A kettleConfig is the configuration of a kettle.
type kettleConfig struct {
	Degrees int `json:"degrees"`
}

func (c kettleConfig) Validate() error {
	if c.Degrees < 1 || c.Degrees > 100 {
		return fmt.Errorf("%d degrees are not between 1 and 100", c.Degrees)
	}
	return nil
}

type kettle struct{ degrees int }

func (k kettle) Brew() string { return fmt.Sprintf("%d°", k.degrees) }

// BrewingKettle is the extension whose instances the file configures.
var BrewingKettle = extension.Passive[kettleConfig]{
	Manifest: extension.Manifest{
		Name: "kettle", Doc: "heats beer", URL: "https://example.org/kettle",
	},
	Exports: []extension.Key{BrewingSteps},
	New: func(c kettleConfig, d extension.Dependencies) ([]capability.Binding, error) {
		return []capability.Binding{BrewingSteps.Bind(d.Name, kettle{c.Degrees})}, nil
	},
}

// brewerySettings are the whole of the file.
type brewerySettings struct {
	Kettles map[string]json.RawMessage `json:"kettles"`
	Lines   map[string][]string        `json:"lines"` // which kettles a line uses, in order
}

// brewingNames returns the names of the kettles.
func brewingNames(s brewerySettings) []string { return slices.Sorted(maps.Keys(s.Kettles)) }

// A brewery is the program.
type brewery struct {
	house *capability.Registry
	lines map[string]*capability.Registry
	host  *extension.Host
	malts *data.Feed[string, int]
	now   brewerySettings // what runs
}

// kettles returns an instance for each kettle of the settings.
func (b *brewery) kettles(s brewerySettings) (instances []extension.Instance) {
	for _, name := range brewingNames(s) {
		decode := func(config any) error { return json.Unmarshal(s.Kettles[name], config) }
		kettle := BrewingKettle.Decode(name, decode).At(b.house)
		instances = append(instances, kettle.From("kettle "+name))
	}
	return instances
}

// follow reads the settings again with each signal, until ctx ends.
func (b *brewery) follow(
	ctx context.Context, hup <-chan os.Signal, read func() []byte, told func(error),
) {
	for {
		select {
		case <-hup:
			told(b.reload(ctx, read()))
		case <-ctx.Done():
			return
		}
	}
}

// reload makes the program do what the text says.
func (b *brewery) reload(ctx context.Context, text []byte) error {
	var next brewerySettings
	if err := json.Unmarshal(text, &next); err != nil {
		return err
	}
	kettles := b.kettles(next)
	edits, wrong := b.edits(next)
	if !slices.Equal(brewingNames(next), brewingNames(b.now)) {
		wrong = append(wrong, errors.New("a kettle came or went: start the program again"))
	}
	wrong = append(wrong, extension.Validate(kettles, BrewingSteps).Errors...)
	if len(wrong) > 0 {
		return capability.Join(wrong...)
	}
	if err := capability.Commit(edits...); err != nil {
		return err // nothing has changed yet
	}
	return capability.Join(b.replace(ctx, kettles, next), b.malts.Reload(ctx))
}

// edits returns what changes on the lines, and what is wrong with it.
func (b *brewery) edits(next brewerySettings) (edits []capability.Edit, wrong []error) {
	for _, name := range slices.Sorted(maps.Keys(b.lines)) {
		use := next.Lines[name]
		if len(use) == 0 { // for Select that would mean all of them
			wrong = append(wrong, fmt.Errorf("line %q uses no kettle: name one", name))
		}
		edits = append(edits, b.lines[name].Stage(BrewingSteps.Select(use...)))
	}
	return edits, wrong
}

// replace replaces the kettles whose configuration has changed, and no others.
func (b *brewery) replace(
	ctx context.Context, kettles []extension.Instance, next brewerySettings,
) error {
	var errs []error
	for _, k := range kettles {
		name := k.Name()
		if bytes.Equal(next.Kettles[name], b.now.Kettles[name]) {
			continue
		}
		err := b.host.Replace(ctx, k)
		if err == nil || errors.Is(err, extension.ErrNotStopped) { // it serves
			b.now.Kettles[name] = next.Kettles[name]
		}
		errs = append(errs, err)
	}
	return capability.Join(errs...)
}

func Example_reload() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ale := capability.NewRegistry(capability.Pipeline, "ale")
	stout := capability.NewRegistry(capability.Pipeline, "stout")
	b := &brewery{
		house: capability.NewRegistry(capability.Engine, "house"),
		lines: map[string]*capability.Registry{"ale": ale, "stout": stout},
		host:  extension.NewHost(extension.Options{}),
	}
	must(json.Unmarshal([]byte(`{"kettles": {"mash": {"degrees": 67}, "boil": {"degrees": 100}}}`), &b.now))
	must(b.host.Start(ctx, b.kettles(b.now)...))
	malt := 4
	must(b.house.Apply(BrewingMalts.Bind("cellar", data.Func(0, func(context.Context) (map[string]int, error) {
		return map[string]int{"ale": malt}, nil
	}))))
	scope, err := capability.Compose(b.house)
	must(err)
	defer scope.Close()
	b.malts, err = data.Open(ctx, scope, BrewingMalts, data.Options{})
	must(err)
	defer b.malts.Close()
	var steps [2]capability.ChainHandle[BrewingStep]
	for n, line := range []*capability.Registry{ale, stout} {
		scope, err := scope.With(line)
		must(err)
		defer scope.Close()
		must(scope.Resolve(BrewingSteps.All().Into(&steps[n])))
	}
	show := func() {
		for _, handle := range steps {
			brewed, err := capability.Collect(handle.Get(), func(s BrewingStep) (string, error) { return s.Brew(), nil })
			must(err)
			fmt.Print(brewed, " ")
		}
		kg, _, _ := b.malts.Table().Get().Lookup("ale")
		fmt.Println(kg, "kg")
	}

	text := make(chan string, 1)
	told := make(chan error)
	hup := make(chan os.Signal, 1) // in main: signal.Notify(hup, syscall.SIGHUP)
	go b.follow(ctx, hup, func() []byte { return []byte(<-text) }, func(err error) { told <- err })
	send := func(settings string) error {
		text <- settings
		hup <- os.Interrupt
		return <-told
	}
	must(send(`{
		"kettles": {"mash": {"degrees": 67}, "boil": {"degrees": 100}},
		"lines": {"ale": ["mash", "boil"], "stout": ["boil"]}}`))
	show()
	malt = 5
	must(send(`{
		"kettles": {"mash": {"degrees": 65}, "boil": {"degrees": 100}},
		"lines": {"ale": ["mash", "boil"], "stout": ["boil", "mash"]}}`))
	show()
	err = send(`{
		"kettles": {"mash": {"degrees": 650}, "boil": {"degrees": 99}},
		"lines": {"ale": [], "stout": ["boil"]}}`)
	fmt.Println(err)
	err = send(`{
		"kettles": {"mash": {"degrees": 65}, "boil": {"degrees": 99}},
		"lines": {"ale": ["mash"], "stout": ["bolt"]}}`)
	fmt.Println(errors.Is(err, capability.ErrUnknown))
	show()
	// Output:
	// [67° 100°] [100°] 4 kg
	// [65° 100°] [100° 65°] 5 kg
	// line "ale" uses no kettle: name one
	// provider "mash", scope "house": extension "kettle", instance made at kettle mash: its configuration is not valid: 650 degrees are not between 1 and 100
	// true
	// [65° 100°] [100° 65°] 5 kg
}
