// The replay of conformance vectors of data: their layers are sources that are bound
// in order, a feed runs them, and the steps ask for views of its table.

package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing/synctest"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

type (
	dataSource = data.Source[string, any]
	dataTable  = data.Table[string, any]
)

var dataSources = capability.New[dataSource]("conformance.sources", "say what the data of a replayed vector are")

// A dataLayer is a source as the layers of a vector write it.
type dataLayer struct {
	Name    string      `json:"name"`
	Entries []dataEntry `json:"entries"`
}

// A dataEntry is a key with its value, in JSON.
type dataEntry struct{ key, value json.RawMessage }

// UnmarshalJSON takes a list of the two.
func (e *dataEntry) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	if len(pair) != 2 || pair[0][0] != '"' {
		return fmt.Errorf("the entry %s is no text with a value", text)
	}
	*e = dataEntry{pair[0], pair[1]}
	return nil
}

// dataText returns the entries as a file has them, a key as often as they do.
func dataText(entries []dataEntry) string {
	var list []string
	for _, e := range entries {
		list = append(list, fmt.Sprintf("%s: %s", e.key, e.value))
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// A dataReplay is the running replay of a vector of data.
type dataReplay struct {
	*vectorReplay
	files *dataFiles // what the sources read in the mode reload
	feed  *data.Feed[string, any]
	heard *dataTable // what the watch yielded last
}

// hasFeed reports whether v is replayed with a feed.
func (v *vector) hasFeed() bool { return v.Mode == "data" || v.Mode == "reload" }

// sources returns the layers of v as sources, if they are that.
func (v *vector) sources() []dataLayer {
	if !v.hasFeed() {
		return nil
	}
	layers := make([]dataLayer, len(v.Layers))
	for i, raw := range v.Layers {
		if err := decodeVector(raw, &layers[i]); err != nil {
			panic(vectorMisfit(err.Error())) // which is known before
		}
	}
	return layers
}

// layerAgain reports whether v has two sources of one name.
func (v *vector) layerAgain() bool {
	names := make(map[string]bool)
	for _, l := range v.sources() {
		names[l.Name] = true
	}
	return len(names) < len(v.sources())
}

// matchesAlone reports whether v asks one source alone what names match.
func (v *vector) matchesAlone() bool {
	return slices.ContainsFunc(v.Steps, func(s vectorStep) bool { return s.Query == "get_many" && s.Source != "" })
}

// followData replays a vector of data. A watch of the table notes which sources change.
func (r *vectorReplay) followData() {
	if len(r.v.Providers) > 0 || len(r.v.arguments()) > 0 {
		panic(vectorMisfit(fmt.Sprintf("mode %q has layers and steps, and neither providers nor input", r.v.Mode)))
	}
	d := &dataReplay{vectorReplay: r, files: newDataFiles()}
	for _, l := range r.v.sources() {
		if r.build = d.bindSource(l.Name, d.source(l)); r.build != nil {
			return
		}
	}
	if r.scope, r.build = capability.Compose(r.registry); r.build != nil {
		return
	}
	defer r.scope.Close()
	if d.feed, r.build = data.Open(context.Background(), r.scope, dataSources, data.Options{}); r.build != nil {
		return
	}
	defer d.feed.Close()
	for _, s := range d.feed.Status() {
		if s.Err != nil {
			r.faults = append(r.faults, dataFault(s.Err))
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		for old, now := range d.feed.Table().Watch(ctx) {
			d.hear(old, now)
		}
	}()
	d.settle()
	for _, s := range r.v.Steps {
		if s.Query != "" {
			r.result = d.answer(s)
		} else if r.build = d.change(s); r.build != nil {
			return
		}
		d.settle()
	}
	if err := d.feed.Close(); err != nil {
		panic(vectorMisfit(fmt.Sprintf("the feed does not close: %v", err)))
	}
}

// settle waits until nothing moves. It ends the round that a step is.
func (d *dataReplay) settle() {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.odd) > 0 {
		panic(vectorMisfit(d.odd[0]))
	}
	d.ends = append(d.ends, len(d.calls))
}

// bindSource binds a source. A second one of a name is a conflict, and takes the place
// of the first by Rebind.
func (d *dataReplay) bindSource(name string, s dataSource) error {
	err := d.registry.Apply(dataSources.Bind(name, s))
	if d.bound[name] == nil {
		d.bound[name] = []string{name}
		return err
	}
	if !errors.Is(err, capability.ErrConflict) {
		panic(vectorMisfit(fmt.Sprintf("a second source %q is bound with the error %v, want a conflict", name, err)))
	}
	return d.registry.Apply(dataSources.Rebind(name, s))
}

// source returns the source that a layer is: in the mode reload a file, in the mode
// data entries that do not change. Entries that are no data are a source that fails.
func (d *dataReplay) source(l dataLayer) dataSource {
	if d.v.Mode == "reload" {
		d.files.write(l.Name, dataText(l.Entries))
		return d.file(l.Name)
	}
	m, err := data.JSON[any]([]byte(dataText(l.Entries)))
	if err != nil {
		return data.Func(0, func(context.Context) (map[string]any, error) { return nil, err })
	}
	return data.Static(m)
}

// dataFault returns the error of a source as an outcome has it.
func dataFault(err error) vectorFault {
	var e *capability.Error
	switch {
	case !errors.As(err, &e):
		panic(vectorMisfit(fmt.Sprintf("the error %v does not say which source failed", err)))
	case e.Capability != dataSources.Name() || e.Provider == "":
		panic(vectorMisfit(fmt.Sprintf("the error %v is of %q of %q", err, e.Provider, e.Capability)))
	case e.Code == capability.ErrPanic:
		return vectorFault{e.Provider, "panic", err.Error()}
	}
	return vectorFault{e.Provider, "error", err.Error()}
}

// answer returns the view of the table that a step asks for.
func (d *dataReplay) answer(s vectorStep) *vectorResult {
	t := d.feed.Table().Get()
	list := []any{}
	switch s.Query {
	case "sources":
		list = dataList(t.Sources())
	case "keys":
		list = dataList(t.Keys())
	case "status":
		for _, is := range d.feed.Status() {
			list = append(list, []any{is.Source, float64(is.Entries), map[bool]string{true: "good", false: "failing"}[is.Err == nil]})
		}
	case "get":
		if s.Key == nil {
			for e := range t.All() {
				list = append(list, e.Value)
			}
			break
		}
		for _, v := range t.ByKey(*s.Key) {
			list = append(list, v)
		}
	case "get_value":
		v, ok := any(nil), false
		if s.Source == "" {
			v, _, ok = t.Lookup(*s.Key)
		} else {
			v, ok = t.Get(s.Source, *s.Key)
		}
		if !ok {
			return &vectorResult{Kind: "none"}
		}
		return &vectorResult{"value", v}
	case "by_key":
		if s.Key != nil {
			list = dataPairs(t.ByKey(*s.Key))
			break
		}
		for k := range t.Keys() {
			list = append(list, []any{k, dataPairs(t.ByKey(k))})
		}
	case "by_source":
		if s.Source != "" {
			list = dataPairs(t.BySource(s.Source))
			break
		}
		for name := range t.Sources() {
			list = append(list, []any{name, dataPairs(t.BySource(name))})
		}
	case "get_many":
		if s.Source != "" {
			t = dataAlone(t, s.Source)
		}
		for _, name := range s.Keys {
			v, _, _ := data.Match(t, name) // nil if nothing matches
			list = append(list, v)
		}
	}
	return &vectorResult{"list", list}
}

// dataAlone returns the table of what one source has in t. Match asks all sources of a
// table; who wants one to answer alone has a feed of it.
func dataAlone(t *dataTable, source string) *dataTable {
	registry := capability.NewRegistry(capability.Engine, "alone")
	err := registry.Apply(dataSources.Bind(source, data.Static(maps.Collect(t.BySource(source)))))
	if err != nil {
		panic(vectorMisfit(err.Error()))
	}
	scope, err := capability.Compose(registry)
	if err != nil {
		panic(vectorMisfit(err.Error()))
	}
	defer scope.Close()
	feed, err := data.Open(context.Background(), scope, dataSources, data.Options{})
	if err != nil {
		panic(vectorMisfit(err.Error()))
	}
	defer feed.Close()
	return feed.Table().Get()
}

func dataList[V any](seq iter.Seq[V]) []any {
	list := []any{}
	for v := range seq {
		list = append(list, v)
	}
	return list
}

func dataPairs[A, B any](seq iter.Seq2[A, B]) []any {
	list := []any{}
	for a, b := range seq {
		list = append(list, []any{a, b})
	}
	return list
}
