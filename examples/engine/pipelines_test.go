// Tests of what the levels do: overriding, replacing and adding providers.

package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// feed gives the engine lines, from the number on.
func feed(t *testing.T, e *engine, from int, lines ...string) {
	t.Helper()
	for i, line := range lines {
		if err := e.line(from+i, []byte(line), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOverriding sends one message through each pipeline: its severity shows
// which level answered.
func TestOverriding(t *testing.T) {
	for _, test := range []struct {
		pipeline, line string
		want           Severity
	}{
		{"anything", "error", Error},                                                                         // the engine goes by words
		{"packages", "2024-01-02 03:04:05 install error <none> 1.0", Info},                                   // ops does not
		{"requests", `192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] "GET /error HTTP/1.1" 404 0`, Warning},      // requests has the status
		{"tests", `{"Action":"skip","Package":"example.org/error","Test":"TestError","Elapsed":0}`, Warning}, // ci has the outcome
	} {
		t.Run(test.pipeline, func(t *testing.T) {
			e := testEngine(t, options{})
			feed(t, e, 1, test.line)
			var want problems
			want.counts[test.want]++
			sinks := e.sinks.Get()
			found, _ := sinks.Find("problems")
			if diff := cmp.Diff(want.counts, found.(*problems).counts); diff != "" {
				t.Errorf("counts of info, warning and error differ (-want +got):\n%s", diff)
			}
			if p := e.result("", nil).pipelines; len(p) != 1 || !strings.HasPrefix(p[0].name, test.pipeline+" ") {
				t.Errorf("the line went to %v", p)
			}
		})
	}
}

// TestRows checks that the narrowest opinion about the one provider wins.
func TestRows(t *testing.T) {
	e := testEngine(t, options{})
	p := e.byKind[KindRequest]
	rows := func() string { return fmt.Sprint(e.rows.Get(), p.rows.Get()) }
	got := []string{rows()}
	if err := e.registry.Apply(Rows.Bind("rows", 7)); err != nil {
		t.Fatal(err)
	}
	got = append(got, rows())
	printer := capability.NewRegistry(capability.Node, "printer")
	if err := printer.Apply(Rows.Bind("wide", 9)); err != nil {
		t.Fatal(err)
	}
	node, err := p.scope.With(printer)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	wide, err := Rows.Handle(node)
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, fmt.Sprint(wide.Get()))
	if diff := cmp.Diff([]string{"5 5", "7 7", "9"}, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

func TestReplacementWhileLinesFlow(t *testing.T) {
	routine := `{"Action":"run","Package":"example.org/x","Test":"TestA"}`
	for _, test := range []struct{ quiet, first, dropped int64 }{{3, 4, 7}, {9, 10, 1}, {10, 0, 0}, {0, 0, 0}} {
		e := testEngine(t, options{quiet: int(test.quiet)})
		for i := range 10 {
			feed(t, e, i+1, routine)
		}
		r := e.result("", nil)
		if r.quieted != test.first || r.dropped != test.dropped || r.pipelines[0].kept != 10-test.dropped {
			t.Errorf("quiet after %d: first asked about line %d, %d dropped, %d kept; want line %d and %d dropped",
				test.quiet, r.quieted, r.dropped, r.pipelines[0].kept, test.first, test.dropped)
		}
	}
}

// TestReplacementByAnotherGoroutine replaces the filter again and again while
// lines flow. Each event meets one filter or the other.
func TestReplacementByAnotherGoroutine(t *testing.T) {
	e := testEngine(t, options{})
	var loud quiet
	loud.first.Store(1)
	stop := make(chan struct{})
	commits := 0
	var working sync.WaitGroup
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, change := range []capability.Change{
				Filters.Rebind("chatter", e.quiet.keep),
				Filters.Rebind("chatter", func(*Event) bool { loud.dropped.Add(1); return true }),
			} {
				if err := e.registry.Apply(change); err != nil {
					t.Error(err)
				}
				commits++
				runtime.Gosched()
			}
		}
	})
	// Until the first commit, the filter that counts nothing lets events pass.
	line, before := 0, int64(0)
	for e.quiet.dropped.Load() < 100 || loud.dropped.Load() < 100 {
		line++
		feed(t, e, line, `{"Action":"run","Package":"example.org/x","Test":"TestA"}`)
		if e.quiet.first.Load() == 0 && loud.dropped.Load() == 0 {
			before++
		}
	}
	close(stop)
	working.Wait()
	p := e.byKind[KindTest]
	if got := e.quiet.dropped.Load() + loud.dropped.Load() + before; got != int64(line) || p.events != int64(line) {
		t.Errorf("%d events met a filter, want %d", got, line)
	}
	if p.kept != loud.dropped.Load()+before || e.bad != 0 {
		t.Errorf("%d events were kept and %d lines were bad, want %d and none", p.kept, e.bad, loud.dropped.Load()+before)
	}
	t.Logf("%d commits over %d lines", commits, line)
}

// parseLogfmt takes lines of key=value pairs with a level.
func parseLogfmt(text string) (d capability.Decision[*Event], err error) {
	if level, rest, ok := strings.Cut(text, " msg="); ok && strings.HasPrefix(level, "level=") {
		return capability.Decided(&Event{Kind: "logfmt", Text: text, Action: level[len("level="):], Subject: rest}), nil
	}
	return
}

// TestNewParserIsOneBind adds a format to a running engine.
func TestNewParserIsOneBind(t *testing.T) {
	e := testEngine(t, options{})
	feed(t, e, 1, "level=warn msg=fine")
	if err := e.registry.Apply(Parsers.Bind("logfmt", parseLogfmt)); err != nil {
		t.Fatal(err)
	}
	feed(t, e, 2, "level=warn msg=fine again", "fine")
	if diff := cmp.Diff(map[string]int{"text": 2, "logfmt": 1}, e.by); diff != "" {
		t.Errorf("events by parser differ (-want +got):\n%s", diff)
	}
}

// TestProviderThatPanics checks that a line costs a line, wherever the panic is,
// and that the locks of the sinks are free again.
func TestProviderThatPanics(t *testing.T) {
	e := testEngine(t, options{})
	err := e.registry.Apply(
		Enrichers.Bind("fragile", func(e *Event) (*Event, error) {
			if e.Text == "fragile enricher" {
				panic("broken")
			}
			return e, nil
		}),
		Sinks.Bind("fragile", newTally("fragile", func(e *Event) string {
			if e.Text == "fragile sink" {
				panic(errors.New("broken too"))
			}
			return e.Text
		})),
	)
	if err != nil {
		t.Fatal(err)
	}
	feed(t, e, 1, "fine", "fragile enricher", "fragile sink", "fine again")
	want := []badLine{{2, "panic: broken"}, {3, "panic: broken too"}}
	if diff := cmp.Diff(want, e.badLines, cmp.AllowUnexported(badLine{})); diff != "" {
		t.Errorf("bad lines differ (-want +got):\n%s", diff)
	}
	if e.understood != 2 {
		t.Errorf("%d lines were understood, want 2", e.understood)
	}
}

// TestNothingIsTakenAway checks that a running engine keeps what it resolved.
func TestNothingIsTakenAway(t *testing.T) {
	e := testEngine(t, options{top: 7})
	if err := e.registry.Apply(Rows.Unbind("rows"), Rows.Mask("rows")); !errors.Is(err, capability.ErrInUse) {
		t.Errorf("the error is %v, want %v", err, capability.ErrInUse)
	}
	if got := e.rows.Get(); got != 7 {
		t.Errorf("rows are %d after a refused change, want 7", got)
	}
}

// TestGuardIsOutermost checks the rule of Around: a middleware of a pipeline
// that panics is guarded too.
func TestGuardIsOutermost(t *testing.T) {
	e := testEngine(t, options{})
	around, err := Around.All().Handle(e.rest.scope)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"guard", "unrepeated"}, around.Get().Names()); diff != "" {
		t.Errorf("middlewares differ (-want +got):\n%s", diff)
	}
}
