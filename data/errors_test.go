// Every error text of the package: each is provoked, compared with its golden line, and
// looked for in the source.

package data_test

import (
	"context"
	"errors"
	flags "flag" // a flag is an entry here
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/internal/golden"
)

var updateGolden = flags.Bool("update", false, "rewrite testdata/errors.txt")

const goldenErrors = "testdata/errors.txt"

// decoded returns the error of decoding entries, and records of them.
func decoded(text string) func(*testing.T) error {
	return func(*testing.T) error {
		_, err := data.JSON[int]([]byte(text))
		return err
	}
}

func recorded(text string) func(*testing.T) error {
	return func(*testing.T) error {
		_, err := data.JSONRecords(func(n int) int { return n })([]byte(text))
		return err
	}
}

// status returns the error of a source of prices.
func status(o data.Options, s source) func(*testing.T) error {
	return func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			err = open(t, o, Prices.Bind("list", s)).feed.Status()[0].Err
		})
		return err
	}
}

// irregular returns the error of a file with that mode.
func irregular(mode fs.FileMode) func(*testing.T) error {
	return status(data.Options{}, data.FS(fstest.MapFS{"prices": {Mode: mode}}, "prices", data.JSON[int]))
}

// short is a context of a second.
func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

// provoked are the ways to see each text, by the name of its golden line.
var provoked = map[string]func(t *testing.T) error{
	"json-utf16":       decoded("\xff\xfe{"),
	"json-no-utf8":     decoded("{\"a\xff\": 1}"),
	"json-no-object":   decoded("null"),
	"json-no-array":    recorded("{}"),
	"json-end":         decoded(`{"a": 1`),
	"json-syntax":      decoded(`{"a": 1} x`),
	"json-null-entry":  decoded(`{"a": null}`),
	"json-null-record": recorded(`[null]`),
	"json-key-twice":   decoded(`{"a": 1, "a": 2}`),
	"json-same-key":    recorded(`[1, 1]`),
	"file-missing":     status(data.Options{}, data.FS(fstest.MapFS{}, "prices", data.JSON[int])),
	"file-directory":   irregular(fs.ModeDir),
	"file-pipe":        irregular(fs.ModeNamedPipe),
	"file-socket":      irregular(fs.ModeSocket),
	"file-device":      irregular(fs.ModeDevice),
	"file-irregular":   irregular(fs.ModeIrregular),
	"file-decode":      status(data.Options{}, data.FS(fstest.MapFS{"prices": {Data: []byte("{]")}}, "prices", data.JSON[int])),
	"file-huge":        status(data.Options{MaxSize: 3}, data.FS(fstest.MapFS{"prices": {Data: []byte("{   }")}}, "prices", data.JSON[int])),
	"open-nil-context": func(t *testing.T) error {
		var none context.Context
		_, err := data.Open(none, nil, Prices, data.Options{})
		return err
	},
	"open-too-long": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, data.Options{})
			must(s.engine.Apply(Prices.Bind("mute", newPushed()), Prices.Bind("dumb", newPushed())))
			_, err = data.Open(short(t), s.scope, Prices, data.Options{})
		})
		return err
	},
	"reload-too-long": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			runs := 0
			s := open(t, data.Options{}, Prices.Bind("once", runFunc(func(ctx context.Context, publish func(prices)) error {
				if runs++; runs == 1 {
					publish(nil)
				}
				<-ctx.Done()
				return nil
			})))
			err = s.feed.Reload(short(t))
		})
		return err
	},
	"reload-stopped": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			runs := 0
			s := open(t, data.Options{}, Prices.Bind("once", runFunc(func(ctx context.Context, publish func(prices)) error {
				if runs++; runs == 1 {
					publish(nil)
				}
				<-ctx.Done()
				return nil
			})))
			done := make(chan error)
			go func() { done <- s.feed.Reload(t.Context()) }()
			synctest.Wait()
			must(s.engine.Apply(Prices.Unbind("once")))
			err = <-done
		})
		return err
	},
	"reload-closed": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, data.Options{})
			must(s.feed.Close())
			err = s.feed.Reload(t.Context())
		})
		return err
	},
	"close-hangs": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) { err = hanging(t, false) })
		return err
	},
	"close-unbound-hangs": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) { err = hanging(t, true) })
		return err
	},
	"source-nan": func(t *testing.T) (err error) {
		synctest.Test(t, func(t *testing.T) {
			weights := capability.New[data.Source[float64, int]]("weights", "say what a weight costs")
			engine := capability.NewRegistry(capability.Engine, "engine")
			must(engine.Apply(weights.Bind("odd", data.Func(0, func(context.Context) (map[float64]int, error) {
				return map[float64]int{math.NaN(): 1}, nil
			}))))
			scope, fault := capability.Compose(engine)
			must(fault)
			feed, fault := data.Open(t.Context(), scope, weights, data.Options{})
			must(fault)
			err = feed.Status()[0].Err
			must(feed.Close())
		})
		return err
	},
	"source-panics": status(data.Options{}, runFunc(func(context.Context, func(prices)) error { panic("no paper") })),
	"source-fails":  status(data.Options{}, runFunc(func(context.Context, func(prices)) error { return errors.New("no paper") })),
}

// hanging returns the error of closing a feed whose source does not return, be it bound
// or not.
func hanging(t *testing.T, unbound bool) error {
	free := make(chan struct{})
	defer func() {
		close(free)
		synctest.Wait()
	}()
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("hangs", runFunc(func(_ context.Context, publish func(prices)) error {
		publish(nil)
		<-free
		return nil
	}))))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, Prices, data.Options{})
	must(err)
	if unbound {
		must(engine.Apply(Prices.Unbind("hangs")))
		synctest.Wait()
	}
	return f.Close()
}

func TestErrorTexts(t *testing.T) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(provoked)) {
		err := provoked[name](t)
		if err == nil {
			t.Errorf("%s: there is no error", name)
			continue
		}
		code := ""
		if e, ok := errors.AsType[*capability.Error](err); ok {
			code = string(e.Code)
		}
		lines = append(lines, golden.Line(name, code, err))
	}
	golden.Compare(t, goldenErrors, lines, *updateGolden)
}

// Every text in the source is that of a golden line.
func TestEveryErrorTextIsGolden(t *testing.T) {
	lines := golden.Read(t, goldenErrors)
	for _, text := range golden.Texts(t, []string{"."}, map[string]string{
		"%d %s %d %s": "what a version is the hash of",
	}) {
		if !text.In(lines) {
			t.Errorf("%s: no golden line has the text %q: provoke it in errors_test.go", text.At, text.Format)
		}
	}
	for _, line := range lines {
		if strings.Count(line, " | ") < 2 {
			t.Errorf("malformed line %q", line)
		}
	}
}
