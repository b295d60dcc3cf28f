// The code of data.md: speed limits of a tram network, from several sources.

package guides_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// TramLimits says how fast a tram may go, in km/h, on each section of the network.
var TramLimits = capability.New[data.Source[string, int]](
	"tram-limits", "say how fast a tram may go")

// tramSources binds what all lines obey, and what one line adds.
func tramSources(roadworks string) (line, network *capability.Registry) {
	network = capability.NewRegistry(capability.Engine, "network")
	line = capability.NewRegistry(capability.Pipeline, "line-7")
	statute := map[string]int{"*": 50, "old-town/*": 20, "bridge": 30}
	must(network.Apply( // the roadworks are asked before the statute
		TramLimits.Bind("roadworks", data.File(roadworks, 5*time.Second, data.JSON[int])),
		TramLimits.Bind("statute", data.Static(statute)),
	))
	must(line.Apply(TramLimits.Bind("wide-cars", data.Static(map[string]int{"bridge": 15}))))
	return line, network
}

// A tramDriver is a consumer.
type tramDriver struct {
	limits capability.Handle[*data.Table[string, int]]
}

// Limit returns how fast the tram may go on a section.
func (d *tramDriver) Limit(section string) (kmh int, ok bool) {
	kmh, _, ok = data.Match(d.limits.Get(), section)
	return kmh, ok
}

// followTramLimits tells the displays what has changed, until ctx ends.
func followTramLimits(ctx context.Context, limits capability.Handle[*data.Table[string, int]], show func(data.Change[string, int])) {
	for old, now := range limits.Watch(ctx) {
		for c := range data.Diff(old, now) {
			show(c) // c.Old and c.New are pointers: nil if it is new, or gone
		}
	}
}

// A tramStop is a record of a file that has a list and no keys.
type tramStop struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
}

// decodeTramStops is given to File, as data.JSON is.
var decodeTramStops = data.JSONRecords(func(s tramStop) int { return s.Number })

func Example_data() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "trams")
	must(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "roadworks.json")
	write := func(text string) { must(os.WriteFile(path, []byte(text), 0o644)) }
	write(`{"old-town/market": 10}`)

	line, network := tramSources(path)
	scope, err := capability.Compose(line, network)
	must(err)
	defer scope.Close()
	feed, err := data.Open(ctx, scope, TramLimits, data.Options{})
	must(err)
	defer feed.Close()
	driver := tramDriver{limits: feed.Table()}

	for _, section := range []string{"bridge", "old-town/market", "old-town/church", "harbour"} {
		kmh, _ := driver.Limit(section)
		fmt.Println(section, kmh)
	}
	table := feed.Table().Get()
	kmh, source, _ := table.Lookup("bridge")
	fmt.Println("the bridge:", kmh, "says", source)
	for source, kmh := range table.ByKey("bridge") {
		fmt.Println("  ", source, "says", kmh)
	}

	shown := make(chan string)
	go followTramLimits(ctx, feed.Table(), func(c data.Change[string, int]) {
		if c.Old == nil {
			shown <- fmt.Sprintf("%s: %s is limited to %d", c.Source, c.Key, *c.New)
		} else {
			shown <- fmt.Sprintf("%s: %s goes from %d to %d", c.Source, c.Key, *c.Old, *c.New)
		}
	})
	for range 5 { // the entries of the first table
		<-shown
	}
	write(`{"old-town/market": 5, "harbour": 10}`)
	must(feed.Reload(ctx)) // at once, and not within five seconds
	fmt.Println(<-shown)
	fmt.Println(<-shown)

	write("{\n  \"old-town/market\": 5,\n  \"harbour\": \"slow\"\n}")
	err = feed.Reload(ctx)
	place, ok := errors.AsType[*data.PositionError](err)
	fmt.Println("wrong in line", place.Line, ok)
	for _, s := range feed.Status() {
		fmt.Println(s.Source, "has", s.Entries, "entries and is well:", s.Err == nil)
	}
	kmh, _ = driver.Limit("harbour")
	fmt.Println("harbour", kmh)

	stops, err := decodeTramStops([]byte(`[{"number": 1, "name": "Depot"}, {"number": 1, "name": "Mill"}]`))
	fmt.Println(len(stops), err)
	// Output:
	// bridge 15
	// old-town/market 10
	// old-town/church 20
	// harbour 50
	// the bridge: 15 says wide-cars
	//    wide-cars says 15
	//    statute says 30
	// roadworks: harbour is limited to 10
	// roadworks: old-town/market goes from 10 to 5
	// wrong in line 3 true
	// wide-cars has 1 entries and is well: true
	// roadworks has 2 entries and is well: false
	// statute has 3 entries and is well: true
	// harbour 10
	// 0 1:34: a record before has the key 1 too: give this one another, or drop one
}
