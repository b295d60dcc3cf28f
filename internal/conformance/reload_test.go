// The replay of conformance vectors of reloading: their sources are files that steps
// write, and what a watch of the table hears is noted as calls.

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/data"
)

// dataFiles are the files of sources. Reading one may be made to fail.
type dataFiles struct {
	mu    sync.Mutex
	files fstest.MapFS
	fails map[string]vectorBehaviour
}

func newDataFiles() *dataFiles {
	return &dataFiles{files: make(fstest.MapFS), fails: make(map[string]vectorBehaviour)}
}

// Open opens a file, or does what the behaviour of that name says.
func (f *dataFiles) Open(name string) (fs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch b := f.fails[name]; b.Op {
	case "error":
		return nil, errors.New(textOfValue(b.Value))
	case "panic":
		panic(b.Value)
	}
	return f.files.Open(name)
}

// write makes text what the file holds.
func (f *dataFiles) write(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.fails, name)
	f.files[name] = &fstest.MapFile{Data: []byte(text)}
}

// text returns what the file holds, nil if there is none.
func (f *dataFiles) text(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if file := f.files[name]; file != nil {
		return file.Data
	}
	return nil
}

// remove makes the file go.
func (f *dataFiles) remove(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.fails, name)
	delete(f.files, name)
}

// fail makes reading the file fail.
func (f *dataFiles) fail(name string, b vectorBehaviour) {
	if !slices.Contains([]string{"error", "panic"}, b.Op) {
		panic(vectorMisfit(fmt.Sprintf("reading a file does not end with the op %q", b.Op)))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[name] = b
}

// change takes a step that changes the sources or what they read.
func (d *dataReplay) change(s vectorStep) error {
	if d.v.Mode != "reload" {
		panic(vectorMisfit(fmt.Sprintf("step %q has no meaning in mode %q", s.Op, d.v.Mode)))
	}
	switch s.Op {
	case "register":
		d.write(s)
		return d.bindSource(s.Name, d.file(s.Name))
	case "unregister":
		delete(d.bound, s.Name)
		return d.registry.Apply(dataSources.Unbind(s.Name))
	case "write":
		if d.bound[s.Name] == nil {
			panic(vectorMisfit(fmt.Sprintf("nobody reads %q", s.Name)))
		}
		d.write(s)
	case "reload":
		d.reload()
	default:
		panic(vectorMisfit(fmt.Sprintf("step %q cannot be replayed with a feed", s.Op)))
	}
	return nil
}

// file returns the source that reads the file of that name.
func (d *dataReplay) file(name string) dataSource {
	return data.FS(d.files, name, data.JSON[any])
}

// write changes what a source reads: entries, a text, nothing any more, or a failure.
func (d *dataReplay) write(s vectorStep) {
	given := 0
	for _, is := range []bool{s.Entries != nil, s.Text != nil, s.None, s.Behaviour != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		panic(vectorMisfit(fmt.Sprintf("what %q reads is said in %d ways, want one of entries, text, none and behaviour", s.Name, given)))
	case s.Behaviour != nil:
		d.files.fail(s.Name, *s.Behaviour)
	case s.None:
		d.files.remove(s.Name)
	case s.Text != nil:
		d.files.write(s.Name, *s.Text)
	default:
		d.files.write(s.Name, dataText(s.Entries))
	}
}

// reload starts the sources anew. It checks that the errors are those of the sources
// that the status says fail, and that the table shows at once what the others read.
func (d *dataReplay) reload() {
	err := d.feed.Reload(context.Background())
	var faults []vectorFault
	if err != nil {
		for _, one := range causesOf(err) {
			faults = append(faults, dataFault(one))
		}
	}
	var said, failing []string
	for _, f := range faults {
		said = append(said, f.Provider)
	}
	t := d.feed.Table().Get()
	for _, s := range d.feed.Status() {
		if s.Err != nil {
			failing = append(failing, s.Source)
			continue
		}
		want, err := data.JSON[any](d.files.text(s.Source))
		if diff := cmp.Diff(want, maps.Collect(t.BySource(s.Source))); diff != "" || err != nil {
			panic(vectorMisfit(fmt.Sprintf("%q after the reload (-file +table), error %v:\n%s", s.Source, err, diff)))
		}
	}
	checkMade("sources that fail", slices.Sorted(slices.Values(failing)), slices.Sorted(slices.Values(said)))
	d.faults = append(d.faults, faults...)
	d.result = nil
	if err == nil {
		d.result = &vectorResult{"value", "ok"}
	}
}

// hear notes what a watch of the table yields after the first one: the sources that
// changed with their old and new entries, or the order of sources if it is all that
// changed. It checks that Diff has the changes and no others.
func (d *dataReplay) hear(old, now *dataTable) {
	last := d.heard
	d.heard = now
	odd := func(format string, args ...any) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.odd = append(d.odd, "a watch of the table: "+fmt.Sprintf(format, args...))
	}
	if old != last {
		odd("what it yields as old is not what it yielded before")
	}
	before, changed := dataEntriesOf(old), dataEntriesOf(old)
	var names []string
	for c := range data.Diff(old, now) {
		if !slices.Contains(names, c.Source) {
			names = append(names, c.Source)
		}
		if v, ok := before[c.Source][c.Key]; ok != (c.Old != nil) || ok && !cmp.Equal(v, *c.Old) {
			odd("of %q of %q Diff has another old value than the table", c.Key, c.Source)
		}
		if changed[c.Source] == nil {
			changed[c.Source] = make(map[string]any)
		}
		if delete(changed[c.Source], c.Key); c.New != nil {
			changed[c.Source][c.Key] = *c.New
		}
		if c.Old != nil && c.New != nil && cmp.Equal(*c.Old, *c.New) {
			odd("of %q of %q Diff has a change that is none", c.Key, c.Source)
		}
	}
	after := dataEntriesOf(now)
	for _, all := range []map[string]map[string]any{changed, after} {
		maps.DeleteFunc(all, func(_ string, m map[string]any) bool { return len(m) == 0 })
	}
	if diff := cmp.Diff(after, changed); diff != "" {
		odd("the old table with the changes (-new table +changed):\n%s", diff)
	}
	order := dataList(now.Sources())
	switch {
	case last == nil:
	case len(names) > 0:
		for _, name := range names {
			d.note(fmt.Sprintf("%s(old=%s;new=%s)", name, dataWords(before[name]), dataWords(after[name])))
		}
	case cmp.Equal(dataList(old.Sources()), order):
		odd("it yields a table in which nothing has changed")
	default:
		d.note("sources" + textOfValue(order))
	}
}

// dataEntriesOf returns the entries of t by source.
func dataEntriesOf(t *dataTable) map[string]map[string]any {
	all := make(map[string]map[string]any)
	for name := range t.Sources() {
		all[name] = maps.Collect(t.BySource(name))
	}
	return all
}

// dataWords returns key:value of all entries, sorted.
func dataWords(m map[string]any) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+":"+textOfValue(m[k]))
	}
	return strings.Join(list, ",")
}

// scenarioReloadOne changes the file of one of three sources and reloads all.
func scenarioReloadOne() (vectorOutcome, error) {
	const text = `{"mode": "reload",
		"layers": [
			{"name": "dp1", "entries": [["k1", "a1"], ["k2", "a2"]]},
			{"name": "dp2", "entries": [["k2", "b2"], ["k3", "b3"]]},
			{"name": "dp3", "entries": [["k1", "c1"]]}],
		"steps": [{"op": "write", "name": "dp2", "entries": [["k2", "b2x"]]}, {"op": "reload"}]}`
	var v vector
	if err := decodeVector([]byte(text), &v); err != nil {
		return vectorOutcome{}, err
	}
	return v.once(false, vectorSchedule{})
}
