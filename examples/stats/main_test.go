// Tests of the program: what it prints of directories, how it follows them, and what
// it makes of bad ones.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/data"
)

var update = flag.Bool("update", false, "renew the golden output")

// statsRun runs the program.
func statsRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // should it watch
	defer cancel()
	var out, err bytes.Buffer
	status = run(ctx, args, &out, &err)
	return status, out.String(), err.String()
}

// write writes files, given by name and text, into a directory.
func write(t *testing.T, dir string, files ...string) string {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// remove removes a file of a directory.
func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, got, stderr := statsRun(t)
		if status != 0 || stderr != "" {
			t.Errorf("exit status %d and stderr %q", status, stderr)
		}
		file := filepath.Join("testdata", "self.golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("output differs (-want +got):\n%s", diff)
		}
	})
}

func TestDirectories(t *testing.T) {
	engine := write(t, t.TempDir(),
		"tea.json", `{"tea.cups": {"type": "counter", "desc": "cups of tea"}, "tea.heat": {"type": "gauge", "desc": "degrees"}}`,
		"milk.json", "\uFEFF"+`{"milk.drops": {"type": "counter", "desc": "drops", "unit": "ml"}}`,
		".hidden.json", "{",
		"notes.txt", "not a description file",
		"void.json", "{}",
	)
	group := write(t, t.TempDir(),
		"milk.json", `{"milk.drops": {"type": "histogram", "desc": "drops in a cup"}}`,
		"oat.json", `{"milk.drops": {"type": "gauge", "desc": "drops left"}, "tea.cups": {"type": "counter", "desc": "cups\u001b[2J\twith oats"}}`,
	)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"engine", []string{engine}, `3 metrics from 3 sources
  milk.drops  counter  milk  drops
  tea.cups    counter  tea   cups of tea
  tea.heat    gauge    tea   degrees
milk, of the engine
  milk.drops  counter  drops
tea, of the engine
  tea.cups  counter  cups of tea
  tea.heat  gauge    degrees
void, of the engine
`},
		{"engine and group", []string{engine, group}, `3 metrics from 4 sources
  milk.drops  histogram  milk  drops in a cup
              gauge      oat   drops left
  tea.cups    counter    oat   cups·[2J·with oats
              counter    tea   cups of tea
  tea.heat    gauge      tea   degrees
milk, of the group
  milk.drops  histogram  drops in a cup
oat, of the group
  milk.drops  gauge    drops left
  tea.cups    counter  cups·[2J·with oats
tea, of the engine
  tea.cups  counter  cups of tea
  tea.heat  gauge    degrees
void, of the engine
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, got, stderr := statsRun(t, test.args...)
			if status != 0 || stderr != "" {
				t.Errorf("exit status %d and stderr %q", status, stderr)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("output differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	const good = `{"tea.cups": {"type": "counter", "desc": "cups of tea"}}`
	dir := func(files ...string) string { return write(t, t.TempDir(), files...) }
	fine, empty := dir("tea.json", good), dir()
	folder := dir("tea.json", good)
	if err := os.Mkdir(filepath.Join(folder, "box.json"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stdout string // some of it
		stderr string // some of it
	}{
		{"fine", []string{fine}, 0, "1 metrics", ""},
		{"empty directory", []string{empty}, 0, "0 metrics from 0 sources\n", empty + " holds no description file"},
		{"empty group", []string{fine, empty}, 0, "1 metrics", empty + " holds no description file"},
		{"missing directory", []string{filepath.Join(empty, "none")}, 1, "", "stats: open " + filepath.Join(empty, "none") + ": "},
		{"missing group", []string{fine, filepath.Join(empty, "none")}, 1, "", "stats: open " + filepath.Join(empty, "none") + ": "},
		{"missing directory to watch", []string{"-watch", filepath.Join(empty, "none")}, 1, "", "stats: open "},
		{"a file", []string{filepath.Join(fine, "tea.json")}, 1, "", "not a directory"},
		{"broken file", []string{dir("tea.json", good, "milk.json", "{\n \"milk.drops\": {]}")}, 1, "1 metrics from 1 sources\n",
			"milk.json:2:17: invalid character ']' looking for beginning of object key string\nstats: the catalogue lacks what was not understood\n"},
		{"unknown type", []string{dir("milk.json", "{\n \"milk.drops\": {\"type\": \"conter\", \"desc\": \"drops\"}}")}, 1, "0 metrics",
			"milk.json:2:2: the metric \"milk.drops\" is of the unknown type \"conter\": use one of counter, gauge, histogram\n"},
		{"a directory as file", []string{folder}, 1, "1 metrics", "box.json is a directory: name a regular file"},
		{"name with a space", []string{dir("tea.json", good, "green tea.json", good)}, 1, "1 metrics", "green tea.json cannot be a source: let its name be at most 200 bytes, printable and without spaces\n"},
		{"help", []string{"-h"}, 0, "", "usage: stats"},
		{"unknown flag", []string{"-loud"}, 2, "", "loud"},
		{"three directories", []string{"a", "b", "c"}, 2, "", "3 directories"},
		{"nothing to watch", []string{"-watch"}, 2, "", "nothing to watch"},
		{"never", []string{"-every=0s", fine}, 2, "", "-every is 0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, stdout, stderr := statsRun(t, test.args...)
			if status != test.status {
				t.Errorf("exit status is %d, want %d", status, test.status)
			}
			if !strings.Contains(stdout, test.stdout) || test.stdout == "" && stdout != "" {
				t.Errorf("stdout is %q, want %q", stdout, test.stdout)
			}
			if !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("stderr is %q, want %q", stderr, test.stderr)
			}
		})
	}
}

// full is a writer without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatCannotBePrinted(t *testing.T) {
	dir := write(t, t.TempDir(), "tea.json", `{}`)
	for _, args := range [][]string{nil, {dir}, {"-watch", dir}} {
		synctest.Test(t, func(t *testing.T) {
			var stderr bytes.Buffer
			if status := run(t.Context(), args, full{}, &stderr); status != 1 {
				t.Errorf("%v: exit status is %d, want 1", args, status)
			}
			if !strings.Contains(stderr.String(), "no space left") {
				t.Errorf("%v: stderr is %q", args, &stderr)
			}
		})
	}
}

// Each text is refused, at that place.
func TestBadDescriptions(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "1:1: unexpected end of JSON input"},
		{"array", "[]", "1:1: the text is not an object: begin it with {"},
		{"twice", "{\"a\": {\"type\": \"gauge\", \"desc\": \"x\"},\n \"a\": {}}", `2:2: the object has the key "a" already at 1:2: rename it, or drop one`},
		{"null", `{"a": null}`, "1:7: the entry is null: leave it out, or give it a value"},
		{"type is a number", `{"a": {"type": 1}}`, "1:17: " + json.Unmarshal([]byte(`{"a": {"type": 1}}`), new(map[string]Metric)).Error()}, // releases of Go differ in it
		{"no type", "{\n\t\"a\": {\"desc\": \"x\"}}", `2:2: the metric "a" has no type: give it one of counter, gauge, histogram`},
		{"no desc", `{"a": {"type": "gauge", "desc": " "}}`, `1:2: the metric "a" has no desc: say in a few words what it measures`},
		{"second of three", "{\"z\": {\"type\": \"gauge\", \"desc\": \"{\\\"}\"}\n\n,\n  \"b\\u0062\": {\"type\": \"Gauge\"}, \"a\": {}}",
			`4:3: the metric "bb" is of the unknown type "Gauge": use one of counter, gauge, histogram`},
		{"after a byte order mark", "\uFEFF{\"a\": {}}", `1:2: the metric "a" has no type: give it one of counter, gauge, histogram`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := decode([]byte(test.text))
			if at := (*data.PositionError)(nil); !errors.As(err, &at) || err.Error() != test.want || got != nil {
				t.Errorf("got %v and %v, want %s", got, err, test.want)
			}
		})
	}
}

// taken is what was printed since somebody took it.
type taken struct {
	mu   sync.Mutex
	text []byte
}

func (b *taken) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *taken) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.text = nil }()
	return string(b.text)
}

// A watcher is the program while it watches.
type watcher struct {
	t              *testing.T
	stdout, stderr taken
	cancel         context.CancelFunc
	status         chan int
}

// watch starts the program in a bubble; it looks for changes every second.
func watch(t *testing.T, directories ...string) *watcher {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watcher{t: t, cancel: cancel, status: make(chan int, 1)}
	go func() {
		w.status <- run(ctx, append([]string{"-watch"}, directories...), &w.stdout, &w.stderr)
	}()
	return w
}

// expect lets seconds pass and compares what the program has printed since.
func (w *watcher) expect(what string, seconds int, stdout, stderr string) {
	w.t.Helper()
	<-time.After(time.Duration(seconds)*time.Second + time.Millisecond)
	synctest.Wait()
	if diff := cmp.Diff(stdout, w.stdout.take()); diff != "" {
		w.t.Errorf("%s: stdout (-want +got):\n%s", what, diff)
	}
	if diff := cmp.Diff(stderr, w.stderr.take()); diff != "" {
		w.t.Errorf("%s: stderr (-want +got):\n%s", what, diff)
	}
}

func TestWatch(t *testing.T) {
	engine, group := t.TempDir(), t.TempDir()
	path := filepath.Join(engine, "tea.json")
	describe := func(metrics ...string) string {
		m := make(map[string]Metric)
		for i := 0; i < len(metrics); i += 3 {
			m[metrics[i]] = Metric{metrics[i+1], metrics[i+2]}
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write(t, engine, "tea.json", describe("tea.cups", "counter", "cups", "tea.heat", "gauge", "degrees"))
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, engine, group)
		w.expect("begin", 0, `2 metrics from 1 sources
  tea.cups  counter  tea  cups
  tea.heat  gauge    tea  degrees
tea, of the engine
  tea.cups  counter  cups
  tea.heat  gauge    degrees
`, "stats: "+group+" holds no description file, which would be called NAME.json\n")
		w.expect("nothing happens", 60, "", "")

		write(t, engine, "tea.json", describe("tea.cups", "counter", "cups of tea", "tea.leaves", "gauge", "leaves"))
		w.expect("a file changes", 2, `  tea  tea.cups    counter (cups) → counter (cups of tea)
  tea  tea.heat    gauge (degrees) → nothing
  tea  tea.leaves  nothing → gauge (leaves)
`, "")

		write(t, engine, "tea.json", "{\n\"tea.cups\": {\"type\": \"cupper\", \"desc\": \"cups\"}}")
		w.expect("it breaks", 2, "", "stats: "+path+":2:1: the metric \"tea.cups\" is of the unknown type \"cupper\": use one of counter, gauge, histogram; the 2 metrics that it had before stay\n")
		w.expect("it stays broken", 60, "", "")
		write(t, engine, "tea.json", "{\n\"tea.cups\":")
		w.expect("it breaks elsewhere", 2, "", "stats: "+path+":2:12: unexpected end of JSON input; the 2 metrics that it had before stay\n")
		write(t, engine, "tea.json", describe("tea.cups", "counter", "cups of tea", "tea.leaves", "gauge", "dry leaves"))
		w.expect("it is repaired", 2, "  tea  tea.leaves  gauge (leaves) → gauge (dry leaves)\n", "stats: source tea has no fault any more\n")

		write(t, engine, "milk.json", describe("milk.drops", "counter", "drops", "tea.cups", "counter", "cups with milk"))
		w.expect("a file comes, which the order of names puts first", 2, `  milk  milk.drops  nothing → counter (drops)
  milk  tea.cups    nothing → counter (cups with milk)
`, "")
		write(t, group, "oat.json", describe("milk.drops", "counter", "drops of oat milk"))
		w.expect("one of the group comes", 2, "  oat  milk.drops  nothing → counter (drops of oat milk)\n", "")
		write(t, engine, "milk.json", describe("milk.drops", "counter", "drops of milk", "tea.cups", "counter", "cups with milk"))
		w.expect("one that is overridden changes", 2, "  milk  milk.drops  counter (drops) → counter (drops of milk), and oat answers for it\n", "")
		write(t, group, "tea.json", describe("tea.cups", "histogram", "cups in a day"))
		w.expect("one of the group takes a place", 2, `  tea  tea.cups    counter (cups of tea) → histogram (cups in a day)
  tea  tea.leaves  gauge (dry leaves) → nothing
`, "")
		remove(t, group, "tea.json")
		w.expect("it gives it back", 2, `  tea  tea.cups    histogram (cups in a day) → counter (cups of tea), and milk answers for it
  tea  tea.leaves  nothing → gauge (dry leaves)
`, "")

		if err := os.Rename(group, group+".away"); err != nil {
			t.Fatal(err)
		}
		write(t, engine, "green tea.json", "{}")
		w.expect("a directory goes, and a file comes whose name is unfit", 2, "", "stats: open "+group+": no such file or directory\n"+
			"stats: "+filepath.Join(engine, "green tea.json")+" cannot be a source: let its name be at most 200 bytes, printable and without spaces\n"+
			"stats: stat "+filepath.Join(group, "oat.json")+": no such file or directory; the 1 metrics that it had before stay\n")
		if err := os.Rename(group+".away", group); err != nil {
			t.Fatal(err)
		}
		remove(t, engine, "green tea.json")
		w.expect("both are well again", 2, "", "stats: directory "+group+" has no fault any more\n"+
			"stats: file "+filepath.Join(engine, "green tea.json")+" has no fault any more\n"+
			"stats: source oat has no fault any more\n")

		remove(t, engine, "tea.json")
		remove(t, engine, "milk.json")
		remove(t, group, "oat.json")
		w.expect("all files go", 2, `  oat   milk.drops  counter (drops of oat milk) → nothing
  milk  milk.drops  counter (drops of milk) → nothing
  milk  tea.cups    counter (cups with milk) → nothing
  tea   tea.cups    counter (cups of tea) → nothing
  tea   tea.leaves  gauge (dry leaves) → nothing
`, "")
		w.cancel()
		if status := <-w.status; status != 0 {
			t.Errorf("exit status is %d after an interruption, want 0", status)
		}
	})
}

// Whatever order files came in, the catalogue is that of a program that starts later;
// and those that were there before are not read again.
func TestOrderDoesNotDependOnHistory(t *testing.T) {
	dir := t.TempDir()
	names := []string{"m", "z", "a", "q", "a-b", "b"}
	synctest.Test(t, func(t *testing.T) {
		c, err := newCatalogue()
		if err != nil {
			t.Fatal(err)
		}
		c.follow([]string{dir}, time.Hour)
		if err := c.open(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		came := make(map[string]time.Time)
		for i, name := range names {
			<-time.After(time.Minute)
			came[name] = time.Now()
			write(t, dir, name+".json", fmt.Sprintf(`{"x": {"type": "gauge", "desc": %q}}`, name))
			if wrong := c.look(); len(wrong) > 0 {
				t.Errorf("wrong is %v", wrong)
			}
			synctest.Wait()
			want := slices.Sorted(slices.Values(names[:i+1]))
			if diff := cmp.Diff(want, slices.Collect(c.feed.Table().Get().Sources())); diff != "" {
				t.Errorf("sources after %s came (-want +got):\n%s", name, diff)
			}
		}
		for _, s := range c.feed.Status() {
			if !s.Good.Equal(came[s.Source]) {
				t.Errorf("%s was read at %v, want only at %v", s.Source, s.Good, came[s.Source])
			}
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
}

// A late source publishes when it is told to.
type late chan map[string]Metric

func (l late) Run(ctx context.Context, publish func(map[string]Metric)) error {
	select {
	case m := <-l:
		publish(m)
		<-ctx.Done()
	case <-ctx.Done():
	}
	return nil
}

// A change of order alone is not what next waits for.
func TestNextPassesOverOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := newCatalogue()
		if err != nil {
			t.Fatal(err)
		}
		gauge := func(text string) map[string]Metric { return map[string]Metric{"x": {"gauge", text}} }
		if err := c.engine.Apply(Metrics.Bind("tea", data.Static(gauge("cups"))), Metrics.Bind("milk", data.Static(gauge("drops")))); err != nil {
			t.Fatal(err)
		}
		if err := c.open(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		last := c.feed.Table().Get()
		own := make(late)
		if err := c.group.Apply(Metrics.Bind("milk", own)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sources := slices.Collect(c.feed.Table().Get().Sources()); sources[0] != "milk" {
			t.Errorf("sources are %v: the order has not changed", sources)
		}
		go func() {
			<-time.After(time.Minute)
			own <- gauge("drops of oat milk")
		}()
		now, err := c.next(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := now.Get("milk", "x"); m.Text != "drops of oat milk" {
			t.Errorf("next returned when milk was %q", m.Text)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.next(ctx, now); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next without a change returned %v", err)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
}

// The directory that CAPABILITY_STATS names is read whole, and all of it printed.
func TestRealDescriptions(t *testing.T) {
	dir := os.Getenv("CAPABILITY_STATS")
	if dir == "" {
		t.Log("CAPABILITY_STATS is not set: TestDirectories reads descriptions of its own")
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no description files: %v", dir, err)
	}
	want := make(map[string]map[string]Metric)
	keys := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var metrics map[string]Metric
		if err := json.Unmarshal(text, &metrics); err != nil {
			t.Fatal(err)
		}
		want[strings.TrimSuffix(filepath.Base(file), ".json")] = metrics
		for key := range metrics {
			keys[key] = true
		}
	}
	c, err := newCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	c.follow([]string{dir}, time.Second)
	wrong := c.look()
	if err := c.open(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	maps.Copy(wrong, c.look())
	if len(wrong) > 0 {
		t.Errorf("wrong is %v", wrong)
	}
	table := c.feed.Table().Get()
	got := make(map[string]map[string]Metric)
	for source := range table.Sources() {
		got[source] = maps.Collect(table.BySource(source))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	status, stdout, stderr := statsRun(t, dir)
	if status != 0 || stderr != "" {
		t.Errorf("exit status %d and stderr %q", status, stderr)
	}
	if head := fmt.Sprintf("%d metrics from %d sources\n", len(keys), len(files)); !strings.HasPrefix(stdout, head) {
		t.Errorf("the output does not begin with %q", head)
	}
	for key := range keys {
		if !strings.Contains(stdout, "\n  "+key+" ") {
			t.Errorf("%s is not printed", key)
		}
	}
}
