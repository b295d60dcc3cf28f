// Tests of nodes: what each does with events.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// alarms is a placement in which the pipeline tests ships at most three problems to a
// file, with a token that expires after two hours.
func alarms(file string) source {
	return source{"p.json", fmt.Appendf(nil, `{
  "extensions": {
    "shipper": {"extension": "token", "config": {"subject": "engine", "secret": "s", "lifetime": "2h", "tokens": 1}},
    "three": {"extension": "ratelimit", "config": {"events": 3, "every": "24h"}},
    "areas": {"extension": "dataset", "config": {"sources": [{"name": "n", "entries": {"example.org/x Test*": "tests of x"}}]}}
  },
  "groups": {"ci": {"pipelines": {"tests": {"nodes": {
    "area": {"type": "label", "capabilities": {"lookup": "areas"}},
    "alarm": {"type": "ship", "capabilities": {"credentials": "shipper", "health": "shipper", "limit": "three"}, "config": {"file": %q}}
  }}}}}
}`, file)}
}

// TestShip reads what was shipped as the one who has the secret would.
func TestShip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "problems")
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(2 * time.Hour).Unix()
		e := placedEngine(t, options{}, alarms(file))
		feed(t, e, 1, `{"Action":"fail","Package":"example.org/x","Test":"Test<A>","Elapsed":1}`)
		feed(t, e, 2, `{"Action":"pass","Package":"example.org/x","Test":"TestB","Elapsed":1}`, `{"Action":"build-fail","ImportPath":"example.org/y"}`)
		time.Sleep(2 * time.Hour) // the token expires
		feed(t, e, 4, strings.TrimSpace(failure), strings.TrimSpace(failure))
		wantHas(t, text(t, e.result("lines", nil)),
			"events by label\n    4  tests of x\n    1  (no label)\n    5  in all\n",
			"problems shipped\n    2  signed\n    1  more than the limit lets pass\n    1  held back, as the credentials were not well\n")
		found, _ := e.byKind[KindTest].sinks.Get().Find("alarm")
		if err := e.close(); err != nil {
			t.Error(err)
		}
		if err := found.(*ship).to.(*os.File).Close(); !errors.Is(err, os.ErrClosed) {
			t.Error("the file is open after the engine was closed")
		}
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range bytes.Lines(written) {
			var s shipment
			if err := json.Unmarshal(line, &s); err != nil {
				t.Fatal(err)
			}
			if !s.Signature.verify("s", s.Problem) || s.Signature.verify("s", append(s.Problem, ' ')) {
				t.Errorf("the signature does not tell who signed: %s", line)
			}
			if s.Signature.By != "engine" || s.Signature.Until != until {
				t.Errorf("the signature is of %q until %d, want \"engine\" and %d", s.Signature.By, s.Signature.Until, until)
			}
			got = append(got, string(s.Problem))
		}
		want := []string{
			`{"line":1,"label":"tests of x","text":"fail example.org/x Test\u003cA\u003e"}`,
			`{"line":3,"label":"(no label)","text":"build-fail example.org/y"}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("problems differ (-want +got):\n%s", diff)
		}
	})
}

// TestShipThatCannotWrite checks that the run ends when a problem would be lost.
func TestShipThatCannotWrite(t *testing.T) {
	e := placedEngine(t, options{}, alarms(""))
	found, _ := e.byKind[KindTest].sinks.Get().Find("alarm")
	found.(*ship).to = full{}
	err := e.line(1, []byte(strings.TrimSpace(failure)), nil)
	if err == nil {
		t.Fatal("a problem was lost without an error")
	}
	wantHas(t, err.Error(), "line 1", `provider "alarm"`, "no space left")
}

// TestThrottleIsAskedLast checks that what other filters leave out takes nothing from the
// limit.
func TestThrottleIsAskedLast(t *testing.T) {
	e := placedEngine(t, options{only: "keep", quiet: 1}, source{"p.json", []byte(`{"pipelines": {"anything": {
  "extensions": {"two": {"extension": "ratelimit", "config": {"events": 2, "every": "24h"}}},
  "nodes": {"brake": {"type": "throttle", "capabilities": {"limit": "two"}}}
}}}`)})
	feed(t, e, 1, "drop 1", "drop 2", `{"level":"debug","msg":"keep this if it matters"}`, "keep 1", "keep 2", "keep 3")
	if e.rest.kept != 2 {
		t.Errorf("%d events were kept, want 2", e.rest.kept)
	}
	wantHas(t, text(t, e.result("lines", nil)), "2  keep #\n", "stopped by the limit\n    1  events\n")
}
